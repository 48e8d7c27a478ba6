"""Promises, claims, disputes, pauses, money and finance's chores, loaded; and that nothing enqueued lacks a loader."""

import re
from datetime import date, datetime
from pathlib import Path

import pytest
from sqlmodel import Session

import core
from bot.notifications.load import SUBJECTS, Cancel, Message
from bot.notifications.load.chores import _KINDS as CHORES
from bot.notifications.load.digest import _SAYS
from bot.notifications.load.events import _PLAIN, events_of
from bot.notifications.load.promises import _ENDED
from bot.notifications.load.promises import _KINDS as PROMISES
from bot.notifications.templates import templates
from core import chores
from core.cases import refresh
from core.dunning.stored import active
from core.ledger import post
from core.models import ImportRun, Letter, OutboxMessage, Person, PromiseState, Receipt, Receivable
from core.money import Money
from tests.factories import DAY, customer, morning, receipt
from tests.messages.loading import Books, receivable


def cny(major: int) -> Money:
    return Money(major * 100, "CNY")


def july(day: int, hour: int = 9) -> datetime:
    return morning(date(2026, 7, day), hour)


@pytest.fixture
def books(session: Session) -> Books:
    """I1, ¥120,000, due on 1 July; its first card stands on Li's screen on the 2nd."""
    made = Books(session)
    receivable(made.at(date(2026, 6, 1)), "I1", made.customer)
    made.cycle(july(2))
    made.deliver_all(july(2))
    return made


def pay(books: Books, amount: str, when: datetime, **more: object) -> Receipt:
    made = receipt(books.at(when), books.customer, amount, **more)  # type: ignore[arg-type]
    refresh(books.at(when), [books.customer.id or 0], [made.id or 0])
    books.session.flush()
    books.session.expire_all()
    return made


def redraw(row: object, **more: object) -> Message:
    names = ("kind", "subject", "subject_id", "person_id", "customer_id")
    return Message(**{n: getattr(row, n) for n in names}, for_update=True, **more)


# --- promises -------------------------------------------------------------------------------------


def test_a_promise_due_is_kept_before_its_card_leaves(books: Books) -> None:
    books.act(books.rep, "task.promise", july(2, 10), date="2026-07-06", note="月底")
    books.cycle(july(6))
    row = books.one("promise.due")
    view = books.drawn(row, july(6)).view
    assert (view.amount, view.missing, view.due_today, view.note) == (cny(120_000), cny(120_000), True, "月底")
    assert view.by == "小李" and view.made_on == date(2026, 7, 2)
    pay(books, "20000.00", july(6, 10))
    assert books.drawn(row, july(6, 10)).view.missing == cny(100_000)
    pay(books, "100000.00", july(6, 11))
    assert books.load(row, july(6, 11)) == Cancel("kept")
    assert books.drawn(redraw(row), july(6, 11)).view.ended.code == "ended.kept"


def test_a_replaced_promise_ends_its_card(books: Books) -> None:
    books.act(books.rep, "task.promise", july(2, 10), date="2026-07-06")
    books.cycle(july(6))
    shown = books.deliver(books.one("promise.due"), july(6))
    books.act(books.rep, "task.promise", july(6, 10), date="2026-07-10")
    assert books.drawn(shown, july(6, 10)).view.ended.code == "ended.replaced"


def test_two_not_kept_reach_the_manager_and_are_corrected(books: Books) -> None:
    for day in (6, 9):
        books.act(books.rep, "task.promise", july(day - 3, 10), date=f"2026-07-0{day}")
        books.cycle(july(day + 2 if day == 6 else 13))
        if day == 6:
            books.deliver_all(july(8))
    row = books.one("promise.broken", books.manager)
    view = books.drawn(row, july(13)).view
    assert (view.not_kept, view.state, view.owner) == (2, "broken", "小李")
    mine = books.drawn(books.waiting(who=books.rep)[0], july(13)).view
    assert mine.not_kept == 2
    pay(books, "120000.00", july(13, 10), on=date(2026, 7, 8))
    assert isinstance(books.load(row, july(13, 10)), Cancel)
    told = books.drawn(books.one("promise.corrected", books.manager), july(13, 10)).view
    assert (told.was, told.state) == ("broken", "kept")
    assert books.drawn(redraw(row), july(13, 10)).view.closed


