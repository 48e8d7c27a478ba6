"""WeCom's robot with the whole product: a greeting, an overdue receivable, a tap, a promise, a closing note."""

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from bot.app import App
from core import accounts
from core.models import Account, Delivery, OutboxMessage
from core.models.base import table_of
from tests.adapters.aibot_world import CANARY, company, settings
from tests.databases import Databases
from tests.factories import PROFILE
from tests.fakes.wecom.aibot import FakeAibot, Shown
from tests.harness import Harness, instant

D, O = table_of(Delivery), table_of(OutboxMessage)  # noqa: E741


class Company(Harness):
    """The stories' company, whose people talk to the robot; its App runs in a thread and a loop of its own."""

    def __init__(self, database_url: str, wecom: FakeAibot) -> None:
        self.wecom, self.now = wecom, instant("2026-06-01 08:00")
        self.app = App(settings(wecom, database_url=database_url, letters="off"), clock=lambda: self.now)
        self.company(profile=PROFILE)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.reports: list[dict[str, Any]] = []
        self._read: set[int] = set()
        self._versions: dict[int, int] = {}
        self.run(self.app.start())

    def run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(20)

    def close(self) -> None:
        self.run(self.app.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def people(self, **roles: str) -> None:
        super().people(**roles)
        with self.db() as work:
            for handle in roles:
                self.wecom.add_member(handle.upper(), handle)
                account = Account(person_id=self._person_id(work, handle) or 0, messenger="wecom", user_id=handle)
                work.session.add(account)

    def card(self, who: str = "li") -> Shown:
        return self.wecom.last(who)

    def first(self, greet: tuple[str, ...] = ("li", "fm")) -> Shown | None:
        """li's card on the morning after the due date of 甲's receivable."""
        self.begin("2026-07-02 08:00")
        for who in greet:
            self.wecom.say(who, "帮助")
        self.customer("甲", "li")
        self.receivable("甲", "120000.00", due="2026-07-01", number="I1", issued="2026-06-01")
        self.now = instant("2026-07-02 09:00")
        self.run(self.app.tick(self.now))
        shown = self.wecom.screen("li")
        return shown[-1] if shown else None

    def settled(self, said: Any) -> None:
        for _ in range(300):
            if said():
                return
            time.sleep(0.02)
        raise AssertionError("it did not happen")

    def outbox(self, **which: Any) -> list[Any]:
        with self.look() as work:
            return list(work.session.execute(select(O.c.op, O.c.kind, O.c.state, O.c.reason).filter_by(**which)))


@pytest.fixture
def wecom() -> Iterator[FakeAibot]:
    with company() as fake:
        yield fake
        assert fake.wrong == [] and fake.lint == []


@pytest.fixture
def hk(databases: Databases, wecom: FakeAibot) -> Iterator[Company]:
    made = Company(databases.create("sqlite"), wecom)
    yield made
    made.close()


def test_from_the_due_date_to_the_promise(hk: Company, wecom: FakeAibot, caplog: pytest.LogCaptureFixture) -> None:
    card = hk.first()
    assert card is not None and "逾期 1 天" in card.text and "¥120,000.00" in card.text
    wecom.tap("li", card, card.key_of("承诺日期"))
    menu = hk.card()
    friday = next(key for key, words in menu.questions["date"].options.items() if words.startswith("周五"))
    wecom.tap("li", menu, menu.key_of("提交"), {"date": friday})
    assert "承诺" in hk.card().text and hk.card().buttons == ()
    assert hk.promises("甲") == ["open"]
    hk.settled(lambda: _state(hk) == "closed")
    # The old card, as a phone that did not hear of the change still has it.
    wecom.tap("li", card, card.key_of("承诺日期"))
    assert hk.promises("甲") == ["open"] and hk.card().buttons == ()
    assert CANARY not in caplog.text


def _state(hk: Company) -> str:
    with hk.look() as work:
        return str(work.session.execute(select(D.c.state).order_by(D.c.id).limit(1)).scalar())


def test_typed_lines(hk: Company, wecom: FakeAibot) -> None:
    hk.first()
    assert "¥120,000.00" in wecom.say("li", "/balance 甲").text
    wecom.say("li", "/promise 甲 7-10")
    hk.settled(lambda: hk.promises("甲") == ["open"])


def test_whoever_never_wrote_is_told_of_to_somebody(hk: Company, wecom: FakeAibot) -> None:
    assert hk.first(greet=("fm",)) is None
    assert [(r.state, r.reason) for r in hk.outbox(kind="task.overdue")] == [("dead", "not_greeted")]
    hk.settled(lambda: len(wecom.screen("fm")) > 1)
    assert "没能送达" in hk.card("fm").text or "未送达" in hk.card("fm").text


def test_what_ends_elsewhere_is_told_by_a_short_message(hk: Company, wecom: FakeAibot) -> None:
    card = hk.first()
    assert card is not None
    hk.act("wang", "task.promise", "甲", date="2026-07-10")
    hk.run(hk.app.deliver(hk.now))
    hk.settled(lambda: [r.kind for r in hk.outbox(op="send")].count("note.closed") == 1)
    hk.settled(lambda: wecom.last("li").msgid != card.msgid)
    assert "承诺" in wecom.last("li").text and wecom.last("li").buttons == ()
    old = next(s for s in wecom.screen("li") if s.msgid == card.msgid)
    assert old.buttons == card.buttons, "nobody could change it"
    wecom.tap("li", old, old.key_of("未联系上") if "未联系上" in [b.text for b in old.buttons] else old.buttons[0].key)
    assert hk.promises("甲") == ["open"]


def test_a_stranger_learns_how_to_be_linked_and_no_more(hk: Company, wecom: FakeAibot) -> None:
    hk.first()
    wecom.add_member("Newcomer", "新人")
    said = wecom.say("newcomer", "/balance 甲").text
    assert "绑定" in said and "120,000" not in said
    with hk.db() as work:
        code = accounts.issue(work, hk._person_id(work, "lin") or 0)
    assert "绑定成功" in wecom.say("newcomer", f"绑定 {code}").text


def test_after_a_drop_nothing_is_lost(hk: Company, wecom: FakeAibot) -> None:
    card = hk.first()
    assert card is not None
    wecom.close(1000)
    wecom.wait_connected()
    wecom.tap("li", card, card.key_of("承诺日期"))
    assert hk.card().questions
