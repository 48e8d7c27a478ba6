"""The local messenger keeps the promises of the adapter protocol, on both databases."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Adapter, Address, DeliveryRef, Envelope, NotThere, Refused, Reply, Retry, Sent
from bot.adapters.local import LocalAdapter, LocalMailbox, store
from bot.adapters.local.adapter import next_step
from bot.card import Action, Card, Field, Input
from core.db import reading, transaction
from core.models import Contact, Customer, Delivery, Letter, Person

NOW = datetime(2026, 7, 8, 1, 0, tzinfo=UTC)
LI = Address("li")
CARD = Card(
    kind="task.overdue", lang="zh", tone="warning", title="逾期 7 天", fields=(Field("客户", "华兴商贸"),),
    actions=(Action("task.promise", "承诺日期", "date", (Input("date", "date", True, "承诺回款日"),)),),
)  # fmt: skip


@pytest.fixture
def clock() -> Iterator[dict[str, datetime]]:
    yield {"now": NOW}


@pytest.fixture
def chats(engine: Engine, clock: dict[str, datetime]) -> LocalAdapter:
    with transaction(engine) as session:
        session.add(Person(handle="li", name="小李", roles=["rep"]))
        session.add(Person(handle="gone", name="老赵", roles=["rep"], active=False))
    return LocalAdapter(engine, lambda: clock["now"])


@pytest.fixture
def mail(engine: Engine, clock: dict[str, datetime]) -> LocalMailbox:
    return LocalMailbox(engine, lambda: clock["now"])


def cards(engine: Engine, handle: str = "li") -> list[dict[str, Any]]:
    with reading(engine) as session:
        return store.cards(session, handle)


def delivered(engine: Engine, ref: str, **more: Any) -> int:
    values: dict[str, Any] = {
        "messenger": "local", "address": "li", "ref": ref, "kind": "task.overdue", "subject": "task", "subject_id": 1,
        "at": NOW, "updated_at": NOW, "on_date": NOW.date(),
    }  # fmt: skip
    with transaction(engine) as session:
        row = Delivery(**(values | more))
        session.add(row)
        session.flush()
        assert row.id is not None
        return row.id


async def sent(adapter: LocalAdapter, card: Card = CARD, key: str = "k") -> str:
    result = await adapter.send(LI, card, key)
    assert isinstance(result, Sent)
    return result.ref


def test_both_are_adapters(chats: LocalAdapter, mail: LocalMailbox) -> None:
    adapters: list[Adapter] = [chats, mail]
    assert [a.name for a in adapters] == ["local", "mail"]


async def test_a_second_send_with_the_same_key_shows_once(chats: LocalAdapter, engine: Engine) -> None:
    first = await sent(chats)
    assert await sent(chats, replace(CARD, title="anders")) == first
    assert [c["title"] for c in cards(engine)] == ["逾期 7 天"]
    assert await sent(chats, key="other") != first


async def test_many_senders_of_one_key_show_once(chats: LocalAdapter, engine: Engine) -> None:
    refs = await asyncio.gather(*(sent(chats) for _ in range(8)))
    assert len(set(refs)) == 1
    assert len(cards(engine)) == 1


async def test_find_is_always_sure(chats: LocalAdapter) -> None:
    assert await chats.find(LI, "k", b"") == NotThere()
    ref = await sent(chats)
    assert await chats.find(LI, "k", b"") == Sent(ref)
    assert await chats.find(Address("gone"), "k", b"") == NotThere()


async def test_an_update_draws_the_same_message_anew(
    chats: LocalAdapter, engine: Engine, clock: dict[str, datetime]
) -> None:
    ref = await sent(chats)
    await sent(chats, key="later")
    number = delivered(engine, ref, card={"severity": "overdue", "customer": "C019", "task": 7})
    clock["now"] += timedelta(hours=1)
    closed = replace(CARD, title="已承诺 7月10日", actions=(), closed=True)
    assert await chats.update(DeliveryRef(LI, ref, number, 2), closed) == Sent(ref)
    first, second = cards(engine)
    assert (first["title"], first["state"], first["rev"], first["delivery"]) == ("已承诺 7月10日", "closed", 2, number)
    assert (first["severity"], first["customer"], first["task"]) == ("overdue", "C019", 7)
    assert first["at"] < first["updated_at"]
    assert (second["state"], second["rev"], second["delivery"]) == ("open", 1, None)
    assert await chats.update(DeliveryRef(LI, "999", number, 2), closed) == Refused("no such message")


async def test_who_is_not_there_and_what_is_too_long_is_refused(chats: LocalAdapter, mail: LocalMailbox) -> None:
    assert await chats.send(Address("nobody"), CARD, "a") == Refused("no such address")
    assert await chats.send(Address("gone"), CARD, "b") == Refused("no such address")
    assert await chats.send(LI, replace(CARD, text="长" * 30_000), "c") == Refused("too long")
    assert await mail.send(Address("not an address"), CARD, "d") == Refused("no such address")
    assert await chats.find(LI, "c", b"") == NotThere()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_locked_database_means_try_again(impatient: None, chats: LocalAdapter, engine: Engine) -> None:
    with engine.connect() as other, other.begin():  # BEGIN IMMEDIATE
        assert isinstance(await chats.send(LI, CARD, "k"), Retry)
    assert await chats.find(LI, "k", b"") == NotThere()
    assert isinstance(await chats.send(LI, CARD, "k"), Sent)


async def test_a_reader_of_versions_misses_nothing(chats: LocalAdapter, engine: Engine) -> None:
    refs = await asyncio.gather(*(sent(chats, key=f"k{n}") for n in range(12)))
    with reading(engine) as session:
        found = store.changed(session, 0)
        newest = store.newest_version(session)
    assert [m.version for m in found] == list(range(1, 13))
    await chats.update(DeliveryRef(LI, refs[3], 1, 2), CARD)
    with reading(engine) as session:
        assert [(str(m.id), m.version) for m in store.changed(session, newest)] == [(refs[3], newest + 1)]


async def test_typed_words_and_their_answer_stay_in_the_chat(chats: LocalAdapter, engine: Engine) -> None:
    heard: list[Envelope] = []

    async def receive(envelope: Envelope) -> Reply:
        heard.append(envelope)
        return Reply("done", "好的", card=CARD if envelope.text == "余额" else None)

    await chats.start(receive)
    await chats.say("li", "余额")
    await chats.say("li", "你好")
    with reading(engine) as session:
        lines = [(m.direction, m.payload.get("text", "card")) for m in store.chat(session, "li")]
    assert lines == [("in", "余额"), ("out", "card"), ("in", "你好"), ("out", "好的")]
    first = heard[0]
    assert (first.messenger, first.user_id, first.at, first.text) == ("local", "li", NOW, "余额")
    assert heard[0].event_id != heard[1].event_id
    assert [c["kind"] for c in cards(engine)] == ["task.overdue", "reply.text"]


async def test_a_reply_that_is_a_delivery_learns_where_it_stands(chats: LocalAdapter, engine: Engine) -> None:
    number = delivered(engine, "", rev=3)

    async def receive(envelope: Envelope) -> Reply:
        return Reply("done", "好的", card=replace(CARD, title=f"by {envelope.action or envelope.text}"), delivery_id=number)

    await chats.start(receive)
    await chats.say("li", "first")
    await chats.tap("li", number, "task.paid", 3, {})
    (card,) = cards(engine)
    assert (card["delivery"], card["rev"], card["title"]) == (number, 3, "by task.paid")


async def test_a_tap_says_what_the_reader_saw(chats: LocalAdapter, engine: Engine) -> None:
    heard: list[Envelope] = []

    async def receive(envelope: Envelope) -> Reply:
        heard.append(envelope)
        return Reply("stale", "已更新")

    await chats.start(receive)
    reply = await chats.tap("li", 5, "task.promise", 2, {"date": "2026-07-10"})
    assert (reply.outcome, reply.message) == ("stale", "已更新")
    (envelope,) = heard
    assert (envelope.delivery_id, envelope.action, envelope.seen_rev) == (5, "task.promise", 2)
    assert dict(envelope.input) == {"date": "2026-07-10"}
    assert cards(engine) == []


async def test_an_answer_that_asks_on_stays_out_of_the_chat(chats: LocalAdapter, engine: Engine) -> None:
    number = delivered(engine, await sent(chats))

    async def receive(envelope: Envelope) -> Reply:
        return Reply("done", "", replace(CARD, title="请选择"), delivery_id=number, asks=True)

    await chats.start(receive)
    reply = await chats.tap("li", number, "task.promise", 1, {})
    asked = next_step(reply, number)
    assert asked is not None and asked.id == "task.promise"
    assert [c["title"] for c in cards(engine)] == ["逾期 7 天"]


async def test_a_question_that_was_answered_is_seen_again_by_watchers(chats: LocalAdapter, engine: Engine) -> None:
    number = delivered(engine, await sent(chats))

    async def receive(envelope: Envelope) -> Reply:
        with transaction(engine) as session:
            session.get_one(Delivery, number).state = "closed"
        return Reply("done", "好的", replace(CARD, title="完成", actions=()))

    await chats.start(receive)
    with reading(engine) as session:
        before = store.newest_version(session)
    await chats.tap("li", number, "reply.confirm", 1, {})
    with reading(engine) as session:
        changes = [(m.delivery, m.state) for m in store.changed(session, before)]
    assert changes == [(None, "open"), (number, "closed")]
    assert [(c["title"], c["state"]) for c in cards(engine)] == [("逾期 7 天", "closed"), ("完成", "open")]


async def test_letters_are_kept_with_their_facts(mail: LocalMailbox, engine: Engine) -> None:
    rows = (("INV-1", "¥1.00"),)
    letter = Card("letter.notice", "zh", "info", "【付款通知】", text="请付款。", rows=rows, footer="东海精工")
    to = Address("ar@hx.example")
    first = await mail.send(to, letter, "l1", cc=["li@hx.example"], stage=2, receivables=["INV-1"])
    assert isinstance(first, Sent) and await mail.send(to, letter, "l1") == first
    assert isinstance(await mail.update(DeliveryRef(to, first.ref, 1, 2), letter), Refused)
    with transaction(engine) as session:
        customer = Customer(code="C019", name="华兴商贸有限公司", short_name="华兴商贸")
        session.add(customer)
        session.flush()
        assert customer.id is not None
        session.add(Contact(customer_id=customer.id, type="finance", email="ar@hx.example"))
    with reading(engine) as session:
        (kept,) = store.letters(session)
        assert store.letters(session, "C019") == store.letters(session, "li@hx.example") == [kept]
        assert store.letters(session, "C020") == []
        assert store.cards(session, "ar@hx.example") == []
    assert kept == {
        "at": "2026-07-08T01:00:00+00:00", "to": "ar@hx.example", "cc": ["li@hx.example"], "subject": "【付款通知】",
        "text": "请付款。\n\nINV-1  ¥1.00\n\n东海精工", "stage": 2, "receivables": ["INV-1"],
    }  # fmt: skip


async def test_a_letter_sent_like_any_card_finds_its_facts(mail: LocalMailbox, engine: Engine) -> None:
    result = await mail.send(Address("ar@hx.example"), Card("letter.friendly", "zh", "info", "提醒"), "l1")
    assert isinstance(result, Sent)
    with transaction(engine) as session:
        customer = Customer(code="C019", name="华兴商贸")
        session.add(customer)
        session.flush()
        assert customer.id is not None
        letter = Letter(
            customer_id=customer.id, currency="CNY", stage=1, cc=["boss@hx.example"], receivables=["INV-1"], created_at=NOW
        )
        session.add(letter)
        session.flush()
        letter_id = letter.id
    delivered(engine, result.ref, messenger="mail", kind="letter.friendly", subject="letter", subject_id=letter_id)
    with reading(engine) as session:
        (kept,) = store.letters(session)
    assert (kept["cc"], kept["stage"], kept["receivables"]) == (["boss@hx.example"], 1, ["INV-1"])
