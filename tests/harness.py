"""Stories: a company, its people's chats and a clock. What nobody expected fails the story when it ends.

    def test_silence_is_escalated(hk):
        hk.people(li="rep", wang="sales_manager")
        hk.customer("甲公司", owner="li")
        hk.receivable("甲公司", "120000.00", due="2026-07-01")
        hk.at("2026-07-02 09:00")                      # runs the engine at every hour of work in between
        card = hk.chat("li").expect_card("逾期 1 天")
        card.tap("task.promise", date="2026-07-10")
        card.expect_update("已承诺")
"""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.adapters.base import Envelope, Reply
from bot.adapters.local import store
from bot.app import App, cycle_report
from bot.inbound import receive
from bot.notifications.record import Delivered
from bot.settings import Settings
from core import ingest
from core.actions import ActionRequest, execute
from core.cases import refresh
from core.credit import invariants as credit
from core.dunning import cycle, stored
from core.dunning.policy import parse
from core.dunning.schedule import first_look
from core.ledger import invariants, post
from core.models import (
    Account,
    Contact,
    CreditNote,
    Customer,
    LocalMessage,
    Person,
    Receipt,
    Receivable,
)
from core.models.base import table_of
from core.money import parse_major
from core.work import Work
from tests.books import Books
from tests.factories import PROFILE
from tests.phones import Card, Chat, Mailbox

SHANGHAI = ZoneInfo("Asia/Shanghai")

# One reminder on the day after the due date, to be answered in two working days; no letters.
ONE_STEP = """
name = "one step"
letters = "off"
[[ladder]]
name = "all"
[[ladder.step]]
id = "over1"
at = 1
audience = ["owner"]
action = "task"
severity = "overdue"
message = "task.overdue"
answer_by = 2
"""


