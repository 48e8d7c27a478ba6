"""WeCom with the whole product: an overdue receivable becomes a card, a tap becomes a promise, a typed line an answer."""

import asyncio
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import urlopen

import pytest
from sqlalchemy import select, update

from bot.app import App
from bot.server import _page, bind
from core import accounts
from core.models import Account, AdapterState, Delivery, OutboxMessage, Person
from core.models.base import table_of
from tests.adapters.wecom_world import CANARY, Server, settings
from tests.databases import Databases
from tests.factories import PROFILE
from tests.fakes.wecom import FakeWecom, Shown
from tests.harness import Harness, instant
from tests.scenarios.approving import audited
from tests.scenarios.ordering import opened, place, state

A, D, O = table_of(Account), table_of(Delivery), table_of(OutboxMessage)  # noqa: E741


class Company(Harness):
    """The stories' company, whose people sit in WeCom; its App runs in a server's thread."""

    def __init__(self, database_url: str, wecom: FakeWecom, *, forms: bool = False, **more: Any) -> None:
        self.wecom, self.now = wecom, instant("2026-06-01 08:00")
        listening = bind("127.0.0.1", 0)
        public_url = f"http://127.0.0.1:{listening.getsockname()[1]}" if forms else ""
        given = settings(wecom, database_url=database_url, letters="off", public_url=public_url, **more)
        self.app = App(given, clock=lambda: self.now)
        self.company(profile=PROFILE)
        self.server = Server(page := _page(self.app), listening)
        self.front = getattr(page.state, "front", None)
        self.reports: list[dict[str, Any]] = []
        self._read: set[int] = set()
        self._versions: dict[int, int] = {}
        self.url = self.server.__enter__()
        wecom.set_callback(self.url + "/wecom/callback")
        self.run(self.app.start())

    def run(self, what: Any) -> Any:
        return self.server.run(what)

    def close(self) -> None:
        self.run(self.app.stop())
        self.server.__exit__()

    def people(self, **roles: str) -> None:
        super().people(**roles)
        with self.db() as work:
            for handle in roles:
                self.wecom.add_member(handle.upper(), handle)
                account = Account(person_id=self._person_id(work, handle) or 0, messenger="wecom", user_id=handle)
                work.session.add(account)

    def card(self, who: str = "li") -> Shown:
        return self.wecom.last(who)

    def first(self, amount: str = "120000.00", **more: Any) -> Shown:
        """li's card on the morning after the due date of 甲's receivable."""
        self.begin("2026-07-02 08:00")
        self.customer("甲", "li", **more)
        self.receivable("甲", amount, due="2026-07-01", number="I1", issued="2026-06-01")
        self.morning("2026-07-02")
        return self.card()

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
def wecom() -> Iterator[FakeWecom]:
    with FakeWecom(secret=CANARY) as fake:
        yield fake
        assert fake.wrong == []


@pytest.fixture
def hk(databases: Databases, wecom: FakeWecom) -> Iterator[Company]:
    made = Company(databases.create("sqlite"), wecom)
    yield made
    made.close()


def test_from_the_due_date_to_the_promise(hk: Company, wecom: FakeWecom, caplog: pytest.LogCaptureFixture) -> None:
    card = hk.first()
    assert "逾期 1 天" in card.text and "¥120,000.00" in card.text
    wecom.tap("li", card, card.key_of("承诺日期"))
    menu = hk.card()
    friday = next(key for key, words in menu.questions["date"].options.items() if words.startswith("周五"))
    wecom.tap("li", menu, menu.key_of("提交"), {"date": friday})
    assert "承诺" in hk.card().text and hk.card().buttons == ()
    assert hk.promises("甲") == ["open"]
    with hk.look() as work:
        delivery = work.session.execute(select(D.c.state, D.c.rev)).one()
    hk.settled(lambda: _state(hk) == ("closed", 2))
    assert delivery.rev in (1, 2)
    assert wecom.calls_of("message/update_template_card") == []  # the answer itself carried it
    # Pressing the old button, as a phone does that did not hear of it, changes nothing.
    wecom.pass_time(1)  # events of one second with one key are one event
    wecom.tap("li", card, card.key_of("承诺日期"), stale=True)
    assert hk.promises("甲") == ["open"] and hk.card().buttons == ()
    assert CANARY not in caplog.text


def _state(hk: Company) -> tuple[str, int]:
    with hk.look() as work:
        found = work.session.execute(select(D.c.state, D.c.rev).order_by(D.c.id).limit(1)).one()
    return str(found.state), int(found.rev)


