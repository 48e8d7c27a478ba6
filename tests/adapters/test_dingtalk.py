"""Sending to DingTalk: cards, text messages, updates, and every way in which a call can go wrong."""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Address, DeliveryRef, NotThere, Refused, Retry, Sent, Unknown
from bot.adapters.build import messenger
from bot.adapters.dingtalk import render, text
from bot.adapters.dingtalk.client import QUOTA, Failed
from bot.adapters.dingtalk.refs import Refs
from bot.card import Card, Field
from bot.notifications.record import TOO_LONG
from bot.settings import Settings
from core.errors import ConfigError
from tests.adapters.dingtalk_product import (
    APPROVE,
    CANARY,
    LI,
    LOG,
    NOW,
    PROMISE,
    Product,
    card,
    hidden,
    played,
    products,
    settings,
    sqlite,
)
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk

CREATE, SEND = "/v1.0/card/instances/createAndDeliver", "/v1.0/robot/oToMessages/batchSend"
HOSTILE = (
    "<!channel> **x** [a](http://x) ]]> &amp; `c` _u_ ~~s~~ {v} |t| \\# h\n"
    "1. one\n- two\n> q\n# h\n+ p\n=== e\n2) z\n![i](http://x)"
)
# What would be drawn as something else, if no backslash stood before it.
DRAWN = (
    "<!", "**x", "[a", "]]>", "&amp", "`c", "_u", "u_", "~~s", "s~", "{v", "v}", "|t", "t|", "\\",
    "\n1. ", "\n- two", "\n> ", "\n# ", "\n+ ", "\n==", "\n2) ", "\n!",
)  # fmt: skip


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    yield from sqlite(databases)


@pytest.fixture
def fake() -> Iterator[FakeDingTalk]:
    with played() as running:
        yield running


@pytest.fixture
def product(fake: FakeDingTalk, engine: Engine) -> Iterator[Callable[..., Product]]:
    yield from products(fake, engine)


def shown(markdown: str) -> str:
    """What a reader sees: escapes and line breaks undone."""
    return re.sub(r"\\([^\w\s]|_)", r"\1", markdown).replace("  \n", "\n")


# --- what is shown ---