def test_a_partly_kept_promise_says_what_is_missing(books: Books) -> None:
    books.act(books.rep, "task.promise", july(2, 10), date="2026-07-06")
    pay(books, "20000.00", july(6, 10))
    books.deliver_all(july(6))
    books.cycle(july(8))
    view = books.drawn(books.waiting(who=books.rep)[0], july(8)).view
    assert (view.state, view.received, view.missing) == ("partly_kept", cny(20_000), cny(100_000))
    assert view.overdue == (cny(100_000),)


@pytest.mark.parametrize(
    ("given", "code", "n"),
    [({"date": "2026-08-20"}, "limit.too_far", 30), ({"date": "2026-07-06", "amount": "100"}, "limit.too_little", 50)],
)
def test_a_promise_beyond_the_limits(books: Books, given: dict[str, str], code: str, n: int) -> None:
    books.act(books.rep, "task.promise", july(2, 10), **given)
    row = books.one("promise.approval", books.manager)
    view = books.drawn(row, july(2, 10)).view
    assert [(p.code, p.n) for p in view.limits] == [(code, n)]
    assert books.drawn(redraw(row), july(2, 10)).view.limits == view.limits, "also without the row's data"
    books.act(books.manager, "promise.approve", july(2, 11), subject="promise", id=row.subject_id)
    assert books.load(row, july(2, 11)) == Cancel("open")
    ended = books.drawn(redraw(row), july(2, 11)).view.ended
    assert (ended.code, ended.who) == ("ended.approved", "王总")


def test_a_rejected_promise(books: Books) -> None:
    books.act(books.rep, "task.promise", july(2, 10), date="2026-08-20")
    row = books.one("promise.approval", books.manager)
    books.act(books.manager, "promise.reject", july(2, 11), subject="promise", id=row.subject_id)
    assert books.drawn(redraw(row), july(2, 11)).view.ended.code == "ended.rejected"


# --- claims, disputes, pauses ---------------------------------------------------------------------


def test_a_claim_is_confirmed_or_void(books: Books) -> None:
    books.act(books.rep, "task.part_paid", july(2, 10), amount="50000", paid_on="2026-07-01")
    row = books.one("claim.review", books.finance)
    view = books.drawn(row, july(2, 10)).view
    assert (view.amount, view.paid_on, view.numbers) == (cny(50_000), date(2026, 7, 1), ("I1",))
    assert (view.claimed_by, view.expires_on) == ("小李", date(2026, 7, 7))
    books.act(books.finance, "claim.confirm", july(3), subject="claim", id=row.subject_id, number="B-77")
    assert books.load(row, july(3)) == Cancel("confirmed")
    ended = books.drawn(redraw(row), july(3)).view.ended
    assert (ended.code, ended.who, ended.text) == ("ended.confirmed", "小钱", "B-77")
    books.act(books.rep, "task.paid", july(3, 10))
    again = books.one("claim.review", books.finance) if len(books.waiting("claim.review")) == 1 else None
    again = again or books.waiting("claim.review")[-1]
    books.act(books.finance, "claim.void", july(3, 11), subject="claim", id=again.subject_id)
    assert books.drawn(redraw(again), july(3, 11)).view.ended.code == "ended.voided"
    books.cycle(july(3, 12))
    voided = books.drawn(books.waiting(who=books.rep)[-1], july(6))
    assert "event.claim_voided" in {e.code for e in voided.view.events}


