"""Slack with the whole product: an overdue receivable becomes a card, taps become results, typed lines are answered."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from bot.adapters.base import Envelope, Reply
from bot.adapters.slack import home
from bot.app import App
from core import accounts
from core.models import Account, Delivery, InboundEvent, OutboxMessage, Person, Promise, Task
from core.models.base import table_of
from tests.adapters.slack_product import no_secrets, settings, until, words
from tests.databases import Databases
from tests.factories import PROFILE
from tests.fakes.slack import dropped, too_many
from tests.harness import Harness, instant
from tests.rigs import Shown
from tests.rigs.slack import Rig
from tests.scenarios.ordering import opened, place, state

D, O = table_of(Delivery), table_of(OutboxMessage)  # noqa: E741


class Company(Harness):
    """The stories' company, whose people sit in Slack; its App runs in a thread of its own."""

    def __init__(self, database_url: str, rig: Rig) -> None:
        self.rig, self.now = rig, instant("2026-06-01 08:00")
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        made = settings(rig.fake, database_url).model_copy(update={"letters": "off"})
        self.app = App(made, clock=lambda: self.now)
        self.company(profile=PROFILE)
        self.reports: list[dict[str, Any]] = []
        self._read: set[int] = set()
        self._versions: dict[int, int] = {}
        self.run(self.app.start())

    def run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(30)

    def stop(self) -> None:
        self.run(self.app.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(5)
        self.loop.close()

    def people(self, **roles: str) -> None:
        super().people(**roles)
        with self.db() as work:
            for handle in roles:
                user_id = self.rig.account(handle)
                work.session.add(Account(person_id=self._person_id(work, handle) or 0, messenger="slack", user_id=user_id))

    def card(self, who: str = "li") -> Shown:
        return self.rig.shown(who)[-1]

    def first(self) -> Shown:
        """li's card on the morning after the due date."""
        self.begin("2026-07-02 08:00")
        self.customer("甲", "li")
        self.receivable("甲", "120000.00", due="2026-07-01", number="I1", issued="2026-06-01")
        self.morning("2026-07-02")
        return self.card()

    def outbox(self) -> list[Any]:
        with self.look() as work:
            return list(work.session.execute(select(O.c.op, O.c.kind, O.c.state, O.c.reason)))


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Rig]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(home, "SETTLES", 0.1)
    caplog.set_level(logging.DEBUG)
    made = Rig()
    made.start()
    yield made
    made.stop()
    assert made.trouble() == []
    no_secrets(caplog)


@pytest.fixture
def hk(databases: Databases, rig: Rig) -> Iterator[Company]:
    made = Company(databases.create("sqlite"), rig)
    yield made
    made.stop()


def test_from_the_due_date_to_the_promise(hk: Company, rig: Rig) -> None:
    card = hk.first()
    assert "逾期 1 天" in card.text and "¥120,000.00" in card.text and not card.closed
    assert "task.promise" in card.actions
    said = rig.tap("li", card.ref, "task.promise", {"date": "2026-07-10"})
    assert "承诺" in said
    assert hk.promises("甲") == ["open"] and hk.state("甲") == "waiting"
    until(lambda: "承诺" in hk.card().text and hk.card().ref == card.ref)
    assert "已结束" in hk.card().text and hk.card().actions == []


def test_a_promise_with_an_amount_goes_through_the_form(hk: Company, rig: Rig) -> None:
    card = hk.first()
    assert "承诺" in rig.tap("li", card.ref, "task.promise", {"date": "2026-07-10", "amount": "5万", "note": "老板批了"})
    assert hk.promises("甲") == ["proposed"]  # part of it is the manager's to accept
    with hk.look() as work:
        assert work.session.execute(select(table_of(Promise).c.amount_minor)).scalar() == 5_000_000


def test_a_wrong_day_and_a_wrong_amount_are_said_in_the_form(hk: Company, rig: Rig) -> None:
    card = hk.first()
    assert rig.tap("li", card.ref, "task.promise", {"date": "2026-07-10", "amount": "一大笔"})
    assert rig.tap("li", card.ref, "task.promise", {"date": "2026-06-10"})
    assert hk.promises("甲") == [] and not hk.card().closed