def test_a_card_stands_in_the_persons_chat(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    sent = hk.send(card(PROMISE, APPROVE))
    assert isinstance(sent, Sent)
    [seen] = fake.screen("li")
    assert (seen.card, seen.problem) == (sent.ref, "")
    assert [each.text for each in seen.buttons] == ["承诺日期", "批准"]
    assert seen.variables["title"] == "逾期 7 天 · 甲公司"
    assert "**逾期金额**：¥120,000.00" in seen.variables["content"]
    assert seen.variables["result"] == "负责人 李四"
    assert seen.form == ()
    assert fake.screen("wang") == []


def test_an_update_changes_the_same_card_and_closing_takes_its_buttons(
    product: Callable[..., Product], fake: FakeDingTalk
) -> None:
    hk = product()
    sent = hk.send()
    closed = card(title="已承诺 · 甲公司", closed=True, actions=())
    result = hk.run(hk.adapter.update(DeliveryRef(LI, sent.ref, 1, 2), closed))
    assert result == Sent(sent.ref)
    [seen] = fake.screen("li")
    assert (seen.variables["title"], seen.variables["status_text"]) == ("已承诺 · 甲公司", "已结束")
    assert seen.buttons == ()


def test_an_update_of_nothing_is_refused(product: Callable[..., Product]) -> None:
    hk = product()
    assert isinstance(hk.run(hk.adapter.update(DeliveryRef(LI, "hk-x-y", 1, 2), card())), Refused)


def test_the_same_key_shows_once(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    assert hk.send() == hk.send()
    assert hk.run(hk.adapter.find(LI, "task:1", b"")) == NotThere()
    assert len(fake.screen("li")) == 1


def test_the_same_key_shows_once_where_a_second_create_is_refused(
    product: Callable[..., Product], fake: FakeDingTalk
) -> None:
    fake.world.second_create = "refuse"
    hk = product()
    assert hk.send() == hk.send()
    assert len(fake.screen("li")) == 1


def test_text_mode_says_it_in_markdown_with_links(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False)
    sent = hk.send(card(LOG, PROMISE, APPROVE))
    [seen] = fake.screen("li")
    assert isinstance(sent, Sent) and seen.kind == "markdown" and seen.title == "逾期 7 天 · 甲公司"
    days = ["明天 7月9日", "3天内 7月11日", "周五 7月10日", "月底 7月31日"]
    assert list(seen.links) == ["承诺日期", "称已付款", "其他情况", *days, "其他…", "批准"]
    assert isinstance(hk.run(hk.adapter.find(LI, "task:1", b"")), Unknown)
    assert isinstance(hk.run(hk.adapter.update(DeliveryRef(LI, sent.ref, 1, 2), card())), Refused)


def test_whoever_reads_where_cards_dont_show_gets_text(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    to = Address("li", text_only=True)
    assert isinstance(hk.send(to=to), Sent)
    assert fake.screen("li")[0].kind == "markdown"
    assert hk.adapter.capabilities(to).updates == "never"
    assert hk.adapter.capabilities(LI).answers_in_place


@pytest.mark.parametrize("cards", [True, False])
def test_hostile_names_show_as_typed(product: Callable[..., Product], fake: FakeDingTalk, cards: bool) -> None:
    hk = product(cards=cards)
    hk.send(card(text=HOSTILE, title="**x** <!channel>", fields=(Field("客户", HOSTILE),), rows=(("**b**", "*"),)))
    [seen] = fake.screen("li")
    body = seen.variables["content"] if cards else seen.text
    assert shown(body).count(HOSTILE) == 2 and "- **b** · *" in shown(body)
    assert (seen.variables["title"] if cards else seen.title) == "**x** <!channel>"
    assert "http://x" not in seen.links.values()
    bare = re.sub(r"\\.", "·", body)  # what is left has no backslash before it
    assert [sign for sign in DRAWN if sign in bare] == []


@pytest.mark.parametrize("cards", [True, False])
def test_too_long_is_cut_and_counted(product: Callable[..., Product], fake: FakeDingTalk, cards: bool) -> None:
    hk = product(cards=cards)
    many = tuple(Field(f"字段{n}", "*" * 400) for n in range(60))
    rows = tuple((f"行{n}", "长" * 300) for n in range(80))
    assert isinstance(hk.send(card(LOG, PROMISE, text="文" * 9_000, title="题" * 300, fields=many, rows=rows)), Sent)
    [seen] = fake.screen("li")
    assert "还有" in (seen.variables["content"] if cards else seen.text)
    assert seen.buttons if cards else seen.links


def test_the_payload_is_the_same_bytes(product: Callable[..., Product]) -> None:
    drawn = product().fitted(card())
    first, second = (
        json.dumps(render.payload(drawn, ref="hk-a-b", rev=1, to="li", template="t.schema", robot="r")) for _ in range(2)
    )
    assert first == second
    assert text.message(drawn, ref="hk-a-b", today=NOW.date()) == text.message(drawn, ref="hk-a-b", today=NOW.date())


def test_refs_name_one_installations_messages() -> None:
    refs = Refs("ab12cd")
    assert refs.of("task:1") == refs.of("task:1") != Refs("ffffff").of("task:1")
    assert refs.delivery(refs.answer(41)) == 41
    assert refs.delivery(refs.of("task:1")) is None
    assert refs.delivery("hk-ffffff-d41") is None


# --- who gets it ---


@pytest.mark.parametrize("cards", [True, False])
def test_nobody_by_that_name_is_refused(product: Callable[..., Product], cards: bool) -> None:
    assert isinstance(product(cards=cards).send(to=Address("nobody")), Refused)


def test_flow_control_is_another_try(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False)
    fake.flow_control("li")
    assert isinstance(hk.send(), Retry)
    assert isinstance(hk.send(), Sent)
    assert len(fake.screen("li")) == 1


# --- what goes wrong ---


@pytest.mark.parametrize("cards", [True, False])
@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "QpsLimit", Retry),
        (429, "Throttling", Retry),
        (500, "InternalError", Unknown),
        (503, "ServiceUnavailable", Retry),
        (400, "param.error", Refused),
        (403, "Forbidden.AccessDenied.ApiCountLimitForOrg", Retry),
        (400, "param.templateUnpublished", Retry),
        (403, "Forbidden.AccessDenied.AccessTokenPermissionDenied", Retry),
    ],
)
def test_what_an_error_means(
    product: Callable[..., Product], fake: FakeDingTalk, cards: bool, status: int, code: str, expected: type
) -> None:
    hk = product(cards=cards)
    fake.fail(CREATE if cards else SEND, status=status, code=code)
    result = hk.send()
    assert isinstance(result, expected) and code in result.reason
    assert (getattr(result, "after_seconds", 0.0) >= TOO_LONG) == (code in QUOTA)  # the end of the month is
    assert fake.screen("li") == []