def test_two_steps_of_log_result(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    wecom.tap("li", card, card.key_of("登记结果"))
    menu = hk.card()
    wanted = next(key for key, words in menu.questions["result"].options.items() if "承诺" in words)
    wecom.tap("li", menu, menu.key_of("提交"), {"result": wanted})
    menu = hk.card()
    assert set(menu.questions) == {"date"}
    wecom.tap("li", menu, menu.key_of("提交"), {"date": list(menu.questions["date"].options)[1]})
    assert hk.promises("甲") == ["open"]


def test_typed_lines(hk: Company, wecom: FakeWecom) -> None:
    hk.first()
    before = len(wecom.screen("li"))
    wecom.say("li", "/balance 甲")
    hk.settled(lambda: len(wecom.screen("li")) > before)
    assert "¥120,000.00" in hk.card().text
    said = wecom.say("li", "/promise 甲 7-10")
    hk.settled(lambda: hk.promises("甲") == ["open"])
    assert said.status == 200
    # The card on the screen is changed with the code of its sending.
    hk.settled(lambda: wecom.screen("li")[0].buttons == ())


def test_a_stranger_learns_how_to_be_linked_and_no_more(hk: Company, wecom: FakeWecom) -> None:
    hk.first()
    wecom.add_member("Newcomer", "新人")
    said = wecom.say("newcomer", "/balance 甲")
    assert said.reply is not None and "绑定" in said.reply.text and "120,000" not in said.reply.text
    with hk.db() as work:
        code = accounts.issue(work, hk._person_id(work, "lin") or 0)
    said = wecom.say("newcomer", f"绑定 {code}")
    assert said.reply is not None and "绑定成功" in said.reply.text


def test_who_reads_in_wechat_answers_by_number(hk: Company, wecom: FakeWecom) -> None:
    hk.begin("2026-07-02 08:00")
    with hk.db() as work:
        work.session.execute(update(A).where(A.c.user_id == "li").values(text_only=True))
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")
    card = hk.card()
    assert card.msgtype == "text" and "2 承诺日期（2 日期" in card.text
    said = wecom.say("li", "2 7-10")
    assert said.reply is not None and hk.promises("甲") == ["open"]
    assert said.reply.text.startswith("甲："), said.reply.text
    before = len(wecom.screen("li"))
    wecom.say("li", "/todo")
    hk.settled(lambda: len(wecom.screen("li")) > before)
    assert {s.msgtype for s in wecom.screen("li")} == {"text"}


def test_who_reads_in_wechat_is_asked_in_text_and_answers_in_text(hk: Company, wecom: FakeWecom) -> None:
    hk.begin("2026-07-02 08:00")
    _reads_text(hk, "li")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")
    assert "1 联系不上（1 日期）" in says(hk, "li", "1 5")
    assert "没听懂" not in says(hk, "li", "1 下下周三")  # a day, though too far away
    assert says(hk, "li", "1 7-6").startswith("甲：") and hk.tasks("甲") == [("li", "answered")]


def test_a_task_that_is_done_is_no_longer_meant_by_a_number(hk: Company, wecom: FakeWecom) -> None:
    hk.begin("2026-07-02 08:00")
    _reads_text(hk, "li")
    for code in ("甲", "乙"):
        hk.customer(code, "li")
        hk.receivable(code, "100.00", due="2026-07-01", number=f"I{code}", issued="2026-06-01")
    hk.morning("2026-07-02")
    assert "有 2 项待您处理" in says(hk, "li", "2 7-10")
    first = says(hk, "li", "1")[0]
    other = says(hk, "li", "2 7-10")  # one has its promise: there is nothing to choose from
    assert {first, other[0]} == {"甲", "乙"} and hk.promises("甲") == hk.promises("乙") == ["open"], other


def test_the_rep_takes_an_order_back_with_a_reason(hk: Company, wecom: FakeWecom) -> None:
    """The card's button has no room for the reason; the line has, and it stays as it was typed."""
    opened(hk)
    for number in ("SO1", "SO2"):
        place(hk, "甲", "2000.00", number, asked_by="li")
    asked = says(hk, "li", "撤回 SO1 客户取消，先不做了（急）")
    assert "请再次确认" in asked and "SO1" in asked and "客户取消，先不做了（急）" in asked
    assert "SO1" in says(hk, "li", "1") and state(hk, "SO2") == "held"
    assert [one["reason"] for one in audited(hk, "credit.withdrawn")] == ["客户取消，先不做了（急）"]


def _reads_text(hk: Company, who: str) -> None:
    with hk.db() as work:
        work.session.execute(update(A).where(A.c.user_id == who).values(text_only=True))


def says(hk: Company, who: str, words: str) -> str:
    before = len(hk.wecom.screen(who))
    said = hk.wecom.say(who, words)
    if said.reply is None:
        hk.settled(lambda: len(hk.wecom.screen(who)) > before)
    return said.reply.text if said.reply is not None else hk.card(who).text


def test_a_card_changes_and_a_text_stays_whatever_the_member_reads_by_now(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    with hk.db() as work:
        work.session.execute(update(A).where(A.c.user_id == "li").values(text_only=True))
    hk.customer("乙", "li")
    hk.receivable("乙", "300.00", due="2026-07-02", number="I2", issued="2026-06-01")
    hk.morning("2026-07-03")
    text = hk.card()
    assert (card.msgtype, text.msgtype) == ("template_card", "text")
    with hk.db() as work:
        work.session.execute(update(A).where(A.c.user_id == "li").values(text_only=False))
    hk.pay("甲", "120000.00", "I1")
    hk.pay("乙", "300.00", "I2")
    query = select(O.c.state, O.c.reason).where(O.c.op == "update")
    with hk.look() as work:
        found = {tuple(row) for row in work.session.execute(query)}
    assert ("cancelled", "never_changes") in found and "dead" not in {state for state, _ in found}, found
    [changed] = [each for each in wecom.screen("li") if each.msgid == card.msgid]
    assert changed.text != card.text and not changed.buttons, changed


def test_who_reads_in_wechat_is_asked_once_more_before_an_order_is_released(hk: Company, wecom: FakeWecom) -> None:
    opened(hk)
    with hk.db() as work:
        work.session.execute(update(A).where(A.c.user_id == "zhou").values(text_only=True))
    place(hk, "甲", "2000.00", "SO1")
    hk.settled(lambda: wecom.screen("zhou"))
    card = hk.card("zhou")
    assert card.msgtype == "text" and "1 批准" in card.text

    def says(words: str) -> str:
        before = len(wecom.screen("zhou"))
        said = wecom.say("zhou", words)
        if said.reply is None:
            hk.settled(lambda: len(wecom.screen("zhou")) > before)
        return said.reply.text if said.reply is not None else hk.card("zhou").text

    question = says("1")
    for part in ("请再次确认 · 批准", "甲", "SO1", "¥2,000.00", "¥1,000.00", "1 确认", "2 取消"):
        assert part in question, question
    assert "已取消" in says("2") and state(hk, "SO1") == "held"
    says("1")
    assert says("1").startswith("甲 订单 SO1：") and state(hk, "SO1") == "released"
    assert says("1")  # about nothing any more
    assert len(audited(hk, "credit.voted")) == 1


def test_a_number_is_asked_about_on_a_card_where_cards_show(hk: Company, wecom: FakeWecom) -> None:
    opened(hk)
    place(hk, "甲", "2000.00", "SO1")
    hk.settled(lambda: wecom.screen("zhou"))
    wecom.say("zhou", "1")
    hk.settled(lambda: len(wecom.screen("zhou")) == 2)
    question = hk.card("zhou")
    assert "¥2,000.00" in question.text and state(hk, "SO1") == "held"
    wecom.tap("zhou", question, question.key_of("确认"))
    assert state(hk, "SO1") == "released" and hk.card("zhou").buttons == () and "已批准" in hk.card("zhou").text


def test_a_card_that_cannot_be_changed_any_more_is_closed_with_words(hk: Company, wecom: FakeWecom) -> None:
    card = hk.first()
    with hk.db() as work:
        work.session.execute(table_of(AdapterState).delete())  # as after 72 hours
    hk.act("wang", "task.promise", "甲", date="2026-07-10")
    assert card.buttons == wecom.screen("li")[0].buttons  # it still has them
    hk.settled(lambda: len(wecom.screen("li")) == 2)
    assert "承诺" in hk.card().text and hk.card().buttons == ()
    assert [r.kind for r in hk.outbox(op="send")].count("note.closed") == 1
    assert wecom.calls_of("message/update_template_card") == []
    # Whoever presses one of its buttons sees the card as it is.
    old = wecom.screen("li")[0]
    wecom.tap("li", old, old.key_of("承诺日期"))
    if wecom.screen("li")[0].questions:
        menu = wecom.screen("li")[0]
        wecom.tap("li", menu, menu.key_of("提交"), {"date": list(menu.questions["date"].options)[1]})
    assert wecom.screen("li")[0].buttons == () and len(hk.promises("甲")) == 1


def test_a_change_in_between_keeps_the_code_for_the_end(hk: Company, wecom: FakeWecom) -> None:
    hk.first()
    hk.receivable("甲", "500.00", due="2026-07-02", number="I2", issued="2026-06-02")
    hk.morning("2026-07-03")
    assert wecom.calls_of("message/update_template_card") == []
    hk.act("wang", "task.promise", "甲", date="2026-07-10")
    hk.settled(lambda: not any(s.buttons for s in wecom.screen("li")))


def test_a_person_who_left_is_told_to_somebody(hk: Company, wecom: FakeWecom) -> None:
    hk.begin("2026-07-02 08:00")
    wecom.remove_member("li")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.now = instant("2026-07-02 09:00")
    hk.run(hk.app.tick(hk.now))
    assert [(r.state, r.reason) for r in hk.outbox(kind="task.overdue")] == [("dead", "unknown_user")]
    hk.settled(lambda: wecom.screen("fm"))


def test_the_process_stops_during_a_tap(hk: Company, wecom: FakeWecom) -> None:
    import threading

    card = hk.first()
    tapping = threading.Thread(target=wecom.tap, args=("li", card, card.key_of("承诺日期")))
    tapping.start()
    began = time.monotonic()
    hk.run(asyncio.wait_for(hk.app.stop(), 8))
    tapping.join(20)
    assert time.monotonic() - began < 8
    wecom.wrong.clear()  # it may have come too late, and was then sent back
    assert Person


def test_without_the_page_its_address_says_what_this_is(hk: Company) -> None:
    with urlopen(hk.url + "/") as answer:
        said = answer.read().decode()
    assert "HUIKUAN_MESSENGERS 中加上 local" in said and "Not Found" not in said