def test_a_form_whose_fields_may_be_empty_is_asked_all_the_same(hk: Company, rig: Rig) -> None:
    card = hk.first()
    user = rig._users["li"]
    message = rig.fake.screen(user)[-1]
    rig._press(user, message, "task.paid", {})
    until(lambda: rig.fake.view(user))
    assert hk.state("甲") == "open"  # opening a form does nothing
    rig.fake.close(user, rig.fake.view(user))  # type: ignore[arg-type]
    rig.tap("li", card.ref, "task.paid", {})
    assert hk.state("甲") == "waiting"


def test_snoozed_from_the_card(hk: Company, rig: Rig) -> None:
    card = hk.first()
    rig.tap("li", card.ref, "task.snooze", {"until": "2026-07-06"})
    until(lambda: "稍后提醒" in hk.card().text and "7月6日" in hk.card().text)


def test_typed_lines_and_a_card_opened_from_the_list(hk: Company, rig: Rig) -> None:
    card = hk.first()
    assert "120,000.00" in rig.say("li", "余额 甲")
    assert "没有" in rig.say("cai", "余额 不存在") or "找不到" in rig.say("cai", "余额 不存在")
    todo = rig.say("li", "待办")
    assert "甲" in todo
    listed = hk.card()
    assert listed.actions == ["task.open"]
    with hk.look() as work:
        task = work.session.execute(select(table_of(Task).c.id)).scalar()
    rig.tap("li", listed.ref, "task.open", {"task": str(task)})
    opened = hk.card()
    assert "逾期 1 天" in opened.text and "task.log" in opened.actions
    rig.tap("li", opened.ref, "task.promise", {"date": "2026-07-10"})
    assert hk.promises("甲") == ["open"]
    until(lambda: all(m.closed for m in rig.shown("li") if m.ref in (card.ref, opened.ref)))


def test_balance_as_a_command_and_in_a_channel(hk: Company, rig: Rig) -> None:
    hk.first()
    li, wang = rig._users["li"], rig._users["wang"]
    rig.fake.add_channel("C0SALES", "sales", [li, wang])
    answer = rig.fake.command(li, "/balance", "甲", channel="C0SALES")
    assert answer.acked and "120,000.00" in words(answer.reply["blocks"])
    rig.fake.mention(li, "C0SALES", "余额 甲")
    until(lambda: sum("120,000.00" in words(m.blocks) for m in rig.fake.screen(li) if m.ephemeral) == 2)
    assert not any("120,000.00" in words(m.blocks) for m in rig.fake.screen(wang) if m.channel == "C0SALES")


def test_a_name_that_is_not_exact_is_asked_for(hk: Company, rig: Rig) -> None:
    hk.first()
    hk.imports("customers", "code,name,owner", "甲,华兴商贸有限公司,li")
    assert "是 华兴商贸" in rig.say("li", "承诺 华兴商贸 7-10")
    question = hk.card()
    rig.tap("li", question.ref, "reply.confirm", {})
    assert hk.promises("甲") == ["open"]
    until(lambda: "是 华兴商贸" not in hk.card().text)
    assert hk.card().ref == question.ref  # the question became its answer


def test_a_number_that_approves_is_asked_about_once_more(hk: Company, rig: Rig) -> None:
    opened(hk)
    place(hk, "甲", "2000.00", "SO1")
    assert "¥2,000.00" in rig.say("zhou", "1") and state(hk, "SO1") == "held"
    question = hk.card("zhou")
    assert question.actions == ["reply.confirm", "reply.cancel"]
    rig.tap("zhou", question.ref, "reply.confirm", {})
    assert state(hk, "SO1") == "released"
    until(lambda: hk.card("zhou").ref == question.ref and hk.card("zhou").actions == [])
    assert "已批准" in hk.card("zhou").text


def test_an_unknown_account_is_linked_with_a_code(hk: Company, rig: Rig) -> None:
    hk.first()
    stranger = rig.account("stranger")
    assert "绑定" in rig.say("stranger", "余额 甲")
    assert "绑定" in words(rig.fake.command(stranger, "/balance", "甲").reply["blocks"])
    with hk.db() as work:
        code = accounts.issue(work, hk._person_id(work, "lin") or 0)
    with hk.db() as work:
        work.session.execute(table_of(Account).delete().where(table_of(Account).c.user_id == rig._users["lin"]))
    assert "lin" in rig.say("stranger", f"绑定 {code}")
    assert "lin" in rig.say("stranger", "我是谁") or "lin" in rig.say("stranger", "/whoami")