def test_an_expired_claim_is_the_owners_again(books: Books) -> None:
    books.act(books.rep, "task.paid", july(2, 10))
    review = books.one("claim.review", books.finance)
    books.cycle(july(8))
    loaded = books.drawn(books.waiting(who=books.rep)[-1], july(8))
    assert loaded.kind == "claim.expired" and loaded.task_id == books.task(books.rep).id
    assert loaded.view.in_a_row == 1 and loaded.view.days == 7 and loaded.view.answer_by is not None
    assert books.load(review, july(8)) == Cancel("expired")
    books.deliver_all(july(8))
    books.act(books.rep, "task.paid", july(8, 10))
    books.cycle(july(14))
    told = books.one("claim.expired", books.manager)
    to_wang = books.drawn(told, july(14)).view
    assert (to_wang.in_a_row, to_wang.claimed_by, to_wang.owner) == (2, "小李", "小李")
    fields = {f.label: f.value for f in books.card(told, july(14)).fields}
    assert fields["负责人"] == "小李" and fields["登记人"].startswith("小李")
    pay(books, "120000.00", july(14, 10), to=books.session.get_one(Receivable, 1))
    assert books.load(told, july(14, 10)) == Cancel("settled")


@pytest.mark.parametrize(
    ("outcome", "given", "code"),
    [
        ("accept", {}, "ended.dispute_accepted"),
        ("reject", {}, "ended.dispute_rejected"),
        ("part", {"amount": "6000"}, "ended.dispute_part"),
    ],
)
def test_a_dispute_and_its_outcomes(books: Books, outcome: str, given: dict[str, str], code: str) -> None:
    books.act(books.rep, "task.dispute", july(2, 10), reason="quality", amount="36500", note="返修")
    row = books.one("dispute.open")
    loaded = books.drawn(row, july(2, 10))
    view = loaded.view
    assert (view.reason, view.amount, view.by, view.note) == ("quality", cny(36_500), "小李", "返修")
    assert view.answer_by is not None and view.numbers == ("I1",) and loaded.task_id == row.subject_id
    who = books.session.get_one(Person, row.person_id)
    assert books.act(who, "dispute.settle", july(3), outcome=outcome, **given).result == "done"
    assert isinstance(books.load(row, july(3)), Cancel)
    drawn = books.drawn(redraw(row), july(3))
    assert drawn.view.ended.code == code and drawn.over
    about = Message(kind="dispute.settled", subject="dispute", subject_id=1, person_id=books.rep.id)
    settled = books.drawn(about, july(3)).view
    assert settled.settled_by == who.name and settled.chased == (outcome != "accept")


def test_a_dispute_about_nothing_open(books: Books) -> None:
    books.act(books.rep, "task.dispute", july(2, 10), reason="price")
    row = books.one("dispute.open")
    pay(books, "120000.00", july(3), to=books.session.get_one(Receivable, 1))
    assert books.load(row, july(3)) == Cancel("ended")
    assert books.drawn(redraw(row), july(3)).view.ended.code == "ended.settled"


def test_a_pause_that_needs_the_manager(books: Books) -> None:
    books.act(books.rep, "pause.set", july(2, 10), until="2026-07-31", reason="换账户")
    row = books.one("pause.approval", books.manager)
    view = books.drawn(row, july(3)).view
    assert (view.by, view.reason, view.days, view.nth) == ("小李", "换账户", 29, 1)
    assert (view.overdue, view.overdue_days) == ((cny(120_000),), 2)
    books.act(books.manager, "pause.approve", july(3), subject="pause", id=row.subject_id)
    assert books.load(row, july(3)) == Cancel("active")
    ended = books.drawn(redraw(row), july(3)).view.ended
    assert (ended.code, ended.who) == ("ended.approved", "王总")


# --- money ----------------------------------------------------------------------------------------


def test_what_arrived_keeps_its_amounts(books: Books) -> None:
    one = books.session.get_one(Receivable, 1)
    receivable(books.at(date(2026, 6, 2)), "I2", books.customer, due=date(2026, 7, 2))
    pay(books, "20000.00", july(3), to=one)
    row = books.one("payment.arrived")
    assert books.drawn(row, july(3)).view.amount == (cny(20_000),)
    pay(books, "30000.00", july(3, 10), to=one)
    loaded = books.drawn(row, july(3, 10))
    assert (loaded.view.amount, loaded.view.count, loaded.view.overdue) == ((cny(50_000),), 2, (cny(190_000),))
    assert loaded.receivables == ("I1",), "what was paid, not what is open"
    shown = books.deliver(row, july(3, 10))
    assert books.load(shown, july(6)) == Cancel("stays"), "yesterday's line stays as it was"
    for receipt_id in (1, 2):
        post.reverse_receipt(books.at(july(3, 11)), books.session.get_one(Receipt, receipt_id), july(3).date())
    books.session.expire_all()
    assert books.drawn(shown, july(3, 12)).view.ended.code == "ended.reversed"