def test_a_token_that_is_no_good_any_more_is_replaced_once(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    assert isinstance(hk.send(), Sent)
    fake.revoke_tokens()
    assert isinstance(hk.send(key="task:2"), Sent)
    fake.advance(8000)
    assert isinstance(hk.send(key="task:3"), Sent)
    assert len(fake.calls("/v1.0/oauth2/accessToken")) == 3


def test_a_wrong_secret_is_another_try_and_never_shown(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hk = product()
    fake.world.client_secret = "another"
    result = hk.send()
    assert isinstance(result, Retry) and "invalidClientIdOrSecret" in result.reason
    assert hidden(caplog.records) and "canary" not in repr(hk.adapter.client) + repr(result)
    assert len(fake.calls(CREATE)) == 0


def test_an_error_that_repeats_the_secret_is_told_without_it(
    product: Callable[..., Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    """DingTalk's messages quote what they were asked with; they become the reason that people read."""
    caplog.set_level(logging.DEBUG)
    hk = product()
    fake.fail("/v1.0/oauth2/accessToken", status=400, code="invalidClientIdOrSecret", message=f"appSecret: {CANARY}")
    assert hk.send() == Retry(60.0, "invalidClientIdOrSecret appSecret: ***")
    fake.fail(CREATE, status=400, code="param.invalid", message=f"{CANARY} of {CANARY}")
    assert hk.send(key="task:2") == Refused("param.invalid *** of ***")
    fake.fail("/topapi/v2/user/get", status=200, code="40035", message=f"secret {CANARY}")
    outcome = hk.run(hk.adapter.client.call_old("/topapi/v2/user/get", {"userid": "li"}))
    assert outcome == Failed(200, "40035", "secret ***")
    fake.fail("/topapi/v2/user/get", status=200, code="40035", message="x" * 195 + CANARY)
    assert CANARY[:5] not in repr(hk.run(hk.adapter.client.call_old("/topapi/v2/user/get", {"userid": "li"})))
    assert hidden(caplog.records)


def test_dingtalk_cannot_be_reached(engine: Engine, product: Callable[..., Product]) -> None:
    hk = product(api_url="http://127.0.0.1:9", oapi_url="http://127.0.0.1:9")
    assert isinstance(hk.send(), Retry)


def test_a_lost_answer_is_unknown_and_the_card_shows_once(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    fake.drop(CREATE, acted=True)
    assert isinstance(hk.send(), Unknown)
    assert hk.run(hk.adapter.find(LI, "task:1", b"")) == NotThere()
    assert isinstance(hk.send(), Sent)
    assert len(fake.screen("li")) == 1


def test_no_answer_in_time_is_unknown(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False)
    hk.send(key="task:0")
    hk.adapter.client.timeout = 0.3
    hk.run(hk.adapter.client.close())
    fake.slow(SEND, 1.0)
    assert isinstance(hk.send(), Unknown)
    fake.wait_for(lambda: len(fake.screen("li")) == 2)  # it did arrive: that is why nobody may be sure


def test_a_lost_answer_to_an_update_is_tried_again(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    sent = hk.send()
    fake.drop("PUT /v1.0/card/instances", times=2)
    assert isinstance(hk.run(hk.adapter.update(DeliveryRef(LI, sent.ref, 1, 2), card())), Retry)


def test_a_robot_that_is_not_ours_is_refused(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    result = product(robot_code="somebody-else").send()
    assert isinstance(result, Refused) and "spaceId" in result.reason


# --- how much ---


def test_calls_stay_under_the_rate_and_are_counted(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()

    async def many() -> list[Any]:
        import asyncio

        drawn = hk.fitted(card())
        return await asyncio.gather(*(hk.adapter.send(LI, drawn, f"task:{n}") for n in range(30)))

    begun = time.monotonic()
    assert all(isinstance(each, Sent) for each in hk.run(many()))
    assert time.monotonic() - begun > 1.2
    hk.run(hk.adapter.client.close())  # what has not been written yet is written now
    assert hk.adapter.client.memory.get("calls:2026-07") == {"n": 30}
    assert fake.calls_used() == 30


# --- settings ---


@pytest.mark.parametrize("missing", ["client_id", "client_secret"])
def test_what_is_missing_is_named(engine: Engine, fake: FakeDingTalk, missing: str) -> None:
    with pytest.raises(ConfigError) as error:
        messenger("dingtalk", settings(fake, cards=True, **{missing: ""}), engine, lambda: NOW)
    assert error.value.code == "messenger.not_set"
    assert error.value.facts["missing"] == f"HUIKUAN_DINGTALK_{missing.upper()}"


def test_a_wrong_address_is_refused(engine: Engine, fake: FakeDingTalk) -> None:
    with pytest.raises(ConfigError):
        messenger("dingtalk", settings(fake, cards=True, api_url="api.dingtalk.com"), engine, lambda: NOW)


def test_settings_do_not_show_the_secret(fake: FakeDingTalk) -> None:
    found: Settings = settings(fake, cards=True)
    assert "canary" not in repr(found) + str(found.dingtalk)


def test_a_card_of_an_english_reader_speaks_english(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product()
    english: Card = replace(card(APPROVE), lang="en", closed=True, actions=())
    hk.send(english)
    [seen] = fake.screen("li")
    assert seen.variables["status_text"] == "Closed" and "**客户**: 甲公司" in seen.variables["content"]