def test_a_strangers_tap_changes_nothing(hk: Company, rig: Rig) -> None:
    hk.first()
    stranger = rig.account("stranger")
    rig.fake.run(rig.fake.courier.push("interactive", _forged(hk, stranger)))
    until(lambda: any("绑定" in words(m.blocks) for m in rig.fake.screen(stranger)))
    assert hk.promises("甲") == []


def _forged(hk: Company, user: str) -> dict[str, Any]:
    ref = hk.card().ref
    channel, _, ts = ref.partition(":")
    url = hk.rig.fake.call(lambda: hk.rig.fake.at.new_response_url(user, hk.rig.fake.at.dm(user).id))
    return {
        "type": "block_actions", "team": {"id": "T0FAKE"}, "user": {"id": user}, "trigger_id": "9", "response_url": url,
        "container": {"type": "message", "channel_id": channel, "message_ts": ts},
        "actions": [{"type": "datepicker", "action_id": "i1|task.promise|date|", "block_id": "a||1", "action_ts": "1",
                     "selected_date": "2026-07-10"}],
    }  # fmt: skip


def test_a_lost_answer_shows_the_card_once(hk: Company, rig: Rig) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    rig.fake.fail("chat.postMessage", dropped())
    hk.now = instant("2026-07-02 09:00")
    hk.run(hk.app.tick(hk.now))
    hk.now = instant("2026-07-02 09:10")
    hk.run(hk.app.deliver(hk.now))
    assert len(rig.shown("li")) == 1 and [r.state for r in hk.outbox() if r.op == "send"] == ["sent"]


def test_too_many_requests_are_tried_again(hk: Company, rig: Rig) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    rig.fake.fail("chat.postMessage", too_many(5))
    hk.now = instant("2026-07-02 09:00")
    hk.run(hk.app.tick(hk.now))
    assert rig.shown("li") == []
    hk.now = instant("2026-07-02 09:01")
    hk.run(hk.app.deliver(hk.now))
    assert len(rig.shown("li")) == 1


def rows(hk: Company) -> tuple[int, ...]:
    with hk.look() as work:
        counts = [select(func.count()).select_from(table_of(kept)) for kept in (Delivery, InboundEvent)]
        return tuple(work.session.execute(count).scalar_one() for count in counts)


def drawn(rig: Rig) -> int:
    return [call.method for call in rig.fake.calls].count("views.publish")


def test_drawing_the_list_at_home_writes_nothing(hk: Company, rig: Rig) -> None:
    """It was a delivery and an event for each card that changed, and no card could be answered by number any more."""
    card, li = hk.first(), rig._users["li"]
    before = rows(hk)
    rig.fake.open_home(li)
    until(lambda: rig.fake.home(li) and "甲" in words(rig.fake.home(li).blocks))  # type: ignore[union-attr]
    for _ in range(6):
        hk.run(hk.app.adapters["slack"].home._publish(li))  # type: ignore[attr-defined]
    assert rows(hk) == before and drawn(rig) == 1
    rig.say("li", "2 7-10")
    assert hk.promises("甲") == ["open"] and card.ref


