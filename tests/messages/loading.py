"""Helpers of the loader tests: a small company, the engine day by day, and a messenger that always delivers."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import select, update
from sqlmodel import Session

from bot.card import Card
from bot.notifications.load import Cancel, Facts, Loaded, Message, load, message_of
from bot.notifications.templates import render, templates
from bot.notifications.views import Phrase
from core.actions import ActionRequest, Outcome, execute
from core.dunning.cycle import prepare, run_chunk
from core.models import Contact, Customer, Delivery, OutboxMessage, OutboxState, Person, Receivable, Task
from core.models.base import table_of
from core.work import Company, Work
from tests import factories
from tests.factories import customer, make_company, make_work, person

O = table_of(OutboxMessage)  # noqa: E741
SEND = make_company(letters="send")


def receivable(work: Work, number: str, of: Customer, *given: Any, **more: Any) -> Receivable:
    """One that the engine looks at from its issue on."""
    made = factories.receivable(work, number, of, *given, **more)
    made.next_step_on = made.issued_on if made.due_on else None
    work.session.flush()
    return made


class Books:
    """Li sells to 甲, Wang is above, Zhao the director; Zhou and Qian are finance."""

    def __init__(self, session: Session, company: Company = SEND) -> None:
        self.session, self.company = session, company
        work = self.at(date(2026, 6, 1))
        self.admin = person(work, "root", "admin", name="管理员")
        self.director = person(work, "zhao", "sales_director", name="赵总")
        self.manager = person(work, "wang", "sales_manager", self.director, name="王总")
        self.rep = person(work, "li", "rep", self.manager, name="小李")
        self.boss = person(work, "zhou", "finance_director", name="周总监")
        self.finance = person(work, "qian", "finance", name="小钱")
        self.chief = person(work, "sun", "finance_manager", name="孙经理")
        self.customer = customer(work, "C1", "甲商贸有限公司", owner=self.rep, short_name="甲商贸", rating="C")
        self.contact(self.customer)

    def contact(self, of: Customer, email: str = "ap@jia.example") -> None:
        self.session.add(Contact(customer_id=of.id or 0, type="finance", name="陈会计", email=email))
        self.session.flush()

    def at(self, when: date | datetime, actor: str = "system") -> Work:
        return make_work(self.session, when, company=self.company, actor=actor)

    def cycle(self, when: date | datetime) -> Work:
        work = self.at(when)
        for chunk in prepare(work):
            run_chunk(work, chunk)
        self.session.flush()
        self.session.expire_all()
        return work

    def act(
        self, who: Person, action: str, when: date | datetime, subject: str = "customer", id: int = 0, **given: Any
    ) -> Outcome:
        work = self.at(when)
        request = ActionRequest(
            person_id=who.id or 0, action=action, input=given, subject=subject, subject_id=id or self.customer.id
        )
        outcome = execute(work, request)
        self.session.flush()
        self.session.expire_all()
        return outcome

    def waiting(self, kind: str = "", who: Person | None = None, op: str = "send") -> list[OutboxMessage]:
        query = select(OutboxMessage).where(O.c.state == OutboxState.pending, O.c.op == op).order_by(O.c.id)
        if kind:
            query = query.where(O.c.kind == kind)
        if who is not None:
            query = query.where(O.c.person_id == who.id)
        return list(self.session.execute(query).scalars())

    def one(self, kind: str, who: Person | None = None) -> OutboxMessage:
        (row,) = self.waiting(kind, who)
        return row

    def deliver(self, row: OutboxMessage, when: date | datetime) -> Delivery:
        """As the sender does: the message has arrived, and sets the answer-by."""
        work = self.at(when)
        row.state, row.done_at = OutboxState.sent, work.now
        made = Delivery(
            outbox_id=row.id, messenger="local", address="x", person_id=row.person_id, customer_id=row.customer_id,
            kind=row.kind, subject=row.subject, subject_id=row.subject_id, at=work.now, on_date=work.today,
            updated_at=work.now, card={},
        )  # fmt: skip
        self.session.add(made)
        if row.task_id is not None:
            task = self.session.get_one(Task, row.task_id)
            task.answer_by = Facts(work).answer_by(task, delivering=True)
        self.session.flush()
        return made

    def deliver_all(self, when: date | datetime) -> list[Delivery]:
        made = [self.deliver(row, when) for row in self.waiting()]
        self.session.execute(update(O).where(O.c.op == "update").values(state="sent"))
        return made

    def task(self, who: Person) -> Task:
        T = table_of(Task)
        query = select(Task).where(T.c.person_id == who.id).order_by(T.c.id.desc()).limit(1)
        return self.session.execute(query).scalar_one()

    def load(self, row: OutboxMessage | Delivery | Message, when: date | datetime, lang: str = "zh") -> Loaded | Cancel:
        work = self.at(when)
        self.session.flush()
        before = set(self.session.new) | set(self.session.dirty)
        facts = Facts(work)
        found = load(work, row if isinstance(row, Message) else message_of(row), lang, facts)
        assert isinstance(found, Cancel) or not found.customer_code or found.customer_code in facts.coded, "its holds"
        assert set(self.session.new) | set(self.session.dirty) == before, "a loader wrote something"
        return found

    def drawn(self, row: OutboxMessage | Delivery | Message, when: date | datetime) -> Loaded:
        """Loaded, and drawn in both languages without an unknown word or phrase."""
        found = self.load(row, when)
        assert isinstance(found, Loaded), found
        check(found)
        return found

    def card(self, row: OutboxMessage | Delivery | Message, when: date | datetime, lang: str = "zh") -> Card:
        found = self.load(row, when, lang)
        assert isinstance(found, Loaded), found
        return render(found.kind, found.view, lang)  # type: ignore[arg-type]


def check(loaded: Loaded) -> None:
    """Every code in the view is a word of the catalogue."""
    known = templates()
    assert isinstance(loaded.view, known.view_of(loaded.kind)), loaded.kind
    for name in loaded.view.__dataclass_fields__:
        value = getattr(loaded.view, name)
        for item in value if isinstance(value, tuple) else (value,):
            if isinstance(item, Phrase):
                assert item.code in known.phrase_codes(), item.code
    groups = known.word_groups
    for name, group in (("dispute", "dispute"), ("gap", "gap"), ("outcome", "settled"), ("reason", "")):
        value = getattr(loaded.view, name, "")
        if group and value:
            assert value in groups[group], (name, value)
    for lang in ("zh", "en"):
        card = render(loaded.kind, loaded.view, lang)
        assert card.title
        ended = getattr(loaded.view, "ended", None) is not None
        assert card.closed == (ended and loaded.kind not in ("note.closed", "note.decided"))


__all__ = ["Books", "Cancel", "Loaded", "Message", "check", "receivable"]
