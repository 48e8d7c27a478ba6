"""Letters to customers: what one lists on the day it goes, the document of the last stage, the batch to release."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from bot.notifications.load.facts import About, Cancel, Facts, Loaded, Message, late, phrase, sums
from bot.notifications.views import LetterRow, LetterSample, LetterView, ReleaseView
from core.dunning.facts import CaseFacts, ReceivableFacts
from core.dunning.letters import FINAL, listed, stage_of
from core.dunning.states import load_states
from core.models import Audit, Customer, Firing, FiringOutcome, Letter, Receivable, Task
from core.models.base import table_of
from core.permissions import letters_of
from core.work import Work

F, R, U, C = table_of(Firing), table_of(Receivable), table_of(Audit), table_of(Customer)
SAMPLES = 5


def letter(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """A letter about to go: everything of the customer and currency that is overdue and may be chased on this day."""
    if message.for_update:
        return Cancel("stays")
    row = facts.work.session.get_one(Letter, message.subject_id)
    company = facts.work.company
    about = facts.about(row.customer_id)
    if (company.letters or facts.policy.letters) == "off":
        return Cancel("letters_off")
    if not company.profile.complete:
        return Cancel("no_profile")
    if about.no_letters:
        return Cancel("no_letters")
    if not row.to:
        return Cancel("no_contact")
    overdue = late((r for r in about.receivables if r.currency == row.currency), facts.today)
    if not overdue or not _reached(facts, overdue, row.stage):
        return Cancel("settled")
    return Loaded(
        kind=message.kind,
        view=_view(facts, about, overdue, row.stage, lang, to=row.to),
        customer_code=about.code,
        receivables=tuple(r.number for r in overdue),
    )


def final_document(
    work: Work, *, letter_id: int | None = None, task_id: int | None = None, lang: str = "zh"
) -> LetterView | Cancel:
    """The letter of demand that a human sends, as it would be true today. By its letter, or by the owner's task."""
    facts = Facts(work)
    currency = None
    if letter_id is not None:
        row = work.session.get_one(Letter, letter_id)
        customer_id, currency = row.customer_id, row.currency
    else:
        customer_id = work.session.get_one(Task, task_id).customer_id or 0
    about = facts.about(customer_id)
    overdue = late((r for r in about.receivables if currency in (None, r.currency)), facts.today)
    if not overdue:
        return Cancel("settled")
    if not work.company.profile.complete:
        return Cancel("no_profile")
    return _view(facts, about, overdue, FINAL, lang)


def release(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """The letters that wait for finance: how many, how much, some samples."""
    waiting = _in_review(facts, message.person_id)
    letters = [(about, case, stage) for about, case, stage in waiting if stage is not None]
    if not letters and not message.for_update:
        return Cancel("none")
    rows = []
    for about, case, stage in letters:
        on_it = late(case.receivables, facts.today)
        contact = about.contacts.get("finance")
        rows.append(
            LetterSample(
                customer=about.name,
                to=contact.email if contact is not None else "",
                stage=stage,
                amount=sums((r.chaseable_minor, r.currency) for r in on_it),
                days=max(r.age(facts.today) for r in on_it),
            )
        )
    rows.sort(key=lambda s: (-s.amount[0].minor, s.customer) if s.amount else (0, s.customer))
    ended = None
    if not letters:
        done = facts.work.session.execute(
            select(U.c.actor, U.c.data)
            .where(U.c.action == "letters.release", U.c.subject_id == message.subject_id)
            .order_by(U.c.id.desc())
            .limit(1)
        ).first()
        ended = phrase("ended.resolved")
        if done is not None:
            n = int(done.data.get("letters", done.data.get("customers", 0)))
            ended = phrase("ended.released", who=facts.actor(done.actor), n=n)
    view = ReleaseView(
        today=facts.today,
        count=len(rows),
        customers=len({about.id for about, _, _ in letters}),
        totals=sums((m.minor, m.currency) for s in rows for m in s.amount),
        samples=tuple(rows[:SAMPLES]),
        ended=ended,
    )
    return Loaded(kind="letters.release", view=view, over=ended is not None)


def _in_review(facts: Facts, person_id: int | None) -> list[tuple[About, CaseFacts, int]]:
    """Every letter that waits for this person's release: customer, case, stage."""
    theirs = select(C.c.id).where(letters_of(facts.work.session, person_id).customers())
    customers = list(
        facts.work.session.execute(
            select(F.c.customer_id)
            .where(F.c.outcome == FiringOutcome.deferred, F.c.reason == "in_review", F.c.stage < FINAL)
            .where(F.c.customer_id.in_(theirs))
            .distinct()
            .order_by(F.c.customer_id)
        ).scalars()
    )
    facts.preload(Message(kind="letters.release", subject="release", subject_id=0, customer_id=i) for i in customers)
    states = load_states(facts.work, customers) if customers else {}
    found = []
    for customer_id in customers:
        about = facts.about(customer_id)
        for case in about.cases:
            known = states[customer_id].letters.get(case.currency)
            stage = stage_of(known, listed(case, facts.today)) if known is not None else None
            if stage is not None and stage < FINAL:
                found.append((about, case, stage))
    return found


def _reached(facts: Facts, overdue: Iterable[ReceivableFacts], stage: int) -> bool:
    """Whether one of them, with the due date it has now, has come as far as this stage."""
    due = {r.id: r.due_on for r in overdue}
    rows = facts.work.session.execute(
        select(F.c.receivable_id, F.c.due_on).where(F.c.receivable_id.in_(list(due)), F.c.stage >= stage)
    )
    return any((due[receivable_id] or due_on) <= due_on for receivable_id, due_on in rows)


def _view(facts: Facts, about: About, overdue: list[ReceivableFacts], stage: int, lang: str, *, to: str = "") -> LetterView:
    profile = facts.work.company.profile
    contact = about.contacts.get("finance")
    notes = set(
        facts.work.session.execute(
            select(R.c.id).where(R.c.id.in_([r.id for r in overdue]), R.c.kind != "invoice")
        ).scalars()
    )
    rows = [
        LetterRow(
            number=r.number,
            due=r.due_on,
            amount=sums([(r.chaseable_minor, r.currency)])[0],
            days=r.age(facts.today),
            invoice=r.id not in notes,
        )
        for r in overdue
        if r.due_on is not None
    ]
    return LetterView(
        today=facts.today,
        stage=stage,
        company=(profile.name_en or profile.name) if lang == "en" else profile.name,
        bank_account=profile.bank_account,
        signature=profile.signature,
        phone=profile.phone,
        customer=about.name,
        contact=contact.name if contact is not None and to in ("", contact.email) else "",
        receivables=tuple(rows),
        totals=sums((r.amount.minor, r.amount.currency) for r in rows),
    )
