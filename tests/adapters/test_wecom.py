"""WeCom, outbound: what is sent, shown once, changed, refused; and what breaks on the way."""

import asyncio
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Adapter, Address, DeliveryRef, NotThere, Refused, Retry, Sent, Unknown
from bot.adapters.wecom import keys, render
from bot.adapters.wecom.adapter import WecomAdapter, build
from bot.card import Card, Field
from bot.fit import PROFILES, fit
from core.errors import ConfigError
from tests.adapters.wecom_world import CANARY, CARD, DONE, LI, Clock, company, fitted, make, settings
from tests.databases import Databases
from tests.fakes.wecom import FakeWecom


@pytest.fixture
def database_url(databases: Databases) -> str:
    return databases.create("sqlite")


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    with company() as fake:
        yield fake
        assert fake.wrong == []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def adapter(wecom: FakeWecom, engine: Engine, clock: Clock) -> WecomAdapter:
    return make(wecom, engine, clock)


async def sent(adapter: WecomAdapter, card: Card = CARD, key: str = "task:1:card:0", to: Address = LI) -> str:
    result = await adapter.send(to, fitted(adapter, card, to), key)
    assert isinstance(result, Sent), result
    return result.ref


def body(wecom: FakeWecom) -> dict[str, Any]:
    return wecom.calls_of("message/send")[-1].body


# --- set-up ---


def test_it_is_an_adapter(adapter: Adapter) -> None:
    assert adapter.name == "wecom"


@pytest.mark.parametrize("key", ["a" * 42, "a" * 44, "*" * 43])
def test_a_wrong_aes_key_is_found_before_anything_starts(wecom: FakeWecom, engine: Engine, clock: Clock, key: str) -> None:
    given = settings(wecom)
    given.wecom.aes_key = type(given.wecom.aes_key)(key)
    with pytest.raises(ConfigError) as caught:
        build(given, engine, clock)
    assert caught.value.code == "settings.invalid" and key not in str(caught.value.facts)


def test_what_is_missing_is_named(wecom: FakeWecom, engine: Engine, clock: Clock) -> None:
    given = settings(wecom)
    given.wecom.corp_id, given.wecom.secret = "", type(given.wecom.secret)("")
    with pytest.raises(ConfigError) as caught:
        build(given, engine, clock)
    assert caught.value.facts["missing"] == "HUIKUAN_WECOM_CORP_ID, HUIKUAN_WECOM_SECRET"


# --- sending ---