def test_promised_money_is_overdue_all_the_same(books: Books) -> None:
    one = books.session.get_one(Receivable, 1)
    books.act(books.rep, "task.promise", july(2, 10), date="2026-07-10")
    pay(books, "20000.00", july(3, 10), to=one)
    view = books.drawn(books.one("payment.arrived"), july(3, 10)).view
    assert (view.overdue, view.aside, view.days) == ((cny(100_000),), (cny(100_000),), 2)


def test_a_reversed_receipt_brings_the_case_back(books: Books) -> None:
    one = books.session.get_one(Receivable, 1)
    made = pay(books, "120000.00", july(3), to=one)
    books.deliver_all(july(3))
    post.reverse_receipt(books.at(july(6)), made, july(6).date())
    refresh(books.at(july(6)), [books.customer.id or 0])
    books.session.expire_all()
    rows = books.waiting("payment.reversed")
    assert {r.person_id for r in rows} == {books.rep.id, books.finance.id}
    view = books.drawn(rows[0], july(6)).view
    assert (view.amount, view.on, view.overdue) == ((cny(120_000),), july(6).date(), (cny(120_000),))
    pay(books, "120000.00", july(7), to=one)
    assert books.load(rows[0], july(7)) == Cancel("settled")
    assert books.drawn(redraw(rows[0]), july(7)).view.ended.code == "ended.settled"


def test_money_to_allocate(books: Books) -> None:
    pay(books, "20000.00", july(3), payer="甲公司", reference="货款")
    row = books.one("receipt.allocate")
    view = books.drawn(row, july(3)).view
    assert (view.amount, view.unallocated, view.payer) == (cny(20_000), cny(20_000), "甲公司")
    assert [c.number for c in view.candidates] == ["I1"]
    books.act(books.finance, "receipt.allocate", july(3, 10), receivable="I1")
    assert books.load(row, july(3, 10)) == Cancel("answered")
    assert books.drawn(redraw(row), july(3, 10)).view.ended.code == "ended.allocated"


# --- chores ---------------------------------------------------------------------------------------


def test_who_looks_after_them(books: Books) -> None:
    lonely = customer(books.at(july(1)), "C9", "乙公司")
    receivable(books.at(date(2026, 6, 1)), "I9", lonely)
    _, policy = active(books.at(july(3)))
    chores.open_chore(books.at(july(3)), policy, "assign", [books.chief.id or 0], customer_id=lonely.id)
    row = books.one("task.gap")
    view = books.drawn(row, july(3)).view
    assert (view.gap, view.overdue, view.days) == ("no_owner", (cny(120_000),), 2)
    assert {p.value for p in view.people} == {"li", "wang", "zhao"}
    work = books.at(july(3, 10))
    who = books.session.get_one(Person, row.person_id)
    books.act(who, "customer.assign", july(3, 10), subject="customer", id=lonely.id, person="li")
    assert work and isinstance(books.load(row, july(3, 10)), Cancel)
    ended = books.drawn(redraw(row), july(3, 10)).view.ended
    assert (ended.code, ended.who) == ("ended.assigned", "小李")


def test_an_owner_who_left(books: Books) -> None:
    books.rep.active = False
    _, policy = active(books.at(july(3)))
    chores.open_chore(books.at(july(3)), policy, "assign", [books.chief.id or 0], customer_id=books.customer.id)
    view = books.drawn(books.one("task.gap"), july(3)).view
    assert (view.gap, view.last_owner) == ("inactive_owner", "小李")


def test_a_copy_is_wanted(books: Books) -> None:
    books.act(books.rep, "task.copy", july(2, 10), what="发票复印件")
    view = books.drawn(books.one("task.copy"), july(3)).view
    assert (view.what, view.asked_by, view.numbers) == ("发票复印件", "小李", ("I1",))
    assert view.contact == "陈会计 ap@jia.example"


