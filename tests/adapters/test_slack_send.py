"""Slack, outwards: a card is sent once, found again by its key, changed in place; what goes wrong is a value."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from time import sleep

import pytest

from bot.adapters.base import Address, DeliveryRef, NotThere, Refused, Retry, Sent, Unknown
from bot.adapters.slack import adapter as adapter_module
from bot.adapters.slack.client import Answer
from tests.adapters.slack_product import CARD, LI, NOW, TO_LI, Product, a_product, no_secrets, words
from tests.fakes.slack import FakeSlack, broken, dropped, hangs, refused, too_many
from tests.fakes.slack_product import a_loop, a_workspace


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with a_workspace() as fake:
        yield fake


@pytest.fixture
def product(slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Product]:
    caplog.set_level(logging.DEBUG)
    with a_loop() as loop, a_product(slack, loop, tmp_path) as made:
        yield made
    assert not slack.wrong
    no_secrets(caplog)


def find(product: Product, key: str) -> object:
    return product.loop.run(product.adapter.find(TO_LI, key, b""))


def test_a_card_is_on_the_screen_and_is_found_by_its_key(slack: FakeSlack, product: Product) -> None:
    sent = product.send(key="k1")
    [card] = slack.screen(LI)
    assert sent == Sent(f"{card.channel}:{card.ts}")
    assert card.text == "逾期 7 天 · 华兴商贸 · 请今天联系客户。"
    assert "🔴 紧急 · 逾期 7 天 · 华兴商贸" in words(card.blocks) and "还有 3 项" in words(card.blocks)
    assert card.metadata is not None and "k1" not in str(card.metadata) and "128" not in str(card.metadata)
    assert find(product, "k1") == sent
    assert find(product, "k2") == NotThere()
    assert [c.method for c in slack.calls].count("conversations.open") == 1


def test_an_update_draws_the_same_message_with_new_block_ids(slack: FakeSlack, product: Product) -> None:
    sent = product.send()
    before = slack.screen(LI)[0]
    closed = replace(CARD, title="已承诺 7-15", closed=True, tone="muted")
    ref = DeliveryRef(TO_LI, sent.ref, 1, 2)
    assert product.loop.run(product.adapter.update(ref, closed)) == sent
    [after] = slack.screen(LI)
    assert "⚪ 已结束 · 已承诺 7-15" in words(after.blocks) and not after.edited and after.metadata
    assert not {b["block_id"] for b in before.blocks} & {b["block_id"] for b in after.blocks}
    assert not any(b["type"] == "actions" for b in after.blocks)
    gone = DeliveryRef(TO_LI, before.channel + ":1.000001", 1, 2)
    assert product.loop.run(product.adapter.update(gone, closed)) == Refused("message_not_found")
    assert isinstance(product.loop.run(product.adapter.update(DeliveryRef(TO_LI, "", 7, 2), closed)), Refused)


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (too_many(7), Retry(7.0, "ratelimited")),
        (refused("invalid_auth"), Retry(300.0, "invalid_auth")),
        (refused("is_archived"), Refused("is_archived")),
        (refused("internal_error"), Unknown("internal_error")),
        (broken(500), Unknown("HTTP 500")),
        (broken(503, "<html>", "text/html"), Unknown("HTTP 503")),
        (broken(200, "{", "application/json"), Unknown("HTTP 200")),
    ],
)
def test_what_slack_answers_is_a_value(slack: FakeSlack, product: Product, fault: object, result: object) -> None:
    slack.fail("chat.postMessage", fault)  # type: ignore[arg-type]
    assert product.send() == result
    assert slack.screen(LI) == []


def test_after_a_lost_answer_the_message_is_found_and_not_sent_again(slack: FakeSlack, product: Product) -> None:
    slack.fail("chat.postMessage", dropped())
    assert isinstance(product.send(key="k1"), Unknown)
    [card] = slack.screen(LI)
    assert find(product, "k1") == Sent(f"{card.channel}:{card.ts}")
    slack.fail("chat.postMessage", dropped(after_taking_it=False))
    assert isinstance(product.send(key="k2"), Unknown)
    assert find(product, "k2") == NotThere()
    slack.fail("conversations.history", broken())
    assert isinstance(find(product, "k2"), Unknown)


def test_what_may_stand_there_for_days_is_looked_for_as_far_back(
    slack: FakeSlack, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that was off over the weekend. What goes farther back than can be looked through is not sworn to."""
    product.send(key="k1")
    monkeypatch.setattr(adapter_module, "LOOK_BACK", 0.0)
    sleep(0.01)
    find, week = product.adapter.find, NOW - timedelta(days=7)
    assert product.loop.run(find(TO_LI, "k1", b"")) == NotThere()
    assert isinstance(product.loop.run(find(TO_LI, "k1", b"", week)), Sent)
    assert product.loop.run(find(TO_LI, "k2", b"", week)) == NotThere()
    assert product.loop.run(find(TO_LI, "k1", b"", NOW + timedelta(days=7))) == NotThere()  # a clock that was put right
    monkeypatch.setattr(adapter_module, "PAGES", 1)
    for _ in range(200):
        slack.call(lambda: slack.at.post(replace(slack.at.messages[0], ts=slack.at.new_ts(), metadata=None)))
    assert isinstance(product.loop.run(find(TO_LI, "k1", b"", week)), Unknown)