@pytest.mark.parametrize("how", ["left", "unlinked"])
def test_the_home_of_somebody_who_has_left_shows_no_customers(
    hk: Company, rig: Rig, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hk.first()
    li = rig._users["li"]
    rig.fake.open_home(li)
    until(lambda: rig.fake.home(li) and "甲" in words(rig.fake.home(li).blocks))  # type: ignore[union-attr]
    with hk.db() as work:
        if how == "left":
            work.session.get_one(Person, hk._person_id(work, "li")).active = False
        else:
            work.session.execute(delete(table_of(Account)).where(table_of(Account).c.user_id == li))
    monkeypatch.setattr(home, "LOOK_EVERY", 0.1)
    slack = hk.app.adapters["slack"].home  # type: ignore[attr-defined]
    hk.run(slack.close())
    hk.run(reopened(slack, hk.app.receive))
    until(lambda: "绑定" in words(rig.fake.home(li).blocks))  # type: ignore[union-attr]
    assert "甲" not in words(rig.fake.home(li).blocks)  # type: ignore[union-attr]
    until(lambda: slack._left() == [])  # written down once Slack has it
    assert drawn(rig) == 2


async def reopened(slack: home.Home, receive: Any) -> None:
    slack.open(receive)


def test_a_list_that_cannot_be_read_leaves_the_home_as_it_is(hk: Company, rig: Rig) -> None:
    hk.first()
    li = rig._users["li"]
    rig.fake.open_home(li)
    until(lambda: rig.fake.home(li) and "甲" in words(rig.fake.home(li).blocks))  # type: ignore[union-attr]

    async def away(envelope: Envelope) -> Reply:
        return Reply("not_saved", "没有保存，请再发一次")

    slack = hk.app.adapters["slack"].home  # type: ignore[attr-defined]
    slack._receive = away
    hk.run(slack._publish(li))
    assert "甲" in words(rig.fake.home(li).blocks)  # type: ignore[union-attr]


def test_the_list_at_home_lives(hk: Company, rig: Rig) -> None:
    hk.begin("2026-07-02 08:00")
    li = rig._users["li"]
    rig.fake.open_home(li)
    until(lambda: rig.fake.home(li))
    assert "没有待办" in words(rig.fake.home(li).blocks)  # type: ignore[union-attr]
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")
    until(lambda: "甲" in words(rig.fake.home(li).blocks))  # type: ignore[union-attr]
    view = rig.fake.home(li)
    assert view is not None
    [button] = [b["accessory"] for b in view.blocks if "accessory" in b]
    rig.fake.tap(li, view, button["action_id"])
    until(lambda: rig.fake.view(li))
    assert "消息" in words(rig.fake.view(li).blocks)  # type: ignore[union-attr]
    opened = hk.card()
    assert "task.log" in opened.actions
    rig.fake.close(li, rig.fake.view(li))  # type: ignore[arg-type]
    rig.tap("li", opened.ref, "task.promise", {"date": "2026-07-10"})
    until(lambda: "没有待办" in words(rig.fake.home(li).blocks))  # type: ignore[union-attr]
    assert rig.fake.home(rig._users["wang"]) is None


def test_the_list_at_home_is_drawn_anew_when_what_is_opened_from_it_is_decided(
    hk: Company, rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(opened(hk), "甲", "2000.00", "SO1")
    zhou, slack = rig._users["zhou"], hk.app.adapters["slack"].home  # type: ignore[attr-defined]
    request = hk.card("zhou")
    rig.fake.open_home(zhou)
    until(lambda: rig.fake.home(zhou) and "甲" in words(rig.fake.home(zhou).blocks))  # type: ignore[union-attr]
    with monkeypatch.context() as nobody:
        nobody.setattr(slack, "changed", lambda *given: None)  # says that it is old
        rig.tap("zhou", request.ref, "credit.reject", {"reason": "先收货款"})
        until(lambda: state(hk, "SO1") == "rejected" and "已驳回" in hk.card("zhou").text)
    view = rig.fake.home(zhou)
    assert view is not None
    [button] = [b["accessory"] for b in view.blocks if "accessory" in b]
    rig.fake.tap(zhou, view, button["action_id"])
    until(lambda: rig.fake.view(zhou) and "zhou 已驳回：先收货款" in words(rig.fake.view(zhou).blocks))  # type: ignore[union-attr]
    until(lambda: "没有待办" in words(rig.fake.home(zhou).blocks))  # type: ignore[union-attr]


def test_a_list_in_the_messages_is_drawn_anew_when_what_is_opened_from_it_is_decided(hk: Company, rig: Rig) -> None:
    place(opened(hk), "甲", "2000.00", "SO1")
    request = hk.card("zhou")
    rig.say("zhou", "待办")
    listed = hk.card("zhou")
    assert "甲" in listed.text and listed.actions == ["task.open"]
    with hk.look() as work:
        task = work.session.execute(select(D.c.subject_id).where(D.c.subject == "credit")).scalar()
    rig.tap("zhou", request.ref, "credit.reject", {"reason": "先收货款"})
    until(lambda: state(hk, "SO1") == "rejected")
    rig.tap("zhou", listed.ref, "task.open", {"task": f"credit:{task}"})
    until(lambda: "没有待办" in next(m for m in rig.shown("zhou") if m.ref == listed.ref).text)
    zhou = rig._users["zhou"]
    until(lambda: any("zhou 已驳回：先收货款" in words(m.blocks) for m in rig.fake.screen(zhou) if m.ephemeral))
