"""The ledger against a naive one: any order of postings, read on any day, agrees with plain Python lists."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine
from sqlmodel import Session

from core.errors import DomainError
from core.ledger import balances, invariants, post, reports
from core.models import Allocation, CreditNote, Receipt, Receivable
from tests.factories import DAY, customer, make_work

LAST = 60
DAYS = range(-LAST, LAST + 1)  # around DAY; whatever happens, happens in these
PLACES = st.sampled_from([(0, "CNY"), (0, "CNY"), (1, "CNY"), (0, "USD")])  # customer and currency
AMOUNTS = st.integers(1, 30)
WHEN = st.integers(-20, 20)


def day(number: int) -> date:
    return DAY + timedelta(days=number)


@dataclass(eq=False)
class Pot:
    """A receivable's open amount, or a credit's unused one: what it had on each day."""

    place: tuple[int, str]
    row: Any
    born: int
    levels: dict[int, int] = field(default_factory=lambda: dict.fromkeys(DAYS, 0))
    due: int | None = None
    gone: bool = False

    def change(self, amount: int, since: int) -> None:
        for number in DAYS:
            if number >= since:
                self.levels[number] += amount

    def there_since(self, amount: int, earliest: int) -> int:
        """The first day from `earliest` on which, and ever after, `amount` is there."""
        return next(d for d in DAYS if d >= earliest and all(self.levels[e] >= amount for e in DAYS if e >= d))

    @property
    def left(self) -> int:
        return self.levels[LAST]

    def settled(self) -> int | None:
        if self.left:
            return None
        changed = [d for d in DAYS if self.levels[d] != self.levels.get(d - 1, 0)]
        return changed[-1] if changed else self.born


class Ledger(RuleBasedStateMachine):
    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(self.engine, expire_on_commit=False)
        self.work = make_work(self.session)
        self.customers = [customer(self.work, code).id or 0 for code in ("C1", "C2")]
        self.owed: list[Pot] = []
        self.credits: list[Pot] = []
        self.live: list[tuple[Allocation, Pot, Pot, int]] = []
        self.number = 0

    def teardown(self) -> None:
        try:
            assert invariants.check(self.session) == []
            for pot in self.owed:
                settled = pot.settled()
                assert pot.row.open_minor == pot.left
                assert pot.row.settled_on == (None if settled is None else day(settled))
            assert all(pot.row.open_minor == pot.left for pot in self.credits)
        finally:
            self.session.rollback()
            self.session.close()

    def _row(self, place: tuple[int, str], amount: int) -> dict[str, Any]:
        self.number += 1
        return {
            "number": str(self.number),
            "customer_id": self.customers[place[0]],
            "currency": place[1],
            "amount_minor": amount,
        }

    @rule(place=PLACES, amounts=st.lists(st.integers(0, 30), min_size=1, max_size=3), issued=WHEN, due=st.none() | WHEN)
    def issue(self, place: tuple[int, str], amounts: list[int], issued: int, due: int | None) -> None:
        dates = {"issued_on": day(issued), "due_on": None if due is None else day(due)}
        ids = post.new_receivables(self.work, [self._row(place, amount) | dates for amount in amounts])
        for id_, amount in zip(ids, amounts, strict=True):
            pot = Pot(place, self.session.get(Receivable, id_), issued, due=due)
            pot.change(amount, issued)
            self.owed.append(pot)

    @rule(place=PLACES, amount=AMOUNTS, on=WHEN, note=st.booleans())
    def credit(self, place: tuple[int, str], amount: int, on: int, note: bool) -> None:
        row: Receipt | CreditNote | None
        if note:
            (id_,) = post.new_credit_notes(self.work, [self._row(place, amount) | {"issued_on": day(on)}])
            row = self.session.get(CreditNote, id_)
        else:
            (id_,) = post.new_receipts(self.work, [self._row(place, amount) | {"received_on": day(on)}])
            row = self.session.get(Receipt, id_)
        pot = Pot(place, row, on)
        pot.change(amount, on)
        self.credits.append(pot)

    @precondition(lambda self: self.owed and self.credits)
    @rule(data=st.data(), wanted=st.none() | st.integers(0, 30))
    def allocate(self, data: st.DataObject, wanted: int | None) -> None:
        credit, owed = data.draw(st.sampled_from(self.credits)), data.draw(st.sampled_from(self.owed))
        amount = min(credit.left, owed.left) if wanted is None else wanted
        fits = credit.place == owed.place and 0 < amount <= min(credit.left, owed.left)
        try:
            made = post.allocate(self.work, credit.row, owed.row, wanted)
        except DomainError:
            assert not fits
            return
        assert fits
        on = max(credit.there_since(amount, -LAST), owed.there_since(amount, -LAST))
        assert (made.amount_minor, made.effective_on) == (amount, day(on))
        credit.change(-amount, on)
        owed.change(-amount, on)
        self.live.append((made, credit, owed, on))

    @precondition(lambda self: self.live)
    @rule(data=st.data(), on=WHEN)
    def undo(self, data: st.DataObject, on: int) -> None:
        one = data.draw(st.sampled_from(self.live))
        post.undo_allocation(self.work, one[0], day(on))
        self._undone(one, on)

    def _undone(self, one: tuple[Allocation, Pot, Pot, int], on: int) -> None:
        made, credit, owed, since = one
        for pot in (credit, owed):
            pot.change(made.amount_minor, max(on, since))
        self.live.remove(one)

    @precondition(lambda self: self.credits)
    @rule(data=st.data(), on=WHEN)
    def take_back(self, data: st.DataObject, on: int) -> None:
        pot = data.draw(st.sampled_from(self.credits))
        verb: Any = post.reverse_receipt if isinstance(pot.row, Receipt) else post.cancel_credit_note
        if pot.gone:
            with pytest.raises(DomainError):
                verb(self.work, pot.row, day(on))
            return
        verb(self.work, pot.row, day(on))
        for one in [one for one in self.live if one[1] is pot]:
            self._undone(one, on)
        pot.gone = True
        pot.change(-pot.row.amount_minor, pot.there_since(pot.row.amount_minor, on))

    @precondition(lambda self: self.owed)
    @rule(data=st.data(), amount=st.integers(0, 40), on=WHEN)
    def adjust(self, data: st.DataObject, amount: int, on: int) -> None:
        pot = data.draw(st.sampled_from(self.owed))
        difference = amount - pot.row.amount_minor
        allocated = pot.row.amount_minor - pot.left
        try:
            post.adjust(self.work, pot.row, amount, "other", day(on))
        except DomainError:
            assert amount < allocated
            return
        assert amount >= allocated
        since = max(on, pot.born)
        pot.change(difference, since if difference > 0 else pot.there_since(-difference, since))

    @rule(on=st.integers(-30, 30))
    def read(self, on: int) -> None:
        wanted: dict[tuple[int, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
        opens, used = {}, defaultdict(int)
        for pot in self.owed:
            if left := pot.levels[on]:
                opens[pot.row.id] = left
                here = wanted[self.customers[pot.place[0]], pot.place[1]]
                here[balances.bucket(None if pot.due is None else on - pot.due)] += left
                here["undated"] += left if pot.due is None else 0
        for pot in self.credits:
            used[self.customers[pot.place[0]], pot.place[1]] -= pot.levels[on]
        used_up = {key: amount for key, amount in used.items() if amount}
        for key, amount in used_up.items():
            wanted[key]["unapplied"] = amount

        at = day(on)
        assert {item.receivable_id: item.open_minor for item in balances.open_items(self.session, at)} == opens
        assert balances.unapplied(self.session, at) == used_up
        columns = ("not_due", "d1_30", "d31_60", "d61_90", "d90_plus", "undated", "unapplied")
        rows = {(row.key, row.currency): row for row in reports.aging(self.session, at)}
        assert rows.keys() == wanted.keys()
        for key, row in rows.items():
            figures = [wanted[key][name] for name in columns]  # type: ignore[index]
            assert [getattr(row, name) for name in columns] == figures
            assert row.overdue + row.not_due + row.unapplied == row.total
        for id_ in self.customers:
            for currency, one in balances.balance(self.session, id_, at).items():
                figures = [wanted[id_, currency][name] for name in columns]
                assert [getattr(one, name) for name in columns] == figures
        ranked = {(row.customer_id, row.currency): row.overdue for row in reports.overdue_ranking(self.session, at)}
        assert ranked == {key: row.overdue for key, row in rows.items() if row.overdue}
        by_issue = reports.totals(reports.aging(self.session, at, basis="invoice", group="owner"))
        by_due = reports.totals(reports.aging(self.session, at))
        assert {key: row.total for key, row in by_issue.items()} == {key: row.total for key, row in by_due.items()}


def run(engine: Engine, examples: int, steps: int) -> None:
    machine = type("Ledger", (Ledger,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_history_on_sqlite(engine: Engine) -> None:
    run(engine, examples=40, steps=25)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_any_history_on_postgresql(engine: Engine) -> None:
    run(engine, examples=6, steps=20)