async def test_a_card_is_shown_with_its_buttons(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    ref = await sent(adapter)
    shown = wecom.last("lisi")
    assert shown.card["card_type"] == "button_interaction" and shown.card["task_id"] == ref
    for words in ("逾期 7 天", "请在 18:00 前登记结果", "客户 华兴商贸", "逾期金额 ¥120,000.00", "负责人 小李"):
        assert words in shown.text
    assert [b.text for b in shown.buttons] == ["承诺日期", "有争议", "未查到", "批准"]
    assert keys.read(shown.key_of("批准")) == keys.Key(ref, "promise.approve", 1)
    assert body(wecom)["duplicate_check_interval"] == 14400 and body(wecom)["enable_duplicate_check"] == 1
    assert wecom.lint == []


async def test_a_seventh_button_stands_in_the_menu(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    many = replace(CARD, actions=tuple(replace(CARD.actions[4], id=f"a.{n}", label=f"做{n}") for n in range(9)))
    await sent(adapter, many)
    shown = wecom.last("lisi")
    assert [b.text for b in shown.buttons] == [f"做{n}" for n in range(6)]
    assert [b.text for b in shown.menu] == ["做6", "做7", "做8"]


async def test_a_card_without_buttons_is_a_notice_and_a_long_one_a_text(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    await sent(adapter, replace(CARD, actions=()))
    assert wecom.last("lisi").card["card_type"] == "text_notice"
    rows = tuple((f"客户{n}", "¥1,000.00") for n in range(12))
    await sent(adapter, replace(CARD, actions=(), rows=rows), key="2")
    shown = wecom.last("lisi")
    assert shown.msgtype == "text" and "客户11 ¥1,000.00" in shown.text


async def test_too_long_is_cut_within_the_limits(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    long = "很长的名称" * 500
    fields = tuple(Field(long, long) for _ in range(20))
    await sent(adapter, replace(CARD, title=long, text=long, fields=fields, footer=long))
    await sent(adapter, replace(CARD, title=long, text=long, fields=fields, actions=()), key="2")
    await sent(adapter, replace(CARD, title=long, text=long), key="3", to=replace(LI, text_only=True))
    assert [s.msgtype for s in wecom.screen("lisi")] == ["template_card", "text", "text"]
    assert "…" in wecom.screen("lisi")[0].text and "以下省略" in wecom.screen("lisi")[2].text
    assert wecom.lint == []


HOSTILE = [
    "<!channel>",
    "**x**",
    "[a](http://x)",
    "]]>",
    "&amp;",
    "</xml>",
    '"; DROP',
    "<a href='http://x'>y</a>",
    "|a|b%7C",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_names_show_as_typed(wecom: FakeWecom, adapter: WecomAdapter, name: str) -> None:
    await sent(adapter, replace(CARD, title=name, fields=(Field("客户", name),)))
    assert wecom.last("lisi").card["main_title"]["title"] == name and f"客户 {name}" in wecom.last("lisi").text
    await sent(adapter, replace(CARD, title=name), key="2", to=replace(LI, text_only=True))
    text = wecom.last("lisi").text
    assert name in text.replace("\u200b", "") and "<a href" not in text


async def test_who_reads_in_wechat_gets_text_with_numbers(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    await sent(adapter, to=replace(LI, text_only=True))
    shown = wecom.last("lisi")
    assert shown.msgtype == "text" and "1 承诺日期（1 日期）" in shown.text


async def test_a_text_says_where_it_can_be_filled_in(wecom: FakeWecom, engine: Engine, clock: Clock) -> None:
    adapter = make(wecom, engine, clock, public_url="https://ar.example.com/")
    long = replace(CARD, text="很长的说明" * 500)
    for key, card in (("1", CARD), ("2", long)):
        ref = await sent(adapter, card, key, replace(LI, text_only=True))
        assert wecom.last("lisi").text.endswith(f"填写详情: https://ar.example.com/form?m={ref}")


async def test_the_same_card_and_key_are_the_same_bytes(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    assert await sent(adapter) == await sent(adapter)
    first, second = wecom.calls_of("message/send")
    assert first.raw == second.raw and len(wecom.screen("lisi")) == 1


# --- what fails ---


async def test_nobody_of_that_name(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    assert await adapter.send(Address("nobody"), fitted(adapter), "1") == Refused("unknown_user")
    wecom.add_member("nolicence", licensed=False)
    assert isinstance(await adapter.send(Address("nolicence"), fitted(adapter), "2"), Refused)


@pytest.mark.parametrize(("to", "reason"), [("LiSi|nobody", "invaliduser"), ("LiSi|nolicence", "unlicenseduser")])
async def test_who_did_not_get_it_is_named_in_an_answer_without_an_error(
    wecom: FakeWecom, adapter: WecomAdapter, to: str, reason: str
) -> None:
    """errcode 0 alone is no proof: wechatpy is content with it."""
    wecom.add_member("nolicence", licensed=False)
    body = {"touser": to, "msgtype": "text", "agentid": wecom.agent_id, "text": {"content": "x"}}
    assert await adapter.post("LiSi", render.to_bytes(body)) == Refused(reason)


@pytest.mark.parametrize("code", [45009, 45033, -1, 60020, 301002])
async def test_busy_and_badly_set_up_is_for_later(wecom: FakeWecom, adapter: WecomAdapter, code: int) -> None:
    wecom.faults.errcode("message/send", code)
    result = await adapter.send(LI, fitted(adapter), "1")
    assert isinstance(result, Retry) and result.after_seconds > 0 and str(code) in result.reason
    await sent(adapter, key="1")


async def test_a_page_of_a_proxy_and_a_server_error_leave_it_open(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    wecom.faults.status("message/send", 500)
    assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Unknown)
    wecom.faults.garbage("message/send")
    assert isinstance(await adapter.send(LI, fitted(adapter), "2"), Unknown)
    wecom.faults.status("message/send", 429)
    assert isinstance(await adapter.send(LI, fitted(adapter), "3"), Retry)


async def test_no_token_means_nothing_was_sent(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    for fault in (lambda: wecom.faults.status("gettoken", 500), lambda: wecom.faults.garbage("gettoken"),
                  lambda: wecom.faults.errcode("gettoken", 40001)):  # fmt: skip
        fault()
        assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Retry)
    assert wecom.calls_of("message/send") == []


async def test_an_expired_and_a_revoked_token_are_renewed_once(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    await sent(adapter)
    for end in (wecom.expire_tokens, wecom.revoke_tokens):
        end()
        await sent(adapter, key=end.__name__)
    assert len(wecom.calls_of("gettoken")) == 3
    wecom.faults.errcode("message/send", 40014, times=None)
    assert isinstance(await adapter.send(LI, fitted(adapter), "x"), Retry)
    assert len(wecom.calls_of("message/send")) == 7  # once more than each token needed, and no endless loop


async def test_many_at_once_share_one_token(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    await asyncio.gather(*(sent(adapter, key=str(n)) for n in range(8)))
    assert len(wecom.calls_of("gettoken")) == 1 and len(wecom.screen("lisi")) == 8


async def test_nobody_listens(engine: Engine, clock: Clock) -> None:
    with company() as gone:
        adapter = make(gone, engine, clock)
    assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Retry)


# --- once, whatever happens ---


async def test_a_lost_answer_is_sent_again_and_shows_once(wecom: FakeWecom, adapter: WecomAdapter, clock: Clock) -> None:
    wecom.faults.drop("message/send")
    assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Unknown)
    clock.pass_(hours=3)
    assert await adapter.find(LI, "1", b"") == NotThere()
    # Drawn anew with other figures in between: what was sent first is sent again.
    ref = await sent(adapter, replace(CARD, title="别的"), key="1")
    assert len(wecom.screen("lisi")) == 1 and await adapter.find(LI, "1", b"") == Sent(ref)
    updated = await adapter.update(DeliveryRef(LI, ref, 1, 2), fitted(adapter, DONE))
    assert updated == Sent(ref)  # the code came with the second answer


async def test_find_is_not_sure_after_four_hours(wecom: FakeWecom, adapter: WecomAdapter, clock: Clock) -> None:
    assert await adapter.find(LI, "never", b"") == NotThere()
    wecom.faults.drop("message/send")
    await adapter.send(LI, fitted(adapter), "1")
    clock.pass_(hours=4)
    assert isinstance(await adapter.find(LI, "1", b""), Unknown)


async def test_find_is_not_sure_of_what_it_may_have_forgotten(adapter: WecomAdapter, clock: Clock) -> None:
    """A machine that was off for a holiday: what it once remembered is tidied away."""
    written = clock()
    clock.pass_(hours=24 * 8)
    assert await adapter.find(LI, "1", b"", written) == NotThere()
    clock.pass_(hours=1)
    assert isinstance(await adapter.find(LI, "1", b"", written), Unknown)


async def test_a_timeout_after_acceptance(wecom: FakeWecom, adapter: WecomAdapter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter.client._wechat, "timeout", (1, 0.3))
    wecom.faults.slow("message/send", 1)
    assert await adapter.send(LI, fitted(adapter), "1") == Unknown("timeout")
    await sent(adapter, key="1")
    assert len(wecom.screen("lisi")) == 1


async def test_calls_without_an_answer_take_no_thread_from_others(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(2))
    wecom.faults.slow("message/send", 1, times=4)
    waiting = [asyncio.create_task(sent(adapter, key=f"task:{n}")) for n in range(4)]
    while len(wecom.calls_of("message/send")) < 4:
        await asyncio.sleep(0.01)
    await asyncio.to_thread(int)
    assert not any(task.done() for task in waiting)
    await asyncio.gather(*waiting)


async def test_a_lost_answer_outlasts_a_later_failure(wecom: FakeWecom, adapter: WecomAdapter, clock: Clock) -> None:
    wecom.faults.drop("message/send")
    assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Unknown)
    clock.pass_(minutes=1)
    wecom.faults.errcode("message/send", 45009)
    assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Retry)
    await sent(adapter, replace(CARD, title="别的"), key="1")
    assert len(wecom.screen("lisi")) == 1


async def test_after_a_retry_the_card_is_drawn_as_it_is_then(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    wecom.faults.errcode("message/send", 45009)
    assert isinstance(await adapter.send(LI, fitted(adapter), "1"), Retry)
    await sent(adapter, replace(CARD, title="新的"), key="1")
    assert "新的" in wecom.last("lisi").text


# --- changing ---


async def test_the_code_of_the_sending_is_for_the_last_change(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    ref = await sent(adapter)
    assert await adapter.update(DeliveryRef(LI, ref, 1, 2), fitted(adapter)) == Refused("no_code")
    assert wecom.calls_of("message/update_template_card") == []
    assert await adapter.update(DeliveryRef(LI, ref, 1, 3), fitted(adapter, DONE)) == Sent(ref)
    shown = wecom.last("lisi")
    assert "已承诺 7-10" in shown.text and shown.buttons == ()
    assert await adapter.update(DeliveryRef(LI, ref, 1, 4), fitted(adapter, DONE)) == Refused("no_code")
    assert len(wecom.calls_of("message/update_template_card")) == 1


async def test_codes_end_after_72_hours_and_busy_keeps_them(wecom: FakeWecom, adapter: WecomAdapter, clock: Clock) -> None:
    ref = await sent(adapter)
    wecom.faults.errcode("message/update_template_card", 45009)
    assert isinstance(await adapter.update(DeliveryRef(LI, ref, 1, 2), DONE), Retry)
    assert await adapter.update(DeliveryRef(LI, ref, 1, 2), DONE) == Sent(ref)
    late = await sent(adapter, key="late")
    clock.pass_(hours=72)
    assert await adapter.update(DeliveryRef(LI, late, 2, 2), DONE) == Refused("no_code")


async def test_a_code_that_was_not_used_goes_back_where_it_stood(
    wecom: FakeWecom, adapter: WecomAdapter, clock: Clock
) -> None:
    """The code of a tap stays one for any change, and grows no younger by being tried."""
    ref = await sent(adapter)
    await adapter._settled()
    sending = adapter.codes.take(ref, last=True)
    assert sending is not None and adapter.codes.take(ref, last=True) is None
    adapter.codes.tapped(ref, sending.text)
    clock.pass_(hours=70)
    for _ in range(2):  # still there for a change that is not the last one
        wecom.faults.errcode("message/update_template_card", 45009)
        assert isinstance(await adapter.update(DeliveryRef(LI, ref, 1, 2), fitted(adapter)), Retry)
    clock.pass_(hours=2)
    assert await adapter.update(DeliveryRef(LI, ref, 1, 3), fitted(adapter, DONE)) == Refused("no_code")


async def test_a_younger_code_is_not_lost_to_an_older_one(adapter: WecomAdapter) -> None:
    adapter.codes.tapped("r", "older")
    taken = adapter.codes.take("r", last=False)
    assert taken is not None
    adapter.codes.tapped("r", "younger")
    adapter.codes.put_back(taken)
    left = adapter.codes.take("r", last=True)
    assert left is not None and left.text == "younger" and adapter.codes.take("r", last=True) is None


async def test_a_change_whose_answer_got_lost_is_no_failure(wecom: FakeWecom, adapter: WecomAdapter) -> None:
    ref = await sent(adapter)
    wecom.faults.drop("message/update_template_card")
    assert isinstance(await adapter.update(DeliveryRef(LI, ref, 1, 2), DONE), Unknown)
    assert await adapter.update(DeliveryRef(LI, ref, 1, 2), DONE) == Sent(ref)
    assert "已承诺" in wecom.last("lisi").text
    wecom.wrong.clear()  # the code was used a second time, knowingly
    other = await sent(adapter, key="2")
    wecom.faults.status("message/update_template_card", 500)
    assert isinstance(await adapter.update(DeliveryRef(LI, other, 1, 2), DONE), Unknown)
    assert await adapter.update(DeliveryRef(LI, other, 1, 2), DONE) == Sent(other)
    assert "已承诺" in wecom.last("lisi").text


# --- pure ---


def test_what_is_sent_is_a_pure_function(adapter: WecomAdapter) -> None:
    made = [render.to_bytes(render.payload(fitted(adapter), ref="r", rev=1, user_id="a", agent_id=1)) for _ in range(2)]
    assert made[0] == made[1] and json.loads(made[0])["template_card"]["task_id"] == "r"


def test_keys_come_back_as_they_went() -> None:
    for given in HOSTILE:
        key = keys.Key("hk-1", "task.open", 3, given, (("name", given), ("b", "")), keys.ASK)
        assert keys.read(key.text()) == key
    for junk in ("", "a|b", "||||||", "a|b|x|||", "a|b|1|||" + "x" * 2000, "%00|%00|1|||"):
        assert keys.read(junk) is None or keys.read(junk).action == "\x00"  # type: ignore[union-attr]


async def test_secrets_stay_out_of_the_logs(
    wecom: FakeWecom, adapter: WecomAdapter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await sent(adapter)
    wecom.faults.errcode("gettoken", 40001)
    wecom.revoke_tokens()
    await adapter.send(LI, fitted(adapter), "2")
    said = caplog.text + repr(adapter) + repr(adapter.client) + repr(adapter.client._wechat)
    assert "gettoken" in said and CANARY not in said
    assert all(token not in said for token in wecom._corp.dead_tokens)


@pytest.mark.parametrize(
    "longer",
    [
        {"footer": "尾" * 21}, {"fields": (Field("客户", "值" * 31),)}, {"fields": (Field("信用额度合计", "1"),)},
        {"fields": (Field("Receivables", "1"),), "lang": "en"}, {"rows_more": 3},
    ],
)  # fmt: skip
def test_a_notice_that_is_too_much_for_a_card_goes_out_as_text(longer: dict[str, Any]) -> None:
    """bot.fit makes text of it where a card would cut something; then it must not become a card after all."""
    card = replace(CARD, **{"actions": (), "fields": (), **longer})
    can = render.capabilities(PROFILES["wecom"], lang=card.lang, form=False)
    made, lost = fit(card, can, today=date(2026, 7, 2))
    said = render.payload(made, ref="hk-1", rev=1, user_id="LiSi", agent_id=1)
    assert said["msgtype"] == "text" and not lost
    assert all(part in said["text"]["content"] for part in (made.footer, *(field.value for field in made.fields)))