@pytest.mark.parametrize(
    ("method", "body", "result"),
    [
        ("conversations.open", '{"ok": true}', Retry(30.0, "conversations.open names no channel")),
        ("conversations.open", '{"ok": true, "channel": {"id": 7}}', Retry(30.0, "conversations.open names no channel")),
        ("chat.postMessage", '{"ok": true}', Unknown("posted without a name")),
    ],
)
def test_an_answer_without_what_it_promises_is_a_value(
    slack: FakeSlack, product: Product, method: str, body: str, result: object
) -> None:
    slack.fail(method, broken(200, body, "application/json"))
    assert product.send() == result
    assert isinstance(product.send(), Sent)


def test_a_call_has_an_end(slack: FakeSlack, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot.adapters.slack import client

    monkeypatch.setattr(client, "SECONDS", 1.0)
    product.loop.run(product.adapter.api.close())
    product.adapter.api.closed = False
    slack.fail("chat.postMessage", hangs(5))
    assert product.send() == Unknown("TimeoutError")


def test_before_there_is_a_conversation_nothing_was_said(slack: FakeSlack, product: Product) -> None:
    slack.fail("conversations.open", broken())
    assert isinstance(product.send(), Retry)
    assert product.send(to=Address("U0NOBODY")) == Refused("user_not_found")


def test_slack_that_is_away_is_tried_later(slack: FakeSlack, tmp_path: Path) -> None:
    with a_loop() as loop:
        with FakeSlack() as other:
            made = Product(other, loop, tmp_path / "away.db")
        assert isinstance(made.send(), Retry)
        made.stop()


def test_what_was_sent_before_is_found_over_several_pages(slack: FakeSlack, product: Product) -> None:
    product.send(key="first")
    for n in range(3):
        slack.say(LI, f"line {n}")
    for _ in range(250):
        slack.call(lambda: slack.at.post(replace(slack.at.messages[0], ts=slack.at.new_ts(), metadata=None)))
    assert isinstance(find(product, "first"), Sent)


def test_posts_to_one_person_keep_to_the_pace(slack: FakeSlack, product: Product) -> None:
    slack.limit_posts()
    assert all(isinstance(product.send(key=f"k{n}"), Sent) for n in range(5))


def test_a_second_process_knows_the_conversation(slack: FakeSlack, product: Product, tmp_path: Path) -> None:
    product.send()
    with a_loop() as loop:
        again = Product(slack, loop, tmp_path / "slack.db")
        assert isinstance(again.send(key="other"), Sent)
        again.stop()
    assert [c.method for c in slack.calls].count("conversations.open") == 1




def test_where_old_answers_stand_is_forgotten_and_nothing_else(product: Product) -> None:
    adapter, posted = product.adapter, Answer({"channel": "D1", "ts": "1.2"})
    for days, number in ((0, 1), (91, 2)):
        adapter._clock = lambda days=days: NOW + timedelta(days=days)  # type: ignore[misc]
        product.loop.run(adapter.dm(LI))
        product.loop.run(adapter.keep_shown(number, posted))
    assert [adapter._shown(number) for number in (1, 2)] == ["", "D1:1.2"]
    assert adapter._memory.get(f"dm:{LI}") is not None
