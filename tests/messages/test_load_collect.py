"""Cards of chasing, loaded from what is true when they leave: amounts, days, events, and how they end."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlmodel import Session

from bot.notifications.documents import write_letters
from bot.notifications.load import Cancel, Facts, Loaded, Message, final_document, load, load_many, message_of
from bot.notifications.templates import render
from bot.notifications.views import CollectView, LetterView, NoteView, PromiseView
from core.cases import refresh
from core.models import Contact, Letter, Task
from core.models.base import table_of
from core.money import Money
from core.work import Profile, Work
from tests.factories import customer, make_company, morning, person, receipt
from tests.messages.loading import Books, receivable

YUAN = 100


def cny(major: int) -> Money:
    return Money(major * YUAN, "CNY")


@pytest.fixture
def books(session: Session) -> Books:
    return Books(session)


def july(day: int, hour: int = 9) -> datetime:
    return morning(date(2026, 7, day), hour)


def test_a_card_says_what_is_true_on_the_day_it_leaves(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    receivable(books.at(date(2026, 6, 1)), "I2", books.customer, "30000.00", due=date(2026, 7, 1))
    books.cycle(july(2))
    row = books.one("task.overdue")
    receipt(books.at(july(3)), books.customer, "20000.00", to=None)
    loaded = books.drawn(row, july(3))
    view = loaded.view
    assert isinstance(view, CollectView)
    assert (loaded.kind, loaded.severity, loaded.customer_code) == ("task.overdue", "overdue", "C1")
    assert loaded.receivables == ("I1", "I2")
    assert view.overdue == (cny(130_000),), "chaseable: what nobody allocated yet is netted, oldest first"
    assert view.open == (cny(130_000),)
    assert view.unapplied == (cny(20_000),)
    assert view.days == 2
    assert [(r.number, r.chaseable) for r in view.receivables] == [("I1", cny(100_000)), ("I2", cny(30_000))]
    assert view.answer_by == datetime(2026, 7, 7, 18, tzinfo=books.company.calendar.zone), "Friday + 2 working days"
    assert view.escalates_to == "王总"
    assert view.owner == "" and not view.no_contact and not view.again
    assert "逾期 2 天 · ¥130,000.00 · 甲商贸" in books.card(row, july(3)).title


def test_two_currencies_are_two_parts(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    receivable(books.at(date(2026, 6, 1)), "U1", books.customer, "500.00", currency="USD", due=date(2026, 6, 30))
    books.cycle(july(2))
    view = books.drawn(books.one("task.overdue"), july(2)).view
    assert view.overdue == (cny(120_000), Money(50_000, "USD"))
    assert view.days == 2 and view.oldest_due == date(2026, 6, 30)
    assert [r.number for r in view.receivables] == ["U1", "I1"]


def test_paid_before_it_leaves_is_never_sent(books: Books) -> None:
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    row = books.one("task.overdue")
    paid = receipt(books.at(july(2, 10)), books.customer, "120000.00", to=one)
    refresh(books.at(july(2, 10)), [books.customer.id or 0], [paid.id or 0])
    assert books.load(row, july(2, 10)) == Cancel("settled")


def test_money_nobody_allocated_stops_the_card_too(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    row = books.one("task.overdue")
    receipt(books.at(july(2, 10)), books.customer, "120000.00")
    assert books.load(row, july(2, 10)) == Cancel("netted")
    shown = books.deliver(row, july(2))
    loaded = books.drawn(shown, july(2, 11))
    assert loaded.view.ended.code == "ended.netted" and not loaded.over


def test_a_promise_ends_the_card_in_words(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    shown = books.deliver(books.one("task.overdue"), july(2))
    books.act(books.rep, "task.promise", july(3), date="2026-07-06")
    loaded = books.drawn(shown, july(3))
    assert loaded.over and loaded.view.ended.code == "ended.promised"
    assert "已承诺 7月6日 ¥120,000.00" in books.card(shown, july(3)).title
    assert books.load(Message(**_again(shown)), july(3)) == Cancel("answered")


def _again(shown: object) -> dict[str, object]:
    message = message_of(shown)
    return {name: getattr(message, name) for name in ("kind", "subject", "subject_id", "person_id", "customer_id")}


@pytest.mark.parametrize(
    ("action", "given", "code"),
    [
        ("task.paid", {}, "ended.paid"),
        ("task.part_paid", {"amount": "5000"}, "ended.part_paid"),
        ("task.dispute", {"reason": "quality", "amount": "5000"}, "ended.dispute"),
        ("task.not_reached", {"again_on": "2026-07-07"}, "ended.not_reached"),
        ("task.copy", {"what": "发票"}, "ended.copy"),
        ("task.other", {"note": "等月底"}, "ended.other"),
    ],
)
def test_every_result_has_its_words(books: Books, action: str, given: dict[str, str], code: str) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    shown = books.deliver(books.one("task.overdue"), july(2))
    assert books.act(books.rep, action, july(3), **given).result == "done"
    assert books.drawn(shown, july(3)).view.ended.code == code


def test_settled_and_paused(books: Books) -> None:
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    shown = books.deliver(books.one("task.overdue"), july(2))
    books.act(books.rep, "pause.set", july(2, 10), until="2026-07-08", reason="换账户")
    loaded = books.drawn(shown, july(2, 10))
    assert (loaded.view.ended.code, loaded.view.ended.on) == ("ended.paused", date(2026, 7, 8))
    paid = receipt(books.at(july(3)), books.customer, "120000.00", to=one)
    refresh(books.at(july(3)), [books.customer.id or 0], [paid.id or 0])


def test_the_worked_example(books: Books) -> None:
    """dunning.md section 11, as its cards read."""
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(morning(date(2026, 6, 24)))
    row = books.one("task.due_soon")
    view = books.drawn(row, morning(date(2026, 6, 24))).view
    assert view.soon and view.due_in == 7 and view.due == (cny(120_000),) and view.answer_by is None
    first = books.deliver(row, morning(date(2026, 6, 24)))

    books.cycle(july(2))
    rise = books.one("note.rise")
    note = books.drawn(rise, july(2))
    assert isinstance(note.view, NoteView)
    assert (note.severity, note.view.days, note.view.overdue) == ("overdue", 1, (cny(120_000),))
    assert note.view.answer_by == datetime(2026, 7, 6, 18, tzinfo=books.company.calendar.zone)
    redrawn = books.drawn(first, july(2))
    assert redrawn.kind == "task.overdue" and redrawn.view.answer_by is None, "the note sets it"
    books.deliver(rise, july(2))
    assert books.drawn(first, july(2)).view.answer_by == note.view.answer_by
    letter = books.drawn(books.one("letter.friendly"), july(2))
    assert isinstance(letter.view, LetterView) and letter.view.one_yesterday and letter.receivables == ("I1",)
    books.deliver_all(july(2))

    books.act(books.rep, "task.promise", july(3), date="2026-07-06")
    books.cycle(july(6))
    due = books.drawn(books.one("promise.due", books.rep), july(6)).view
    assert isinstance(due, PromiseView) and due.due_today and due.missing == cny(120_000)
    books.deliver_all(july(6))

    books.cycle(july(8))
    (row,) = [m for m in books.waiting(who=books.rep)]
    broken = books.drawn(row, july(8))
    assert broken.kind == "promise.broken" and isinstance(broken.view, PromiseView)
    assert broken.task_id == books.task(books.rep).id
    assert broken.view.answer_by == datetime(2026, 7, 10, 18, tzinfo=books.company.calendar.zone)
    assert (broken.view.days, broken.view.overdue, broken.view.missing) == (7, (cny(120_000),), cny(120_000))
    assert books.drawn(books.one("letter.notice"), july(8)).view.days == 7
    shown = {d.subject_id: d for d in books.deliver_all(july(8)) if d.subject == "task"}

    books.cycle(july(20))
    to_wang = books.drawn(books.one("task.silent", books.manager), july(20)).view
    assert to_wang.silent_who == "小李" and to_wang.days == 19 and to_wang.owner == "小李"
    assert to_wang.silent_since == datetime(2026, 7, 10, 18, tzinfo=books.company.calendar.zone)
    assert [e.code for e in to_wang.events] == ["event.severe"], "the alert is drawn on the same card"
    alert = books.drawn(books.one("alert.severe", books.boss), july(20))
    assert (alert.severity, alert.view.days, alert.task_id) == ("severe", 19, None)
    risen = books.drawn(books.one("note.rise", books.rep), july(20)).view
    assert (risen.severity, risen.days) == ("severe", 19)
    mine = shown[broken.task_id or 0]
    assert books.drawn(mine, july(20)).severity == "severe"
    cards = [*books.deliver_all(july(20)), mine]

    paid = receipt(books.at(july(20, 14)), books.customer, "120000.00", to=one)
    refresh(books.at(july(20, 14)), [books.customer.id or 0], [paid.id or 0])
    books.session.expire_all()
    arrived = books.drawn(books.one("payment.arrived", books.rep), july(20, 14)).view
    assert arrived.amount == (cny(120_000),) and arrived.settled
    for card in cards:
        if card.kind.startswith("note."):
            assert books.load(card, july(20, 14)) == Cancel("stays")
        else:
            assert books.drawn(card, july(20, 14)).view.ended.code == "ended.settled", card.kind


def test_a_rise_that_fell_again_is_not_told(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(morning(date(2026, 6, 24)))
    books.deliver_all(morning(date(2026, 6, 24)))
    books.cycle(july(2))
    row = books.one("note.rise")
    books.session.get_one(Task, row.subject_id).severity = "due_soon"
    assert books.load(row, july(2)) == Cancel("eased")


def test_a_reminder_points_from_the_old_card_to_the_new(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    old = books.deliver(books.one("task.overdue"), july(2))
    books.deliver_all(july(2))
    books.cycle(july(8))
    row = books.one("task.overdue", books.rep)
    view = books.drawn(row, july(8)).view
    assert view.reminder_n == 2 and "第2次提醒" in books.card(row, july(8)).footer
    assert not books.drawn(old, july(8)).view.closed
    new = books.deliver(row, july(8))
    assert books.drawn(old, july(8)).view.ended.code == "ended.superseded"
    assert not books.drawn(new, july(8)).view.closed


def test_handed_over_names_who(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    shown = books.deliver(books.one("task.overdue"), july(2))
    person(books.at(july(2)), "han", "rep", books.manager, name="小韩")
    books.act(books.manager, "task.reassign", july(3), subject="task", id=shown.subject_id, person="han")
    loaded = books.drawn(shown, july(3))
    assert (loaded.view.ended.code, loaded.view.ended.who) == ("ended.handed_over", "小韩")
    fresh = books.drawn(books.one("task.overdue"), july(3)).view
    assert [(e.code, e.who) for e in fresh.events] == [("event.handed_over", "小李")]


def test_what_else_stands_on_a_card(books: Books) -> None:
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    receivable(books.at(date(2026, 6, 1)), "I2", books.customer, "30000.00", due=date(2026, 7, 2))
    books.cycle(july(2))
    books.deliver_all(july(2))
    books.act(books.rep, "task.dispute", july(2, 10), reason="price", amount="20000")
    books.act(books.rep, "task.promise", july(2, 11), date="2026-07-09", amount="50000")
    books.cycle(july(3))
    view = books.drawn(books.one("task.overdue", books.rep), july(3)).view
    assert (view.dispute, view.dispute_amount) == ("price", cny(20_000))
    assert (view.promise_on, view.promise_amount) == (date(2026, 7, 9), cny(50_000))
    assert view.overdue == (cny(80_000),) and view.open == (cny(150_000),)
    assert (view.last_on, view.last_by, view.last_note) == (date(2026, 7, 2), "小李", "客户承诺付款")
    assert {e.code for e in view.events} >= {"event.rest"}
    assert view.rating == "C" and one.id


def test_no_contact_is_said(books: Books) -> None:
    books.session.execute(table_of(Contact).update().values(email=""))
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    assert books.drawn(books.one("task.overdue"), july(2)).view.no_contact


def test_an_alert_ends_with_its_case(books: Books) -> None:
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(17))
    row = books.one("alert.severe", books.boss)
    shown = books.deliver(row, july(17))
    books.act(books.rep, "task.promise", july(17, 10), date="2026-07-20")
    assert books.load(Message(**_again(shown)), july(17, 10)) == Cancel("waiting")
    assert books.drawn(shown, july(17, 10)).view.ended.code == "ended.promised"
    paid = receipt(books.at(july(17, 11)), books.customer, "120000.00", to=one)
    refresh(books.at(july(17, 11)), [books.customer.id or 0], [paid.id or 0])
    assert books.drawn(shown, july(17, 11)).view.ended.code == "ended.settled"


def test_letters_list_what_is_chaseable_on_their_day(books: Books) -> None:
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    receivable(books.at(date(2026, 6, 1)), "I2", books.customer, "30000.00", due=date(2026, 7, 6), kind="debit_note")
    books.cycle(july(8))
    row = books.one("letter.friendly")
    view = books.drawn(row, july(8)).view
    assert [(r.number, r.days, r.invoice) for r in view.receivables] == [("I1", 7, True), ("I2", 2, False)]
    assert view.totals == (cny(150_000),) and view.contact == "陈会计" and view.company
    receipt(books.at(july(8)), books.customer, "120000.00", to=one)
    assert [r.number for r in books.drawn(row, july(8)).view.receivables] == ["I2"]
    receipt(books.at(july(8)), books.customer, "30000.00")
    assert books.load(row, july(8)) == Cancel("settled")


def test_a_letter_whose_stage_nobody_has_reached_any_more(books: Books) -> None:
    one = receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    receivable(books.at(date(2026, 6, 1)), "I2", books.customer, "30000.00", due=date(2026, 7, 6))
    books.cycle(july(2))
    books.deliver_all(july(2))
    books.cycle(july(8))
    rows = books.waiting("letter.notice")
    if rows:
        receipt(books.at(july(8)), books.customer, "120000.00", to=one)
        assert books.load(rows[0], july(8)) == Cancel("settled")


@pytest.mark.parametrize(
    ("company", "reason"), [({"letters": "off"}, "letters_off"), ({"letters": "send", "profile": None}, "no_profile")]
)
def test_letters_need_the_switch_and_the_profile(books: Books, company: dict[str, object], reason: str) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    if company.get("profile", 1) is None:
        company["profile"] = Profile()
    books.company = make_company(**company)
    assert books.load(books.one("letter.friendly"), july(2)) == Cancel(reason)


def test_the_document_of_the_last_stage(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    for day in (2, 8, 31):
        books.cycle(july(day))
        shown = books.deliver_all(july(day))
    critical = [books.drawn(d, july(31)) for d in shown if d.person_id == books.director.id and d.subject == "task"]
    assert [(c.kind, c.severity, c.view.hold) for c in critical] == [("task.silent", "critical", True)]
    assert books.task(books.rep).message == "letter.final"
    view = final_document(books.at(july(31)), task_id=books.task(books.rep).id)
    assert isinstance(view, LetterView)
    assert "最长逾期30天" in render("document.final", view, "zh").text


def test_a_letter_whose_file_cannot_be_written_is_tried_again(books: Books, tmp_path: Path) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    for day in (2, 8, 31):
        books.cycle(july(day))

    @contextmanager
    def work(now: datetime) -> Iterator[Work]:
        with books.session.begin_nested():
            yield books.at(now)

    transactions: Any = SimpleNamespace(work=work, look=work)
    folder = tmp_path / "letters"
    folder.write_text("in the way")
    assert write_letters(transactions, july(31), folder) == []
    books.session.expire_all()
    letters = select(Letter).where(table_of(Letter).c.stage == 3)
    assert books.session.execute(letters).scalar_one().subject == ""
    folder.unlink()
    (written,) = write_letters(transactions, july(31), folder)
    assert "甲商贸" in written.read_text() and list(folder.iterdir()) == [written]
    assert books.session.execute(letters).scalar_one().subject
    assert write_letters(transactions, july(31), folder) == []


def test_letters_to_release(session: Session) -> None:
    books = Books(session, make_company(letters="review"))
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    ask = Message(kind="letters.release", subject="release", subject_id=20260702, person_id=books.chief.id)
    view = books.drawn(ask, july(2)).view
    assert (view.count, view.customers, view.totals) == (1, 1, (cny(120_000),))
    assert view.samples[0].to == "ap@jia.example"
    books.act(books.chief, "letters.release", july(2), subject="release", id=20260702)
    assert books.load(ask, july(2)) == Cancel("none")
    redraw = Message(kind="letters.release", subject="release", subject_id=20260702, for_update=True)
    loaded = books.drawn(redraw, july(2))
    assert (loaded.view.ended.code, loaded.view.ended.who) == ("ended.released", "孙经理")


def test_a_digest_has_a_line_for_what_is_still_true(books: Books) -> None:
    work = books.at(date(2026, 6, 1))
    others = [customer(work, f"K{n}", f"客户{n}", owner=books.rep) for n in range(3)]
    ones = [receivable(work, f"R{n}", c, f"{n + 1}0000.00") for n, c in enumerate(others)]
    books.cycle(july(2))
    items = [
        {"kind": m.kind, "subject": m.subject, "id": m.subject_id, "customer": m.customer_id}
        for m in books.waiting("task.overdue")
    ]
    assert len(items) == 3
    message = Message(kind="digest.daily", subject="digest", subject_id=1, person_id=books.rep.id, data={"items": items})
    view = books.drawn(message, july(2)).view
    assert [line.short for line in view.lines] == ["客户2", "客户1", "客户0"], "riskiest first"
    assert view.total == (cny(60_000),) and view.answer_by is not None
    for one, c in zip(ones, others, strict=True):
        paid = receipt(books.at(july(2)), c, f"{one.amount_minor // 100}.00", to=one)
        refresh(books.at(july(2)), [c.id or 0], [paid.id or 0])
    assert books.load(message, july(2)) == Cancel("settled")


def test_many_cards_cost_a_fixed_number_of_statements(books: Books) -> None:
    work = books.at(date(2026, 6, 1))
    for n in range(30):
        receivable(work, f"R{n}", customer(work, f"K{n}", f"客户{n}", owner=books.rep))
    books.cycle(july(2))
    messages = [message_of(m) for m in books.waiting("task.overdue")]
    assert len(messages) == 30
    books.session.flush()
    books.session.expunge_all()
    counts = []
    for some in (messages[:1], messages):
        books.session.info.clear()  # what is read once a transaction
        made: list[str] = []

        def count(*args: object, made: list[str] = made) -> None:
            made.append(str(args[2]))

        engine = books.session.get_bind()
        event.listen(engine, "before_cursor_execute", count)
        found = load_many(books.at(july(2)), some, "zh")
        event.remove(engine, "before_cursor_execute", count)
        assert all(isinstance(one, Loaded) for one in found)
        counts.append(len(made))
    assert counts[0] == counts[1] <= 22, counts


def test_a_closing_note_says_how_it_ended(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    books.cycle(july(2))
    shown = books.deliver(books.one("task.overdue"), july(2))
    note = Message(
        kind="note.closed", subject="task", subject_id=shown.subject_id, person_id=books.rep.id,
        customer_id=shown.customer_id, data={"kind": shown.kind},
    )  # fmt: skip
    assert books.load(note, july(2)) == Cancel("still_open")
    books.act(books.rep, "task.paid", july(3))
    loaded = books.drawn(note, july(3))
    assert loaded.kind == "note.closed" and "客户称已付款" in books.card(note, july(3)).title


def test_facts_are_shared(books: Books) -> None:
    receivable(books.at(date(2026, 6, 1)), "I1", books.customer)
    work = books.cycle(july(2))
    facts = Facts(work)
    first = load(work, message_of(books.one("task.overdue")), "zh", facts)
    again = load(work, message_of(books.one("task.overdue")), "zh", facts)
    assert isinstance(first, Loaded) and first == again