def instant(text: str) -> datetime:
    """`2026-07-02 09:00` in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI).astimezone(ZoneInfo("UTC"))


class Harness(Books):
    """One company with a clock. `hk.db` is a Work at the story's time for whatever a story does directly."""

    def __init__(self, database_url: str, *, letters: str = "send", messengers: tuple[str, ...] = ("local",)) -> None:
        self._begin(App(Settings(database_url=database_url, letters=letters, messengers=messengers), clock=lambda: self.now))

    def _begin(self, app: App) -> None:
        self.app = app
        self.company(profile=PROFILE)
        self.now = instant("2026-06-01 08:00")
        self._runner = asyncio.Runner()
        self._read: set[int] = set()
        self._versions: dict[int, int] = {}
        self.reports: list[dict[str, Any]] = []
        self.run(self.app.start())

    def run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self._runner.run(what)

    @contextmanager
    def db(self) -> Iterator[Work]:
        with self.app.work(self.now) as work:
            yield work

    @contextmanager
    def look(self) -> Iterator[Work]:
        with self.app.transactions.look(self.now) as work:
            yield work

    # --- the company ---

    def begin(self, text: str, *, letters: str = "off") -> None:
        """The story begins here, with a whole team: li and lin -> wang -> zhao; zhou, cai, fm and ada beside them."""
        self.now = instant(text)
        self.company(letters=letters)
        self.people(
            zhao="sales_director", wang="sales_manager<zhao", li="rep<wang", lin="rep<wang", zhou="finance_director",
            cai="finance", fm="finance_manager", ada="admin",
        )  # fmt: skip

    def overdue(self, amount: str = "100.00", *, currency: str = "CNY", policy: str = "") -> Card:
        """A team, customer 甲 of li, I1 due on Wed 2026-07-01, and li's card on the morning after. No letters."""
        self.begin("2026-07-02 08:00")
        if policy:
            self.policy(policy)
        self.customer("甲", "li")
        self.receivable("甲", amount, due="2026-07-01", number="I1", issued="2026-06-01", currency=currency)
        self.morning("2026-07-02")
        return self.chat("li").expect_card(kind="task.overdue", severity="overdue")

    def company(self, **changes: Any) -> None:
        """What holds for the whole company: letters, profile, messengers."""
        self.app.company = replace(self.app.company, **changes)
        self.app.transactions = replace(self.app.transactions, company=self.app.company)
        self.app.door = replace(self.app.door, transactions=self.app.transactions)

    def people(self, **roles: str) -> None:
        """`li="rep<wang"`: a rep whose manager is wang. Several roles with `;`."""
        with self.db() as work:
            made: dict[str, Person] = {}
            for handle, said in roles.items():
                names, _, _ = said.partition("<")
                person = Person(handle=handle, name=handle, roles=[r for r in names.split(";") if r])
                work.session.add(person)
                made[handle] = person
            work.session.flush()
            for handle, said in roles.items():
                _, _, manager = said.partition("<")
                if manager:
                    made[handle].manager_id = made[manager].id

    def accounts_of(self, *handles: str) -> None:
        """From here on, only these have an account anywhere; the local messenger plays one that has accounts."""
        self.company(messengers=("slack",))
        self.app.adapters["slack"] = self.app.local
        with self.db() as work:
            for handle in handles:
                user = self.account(handle)[1]
                work.session.add(Account(person_id=self._person_id(work, handle), messenger="slack", user_id=user))

    def account(self, handle: str) -> tuple[str, str]:
        """(messenger, user id) of somebody, linked or not."""
        return "slack", handle

    def says_from_account(self, handle: str, text: str) -> Reply:
        """Types a line from an account that may be nobody's yet."""
        messenger, user = self.account(handle)
        return receive(self.app.door, Envelope(messenger, user, f"{text}:{self.now}", self.now, text=text))

    def person(self, handle: str, **changes: Any) -> None:
        with self.db() as work:
            person = work.session.execute(select(Person).where(table_of(Person).c.handle == handle)).scalar_one()
            for name, value in changes.items():
                setattr(person, name, value)

    def customer(self, code: str, owner: str = "", *, email: str = "", business: str = "", **more: Any) -> int:
        with self.db() as work:
            row = Customer(code=code, name=more.pop("name", code), owner_id=self._person_id(work, owner), **more)
            work.session.add(row)
            work.session.flush()
            if email:
                work.session.add(Contact(customer_id=row.id, type="finance", name="财务", email=email))
            if business:
                work.session.add(Contact(customer_id=row.id, type="business", name="业务", email=business))
            return int(row.id or 0)

    def receivable(
        self, customer: str, amount: str, due: str | None, *, number: str = "", issued: str = "", currency: str = "CNY",
        owner: str = "", **more: Any,
    ) -> str:  # fmt: skip
        with self.db() as work:
            due_on = date.fromisoformat(due) if due else None
            count = len(work.session.execute(select(table_of(Receivable).c.id)).all())
            number = number or f"I{count + 1}"
            row = {
                "number": number,
                "customer_id": self._customer_id(work, customer),
                "issued_on": date.fromisoformat(issued) if issued else min(work.today, due_on or work.today),
                "due_on": due_on,
                "amount_minor": parse_major(amount, currency),
                "currency": currency,
                "owner_id": self._person_id(work, owner),
                "next_step_on": first_look(stored.active(work)[1], due_on),
                **more,
            }
            post.new_receivables(work, [row])
            refresh(work, [row["customer_id"]])
        return number

    def pay(
        self, customer: str, amount: str, *numbers: str, on: str = "", number: str = "", currency: str = "CNY"
    ) -> int:
        """A receipt of today (or dated `on`), put on these receivables in order; the rest stays unapplied."""
        receipt_id = self.book_receipt(customer, amount, *numbers, on=on, number=number, currency=currency)
        self.deliver()
        return receipt_id

    def book_receipt(
        self, customer: str, amount: str, *numbers: str, on: str = "", number: str = "", currency: str = "CNY"
    ) -> int:
        """The same, and nothing is sent yet."""
        with self.db() as work:
            customer_id = self._customer_id(work, customer)
            [receipt_id] = post.new_receipts(
                work,
                [
                    {
                        "number": number or f"R{self.now:%m%d%H%M}-{customer}-{amount}",
                        "source": "test",
                        "customer_id": customer_id,
                        "received_on": date.fromisoformat(on) if on else work.today,
                        "amount_minor": parse_major(amount, currency),
                        "currency": currency,
                    }
                ],
            )
            receipt = work.session.get_one(Receipt, receipt_id)
            for n in numbers:
                owed = self._receivable(work, n)
                work.session.refresh(receipt)
                if receipt.open_minor and owed.open_minor:
                    post.allocate(work, receipt, owed)
            refresh(work, [customer_id], [receipt_id])
        return receipt_id

    def credit_note(self, customer: str, amount: str, *numbers: str, currency: str = "CNY") -> int:
        """A credit note of today, on these receivables in order; without any it stands alone."""
        with self.db() as work:
            customer_id = self._customer_id(work, customer)
            row = {
                "number": f"CN{self.now:%m%d%H%M}-{amount}", "source": "test", "customer_id": customer_id,
                "issued_on": work.today, "amount_minor": parse_major(amount, currency), "currency": currency,
            }  # fmt: skip
            [note_id] = post.new_credit_notes(work, [row])
            for n in numbers:
                post.allocate(work, work.session.get_one(CreditNote, note_id), self._receivable(work, n))
            refresh(work, [customer_id])
        self.deliver()
        return note_id

    def cancel_note(self, note_id: int) -> None:
        with self.db() as work:
            post.cancel_credit_note(work, note := work.session.get_one(CreditNote, note_id), work.today)
            refresh(work, [note.customer_id])
        self.deliver()

    def reverse(self, receipt_id: int) -> None:
        with self.db() as work:
            post.reverse_receipt(work, receipt := work.session.get_one(Receipt, receipt_id), work.today)
            refresh(work, [receipt.customer_id])
        self.deliver()

    def set_customer(self, code: str, *, owner: str | None = None, **changes: Any) -> None:
        """As an import changes it, with what follows for cases and tasks."""
        with self.db() as work:
            row = work.session.get_one(Customer, self._customer_id(work, code))
            if owner is not None:
                row.owner_id = self._person_id(work, owner)
            for name, value in changes.items():
                setattr(row, name, value)
            refresh(work, [row.id or 0])
        self.deliver()

    def set_due(self, number: str, due: str) -> None:
        """As an import moves a due date."""
        with self.db() as work:
            row = self._receivable(work, number)
            row.due_on = date.fromisoformat(due)
            row.next_step_on = first_look(stored.active(work)[1], row.due_on)
            refresh(work, [row.customer_id])
        self.deliver()

    def imports(self, kind: str, *lines: str, **options: Any) -> dict[str, Any]:
        """A file of these lines, imported now; the report as JSON."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / f"{kind}.csv"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            report = ingest.run(self.db, kind, path, **options)
        self.deliver()
        return report.to_json()

    def act(self, handle: str, action: str, customer: str, *, expect: str = "done", **values: str) -> dict[str, Any]:
        """What a written command does, without its words."""
        with self.db() as work:
            subject_id = self._customer_id(work, customer)
            person_id = self._person_id(work, handle)
            assert person_id is not None
            work = replace(work, person_id=person_id, actor=handle)
            outcome = execute(work, ActionRequest(person_id, action, values, subject="customer", subject_id=subject_id))
        assert outcome.result == expect, outcome
        self.deliver()
        return {"code": outcome.code, **outcome.facts}

    def policy(self, toml: str) -> None:
        with self.db() as work:
            new = stored._store(work, parse(toml, "test.toml", "CNY"), self.now)
            assert new

    def _person_id(self, work: Work, handle: str) -> int | None:
        if not handle:
            return None
        P = table_of(Person)
        return int(work.session.execute(select(P.c.id).where(P.c.handle == handle)).scalar_one())

    def _customer_id(self, work: Work, code: str) -> int:
        C = table_of(Customer)
        return int(work.session.execute(select(C.c.id).where(C.c.code == code)).scalar_one())

    def _receivable(self, work: Work, number: str) -> Receivable:
        R = table_of(Receivable)
        return work.session.execute(
            select(Receivable).where(R.c.number == number).execution_options(populate_existing=True)
        ).scalar_one()

    # --- time ---

    def at(self, text: str) -> None:
        """Moves the clock, running every hour of work in between, that moment included if it is one."""
        from bot.engine import hours_of_work

        to = instant(text)
        assert to >= self.now, "time goes forward"
        with self.db() as work:
            ticks = hours_of_work(work, self.now, to)
        for tick in ticks:
            self.now = tick
            self.tick()
        self.now = to

    def morning(self, day: str) -> None:
        """09:00 of that day, having run the 09:00 cycle of every day in between: enough wherever hours don't matter."""
        to = instant(f"{day} 09:00")
        assert to >= self.now, "time goes forward"
        tick = instant(f"{self.now.astimezone(SHANGHAI):%Y-%m-%d} 09:00")
        while tick <= to:
            if tick > self.now:
                self.now = tick
                self.tick()
            tick += timedelta(days=1)
        self.now = to

    def sleep_until(self, text: str) -> None:
        """The process is down until then."""
        self.now = instant(text)

    def tick(self) -> dict[str, Any]:
        """One cycle and delivery right now."""
        delivered = self.run(self.app.tick(self.now, recover=True))
        with self.look() as work:
            report = cycle_report(work, delivered)
        self.reports.append(report)
        assert not report["failed"], report
        return report

    def deliver(self) -> Delivered:
        return self.run(self.app.deliver(self.now))

    # --- phones ---

    def chat(self, handle: str) -> Chat:
        return Chat(self, handle)

    def drawn(self, message_id: int) -> dict[str, Any]:
        """A card as it stands on a phone, in its public shape."""
        with self.look() as work:
            return store.card_of(store.messages(work.session, [message_id])[0])

    def press(self, handle: str, card: Card, action: str, rev: int | None, values: dict[str, str]) -> Reply:
        drawn = card.json
        return self.run(self.app.local.tap(handle, drawn["delivery"], action, rev or drawn["rev"], values))

    def type(self, handle: str, text: str) -> Reply:
        return self.run(self.app.local.say(handle, text))

    def choose(self, handle: str, text: str, action: str, values: dict[str, str]) -> Reply:
        """Types a line and presses a button of the answer."""
        answer = self.type(handle, text)
        assert answer.delivery_id is not None, answer
        return self.run(self.app.local.tap(handle, answer.delivery_id, action, 1, values))

    def mailbox(self, address: str) -> Mailbox:
        return Mailbox(self, address)

    def unread(self, channel: str, address: str) -> list[int]:
        M = table_of(LocalMessage)
        with self.look() as work:
            ids = work.session.execute(
                select(M.c.id)
                .where(M.c.channel == channel, M.c.address == address, M.c.direction == "out")
                .order_by(M.c.id)
            ).scalars()
            return [i for i in ids if i not in self._read]

    def read(self, message_id: int) -> None:
        self._read.add(message_id)
        self.seen_version(message_id)

    def seen_version(self, message_id: int) -> None:
        self._versions[message_id] = self._version(message_id)

    def _version(self, message_id: int) -> int:
        M = table_of(LocalMessage)
        with self.look() as work:
            return int(work.session.execute(select(M.c.version).where(M.c.id == message_id)).scalar_one())

    def changed(self) -> set[int]:
        """Messages that were read and have been drawn anew since."""
        return {i for i, version in self._versions.items() if self._version(i) != version}

    # --- the end ---

    def close(self) -> None:
        """Fails on unread messages and broken invariants."""
        try:
            M = table_of(LocalMessage)
            with self.look() as work:
                rows = work.session.execute(
                    select(M.c.id, M.c.channel, M.c.address).where(M.c.direction == "out").order_by(M.c.id)
                ).all()
                left = [f"{r.channel}:{r.address}: {self._shown(work, r.id)}" for r in rows if r.id not in self._read]
                broken = invariants.check(work.session) + credit.check(work.session, work.company.calendar.zone.key)
            assert not left, "nobody expected:\n" + "\n".join(left)
            assert not broken, broken
        finally:
            self.stop()

    def _shown(self, work: Work, message_id: int) -> str:
        message = store.messages(work.session, [message_id])[0]
        if message.channel == "mail":
            return str(message.payload["subject"])
        card = store.card_of(message)
        return f"[{message.at.astimezone(SHANGHAI):%m-%d %H:%M}] {card['kind']} {card['title']} {card['text'][:60]}"

    def stop(self) -> None:
        self.run(self.app.stop())
        self._runner.close()


def last_cycle(hk: Harness) -> datetime | None:
    with hk.look() as work:
        slot = cycle.last_cycle(work)
        return slot.claimed_at if slot else None
