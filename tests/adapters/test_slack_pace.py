"""Slack's limits, outwards: what it asked to wait with does not leave, changes keep to their tier, answers go first."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.base import Address, DeliveryRef, Reply, Retry, Sent
from bot.adapters.pace import Pace, Quota
from bot.adapters.slack import client, home
from tests.adapters.slack_product import CARD, LI, LOG, PAID, TO_LI, WANG, Product, a_product, asking, find, words
from tests.fakes.slack import FakeSlack, too_many
from tests.fakes.slack_product import a_loop, a_workspace, until


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    with a_workspace() as fake:
        yield fake


@pytest.fixture
def product(slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Product]:
    with a_loop() as loop, a_product(slack, loop, tmp_path) as made:

        async def sleep(seconds: float) -> None:
            pass_(slack, made, seconds)

        monkeypatch.setattr(client, "sleep", sleep)
        monkeypatch.setattr(home, "sleep", sleep)
        yield made
    assert not slack.wrong


def pass_(slack: FakeSlack, product: Product, seconds: float) -> None:
    product.now += timedelta(seconds=seconds)
    slack.at.shift += seconds


def calls(slack: FakeSlack, method: str) -> int:
    return [call.method for call in slack.calls].count(method)


def refused(slack: FakeSlack) -> list[str]:
    return [call.method for call in slack.calls if (call.answer or {}).get("error") == "ratelimited"]


def update(product: Product, ref: str, rev: int = 2) -> Any:
    return product.loop.run(product.adapter.update(DeliveryRef(TO_LI, ref, 1, rev), replace(CARD, closed=True)))


def test_a_method_that_was_told_to_wait_is_not_called_before(slack: FakeSlack, product: Product) -> None:
    product.adapter._pace = Pace(0)
    card = product.send(key="before")
    slack.fail("chat.postMessage", too_many(30))
    assert product.send(key="k1") == Retry(30.0, "ratelimited")
    posts = calls(slack, "chat.postMessage")
    assert product.send(key="k2", to=Address(WANG)) == Retry(30.0, "ratelimited"), "somebody else's card, the same method"
    assert update(product, card.ref) == card, "another method"
    pass_(slack, product, 20)
    assert product.send(key="k1") == Retry(10.0, "ratelimited")
    assert calls(slack, "chat.postMessage") == posts
    pass_(slack, product, 10)
    assert isinstance(product.send(key="k1"), Sent) and isinstance(product.send(key="k2", to=Address(WANG)), Sent)


@pytest.mark.parametrize("method", ["conversations.open", "chat.update", "files.getUploadURLExternal"])
def test_whichever_method_it_was(slack: FakeSlack, product: Product, method: str) -> None:
    card = product.send(key="before")
    upload, to_wang = product.adapter.upload, Address(WANG)

    def once() -> Any:
        if method == "conversations.open":
            return product.send(key="k", to=to_wang)
        return update(product, card.ref) if method == "chat.update" else product.loop.run(upload(TO_LI, "1.pdf", b"1"))

    slack.fail(method, too_many(7))
    assert once() == Retry(7.0, "ratelimited")
    before = calls(slack, method)
    assert once() == Retry(7.0, "ratelimited") and calls(slack, method) == before
    pass_(slack, product, 7)
    assert isinstance(once(), Sent)


def test_changes_keep_to_their_tier_and_come_again(slack: FakeSlack, product: Product) -> None:
    card = product.send()
    slack.limit_posts()
    waiting, rounds = list(range(120)), 0
    while waiting:
        results = [update(product, card.ref, 2 + n) for n in waiting]
        waiting = [n for n, result in zip(waiting, results, strict=True) if result != card]
        assert all(isinstance(result, Retry) and 0 < result.after_seconds <= 62 for result in results if result != card)
        rounds += 1
        pass_(slack, product, 31)
    assert refused(slack) == [] and rounds == 5, "48 a minute"


def test_a_tapped_card_changes_though_others_have_to_wait(slack: FakeSlack, product: Product) -> None:
    tapped, other = product.shown(), product.shown(replace(CARD, title="另一张"))
    for n in range(60):
        update(product, f"{other.channel}:{other.ts}", 2 + n)
    assert isinstance(update(product, f"{other.channel}:{other.ts}"), Retry)
    slack.tap(LI, tapped, find(tapped.blocks, "letters.release"), sure=True)
    until(lambda: len(product.heard) == 1)
    assert isinstance(update(product, f"{tapped.channel}:{tapped.ts}"), Sent)
    assert isinstance(update(product, f"{tapped.channel}:{tapped.ts}"), Retry), "once for a tap"


def test_answers_to_taps_wait_for_nobody(slack: FakeSlack, product: Product) -> None:
    """Posts, whispers and changes are shut; what a tap brings goes where it was tapped, and forms open."""
    card = product.shown()
    for method in ("chat.postMessage", "chat.postEphemeral", "chat.update"):
        product.adapter.api.quotas.setdefault(method, Quota(lambda: product.now)).shut(30.0)
    product.says = [Reply("done", "已放行。"), asking(PAID)]
    before = product.now
    slack.tap(LI, card, find(card.blocks, "letters.release"), sure=True)
    until(lambda: "已放行。" in slack.screen(LI)[-1].text)
    slack.tap(LI, card, find(card.blocks, "task.paid"))
    until(lambda: slack.view(LI))
    assert product.now == before


def test_an_answer_that_slack_asks_to_wait_with_is_shown_after_that(slack: FakeSlack, product: Product) -> None:
    before = product.now
    slack.fail("chat.postMessage", too_many(30))
    slack.say(LI, "你好")
    until(lambda: calls(slack, "chat.postMessage") == 2)
    until(lambda: slack.screen(LI)[-1].text == "已登记。")
    assert product.now - before >= timedelta(seconds=30)


def test_whispers_come_after_that_too(slack: FakeSlack, product: Product) -> None:
    slack.fail("chat.postEphemeral", too_many(30))
    slack.mention(LI, "C0SALES", "余额 华兴")
    until(lambda: [m.text for m in slack.screen(LI) if m.only_for] == ["已登记。"])


def test_a_question_becomes_its_answer_though_other_changes_have_to_wait(slack: FakeSlack, product: Product) -> None:
    product.adapter._pace = Pace(0)
    other = product.shown()
    asked = Reply("done", "", replace(CARD, actions=(replace(LOG, id="reply.pick"),)), delivery_id=3)
    product.says = [asked, Reply("done", "", replace(CARD, title="余额"))]
    slack.say(LI, "余额 华")
    until(lambda: slack.screen(LI)[-1].by_bot)
    card = slack.screen(LI)[-1]
    for n in range(60):
        update(product, f"{other.channel}:{other.ts}", 2 + n)
    slack.tap(LI, card, find(card.blocks, "reply.pick"), "paid")
    until(lambda: "余额" in words(slack.screen(LI)[-1].blocks))
    assert slack.screen(LI)[-1].ts == card.ts


def test_a_home_that_slack_asks_to_wait_with_is_drawn_after_that(slack: FakeSlack, product: Product) -> None:
    before = product.now
    slack.fail("views.publish", too_many(30))
    slack.open_home(LI)
    until(lambda: slack.home(LI) is not None)
    assert product.now - before >= timedelta(seconds=30) and calls(slack, "views.publish") == 2