def test_a_letter_that_perhaps_did_not_go(books: Books) -> None:
    letter = books.session.get_one(Letter, 1)
    letter.subject = "友好提醒"
    _, policy = active(books.at(july(3)))
    data = {"kind": "letter", "letter": letter.id}
    chores.open_chore(books.at(july(3)), policy, "letter", [books.finance.id or 0], customer_id=books.customer.id, data=data)
    view = books.drawn(books.one("letter.unsure"), july(3)).view
    assert (view.to, view.stage, view.subject) == ("ap@jia.example", 1, "友好提醒")


def test_a_message_that_was_not_delivered(books: Books) -> None:
    row = books.session.get_one(OutboxMessage, 1)
    row.reason, row.messenger = "no_account", "wecom"
    _, policy = active(books.at(july(3)))
    data = {"kind": "delivery.failed", "outbox": row.id, "reason": "no_account"}
    chores.open_chore(books.at(july(3)), policy, "undelivered", [books.chief.id or 0], customer_id=None, data=data)
    loaded = books.drawn(books.one("delivery.failed"), july(3))
    assert (loaded.view.reason, loaded.view.messenger) == ("no_account", "wecom")


def test_stale_receipts(books: Books) -> None:
    books.session.add(ImportRun(kind="receipts", source="bank", at=july(2), known_to=date(2026, 7, 2)))
    books.session.flush()
    books.act(books.rep, "task.promise", july(2, 10), date="2026-07-06")
    books.cycle(july(8))
    row = books.one("receipts.stale")
    view = books.drawn(row, july(8)).view
    assert (view.known_until, view.expected, view.promises) == (date(2026, 7, 2), date(2026, 7, 7), 1)
    books.session.add(ImportRun(kind="receipts", source="bank", at=july(8), known_to=date(2026, 7, 8)))
    books.session.flush()
    assert books.load(row, july(8, 10)) == Cancel("imported")
    assert books.drawn(redraw(row), july(8, 10)).view.ended.code == "ended.imported"


# --- nothing is missing ---------------------------------------------------------------------------


def test_every_subject_and_chore_that_core_writes_has_a_loader() -> None:
    text = "\n".join(p.read_text() for p in Path(core.__file__).parent.rglob("*.py"))
    written = set(re.findall(r'subject="(\w+)",\s+subject_id=', text))
    assert written >= {"task", "case", "promise", "claim", "pause", "letter", "arrived", "digest"}
    assert written <= set(SUBJECTS)
    assert set(chores.MESSAGES) <= set(CHORES) | {"dispute"}
    kinds = set(re.findall(r'kind="([a-z]+\.[a-z_]+)"', text))
    assert kinds <= templates().kinds, kinds - templates().kinds
    assert {k for k in kinds if k.startswith("promise.")} <= set(PROMISES)


def test_every_code_is_a_word() -> None:
    folder = Path(core.__file__).parent.parent / "bot" / "notifications" / "load"
    text = "\n".join(p.read_text() for p in folder.glob("*.py"))
    used = set(re.findall(r'"((?:ended|event|limit)\.[a-z_]+)"', text))
    known = templates().phrase_codes()
    used -= templates().kinds
    assert used <= known, used - known
    assert set(_PLAIN.values()) | set(_ENDED.values()) <= known
    assert set(_SAYS) <= templates().kinds
    for kind in chores.MESSAGES.values():
        assert kind in templates().kinds


def test_every_state_of_a_promise_is_a_word() -> None:
    assert set(PromiseState) <= set(templates().word_groups["promise"])


def test_every_event_of_the_engine_has_a_sentence() -> None:
    kinds = (
        "promise.broken", "promise.partly_kept", "claim.expired", "claim.void", "dispute.rejected", "dispute.part",
        "pause.ended", "follow_up", "rest", "again_on", "not_reached", "task.silent", "letter.final", "handed_over",
        "alert.severe", "alert.high_risk",
    )  # fmt: skip
    for kind in kinds:
        (said,) = events_of([{"kind": kind, "currency": "CNY", "amount_minor": 100}], 7)
        assert said.code in templates().phrase_codes(), kind
        for lang in ("zh", "en"):
            assert templates().phrase(said, lang, DAY) not in ("", said.code)  # type: ignore[arg-type]
