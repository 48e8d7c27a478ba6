"""Credit against a naive one: any order of orders, shipments, invoices, money, decisions, limits, holds and days agrees
with plain sums over entries and orders; nothing is released without a verdict or a decision, nothing that fits waits."""

from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import Engine, func, select
from sqlmodel import Session

from core.credit import changes, groups, holds, invariants, limits, orders, requests, votes
from core.credit.exposure import standing
from core.credit.incoming import NewOrder
from core.credit.judge import judge
from core.dunning.stored import active
from core.errors import DomainError
from core.ledger import invariants as ledger
from core.ledger import marks, post
from core.models import Allocation, CreditNote, CreditRequest, Customer, Entry, Order, Receipt, Receivable, Shipment
from core.models.base import table_of
from core.work import Work
from tests.factories import DAY, customer, make_work, person

KINDS = (
    "order", "order", "order", "order again", "money", "money", "invoice", "invoice", "ship", "allocate", "undo", "bounce",
    "cancel an invoice", "credit note", "limit", "limit together", "hold", "time", "approve", "approve", "reject", "change",
    "end",
)  # fmt: skip
WHAT = st.sampled_from(KINDS)
AMOUNTS, DAYS, LIMITS = st.integers(1, 60), st.integers(0, 3), st.none() | st.integers(0, 250)
PICK = st.integers(0, 99)  # which of those there are
WHO = st.integers(0, 1)
A, E, N, O, Q, R = (table_of(m) for m in (Allocation, Entry, Receipt, Order, CreditRequest, Receivable))  # noqa: E741


def _one(pick: int, there: Sequence[Any]) -> Any:
    return there[pick % len(there)]


class Credit(RuleBasedStateMachine):
    """Two customers of one group, which has a limit at times. What is kept beside the books: what each was invoiced less
    what it paid, and for each order what was invoiced, credited and shipped, and what was under its number before."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(self.engine, expire_on_commit=False)
        self.work = make_work(self.session)
        li = person(self.work, "li")
        self.zhou, self.fm = person(self.work, "zhou", "finance_director"), person(self.work, "fm", "finance_manager")
        self.customers = [
            customer(self.work, code, owner=li, credit_limit_minor=100, group_name="g") for code in ("C1", "C2")
        ]
        self.policy = active(self.work)[1]
        self.number = 0
        self.owes = {each.id: 0 for each in self.customers}
        self.invoiced: dict[str, int] = {}
        self.shipped: dict[str, int] = {}
        self.credited: dict[str, int] = {}
        self.older: dict[str, tuple[int, int]] = {}  # by number: invoiced and shipped for an order before
        self.old: set[int] = set()  # receivables of these
        self.group_limit: int | None = None
        self.released: set[str] = set()

    def teardown(self) -> None:
        assert invariants.check(self.session) == [] and ledger.check(self.session) == []
        self.session.rollback()
        self.session.close()

    # --- the naive one ---

    def _name(self) -> str:
        self.number += 1
        return str(self.number)

    def _orders(self, *states: str) -> list[Order]:
        query = select(Order).where(O.c.state.in_(states)) if states else select(Order)
        return list(self.session.execute(query.order_by(O.c.id)).scalars())

    def _uses(self, order: Order) -> int:
        """Of a released order what is not invoiced, or shipped beyond it; of one that nobody released what was shipped all
        the same; and what was shipped for an order before that had its number."""
        invoiced, older = self.invoiced.get(order.number, 0), self.older.get(order.number, (0, 0))
        beside = max(0, self.shipped.get(order.number, 0) + older[1] - invoiced - older[0])
        if order.state != "released":
            return beside
        left, out = max(0, order.amount_minor - invoiced), max(0, self._shipped(order) - invoiced)
        return max(0, left - out) + max(out, beside)

    def _shipped(self, order: Order) -> int:
        """What is taken for its own, unless its day tells: of what was shipped before what nobody invoiced then."""
        invoiced, shipped = self.older.get(order.number, (0, 0))
        left = max(0, shipped - invoiced) if order.ordered_on is None else 0
        return self.shipped.get(order.number, 0) + left

    def _done(self, order: Order) -> int:
        """What needs nobody's approval any more: it is used up already."""
        owed = self.invoiced.get(order.number, 0) - self.credited.get(order.number, 0)
        invoiced, shipped = self.older.get(order.number, (0, 0))
        return max(min(self._shipped(order), self.shipped.get(order.number, 0) + shipped - invoiced), owed)

    def _used(self, which: Customer) -> int:
        return self.owes[which.id] + sum(self._uses(order) for order in self._orders() if order.customer_id == which.id)

    def _limit(self, which: Customer) -> int | None:
        own = which.credit_limit_minor
        extra = standing(self.work, which.id or 0).extra_minor
        return None if own is None else own + extra

    def _within(self, which: Customer, more: int = 0) -> bool:
        used, limit = self._used(which) + more, self._limit(which)
        other = next(each for each in self.customers if each is not which)
        together = max(0, self._used(other)) + max(0, used)
        shared = self.group_limit is None or together <= self.group_limit or used <= 0
        return (limit is None or used <= limit) and shared

    # --- what happens ---
    # One rule for all of it: of several, hypothesis leaves most out in each example, and it takes many to mean something.

    @rule(what=WHAT, who=WHO, pick=PICK, amount=AMOUNTS, days=DAYS, limit=LIMITS)
    def happens(self, what: str, who: int, pick: int, amount: int, days: int, limit: int | None) -> None:
        which, until = self.customers[who], self.work.today + timedelta(days=days)
        match what:
            case "order":
                self.order(which, self._name(), amount)
            case "order again":
                number = self._name()
                self.order_before(which, number, 2 * amount, amount * (1 + pick % 2))
                self.order(which, number, amount, self.work.today if pick % 3 == 1 else None)
            case "invoice" | "ship" if there := self._orders("released") if what == "invoice" else self._orders():
                self.invoice(_one(pick, there), amount) if what == "invoice" else self.ship(_one(pick, there), amount)
            case "money":
                self.money(which, 2 * amount)
            case "limit":
                self.limit(which, limit, amount * (pick % 2), until)
            case "limit together":
                self.limit_together(limit)
            case "hold":
                self.hold_or_lift(which, until)
            case "time":
                self.work = make_work(self.session, self.work.now + timedelta(hours=1 + 20 * days))
                self.policy = active(self.work)[1]
                marks.mark_all(self.work)  # as the first cycle of a day does
            case "approve" | "reject" if there := self._pending():
                given: dict[str, Any] = {"prepay_percent": 30} if pick % 3 == 1 else {}
                given |= {"until": until.isoformat()} if pick % 4 == 1 else {}
                self.decide(_one(pick, there), what == "approve", given if what == "approve" else {})
            case "change" if there := self._orders("held", "released", "rejected"):
                self.change(_one(pick, there), amount)
            case "end" if there := self._orders("held", "released"):
                self.end(_one(pick, there), days == 0)
            case _:
                self.move_money(what, pick)
        self._follow()

    def order_before(self, which: Customer, number: str, invoiced: int, shipped: int) -> None:
        """Last month, and paid since."""
        month_ago, paid_on = self.work.today - timedelta(days=30), self.work.today - timedelta(days=1)
        self.invoice_of(which.id or 0, number, invoiced, month_ago)
        self.send(which.id or 0, number, shipped, month_ago)
        row = {
            "number": self._name(), "customer_id": which.id, "currency": "CNY", "amount_minor": invoiced,
            "received_on": paid_on,
        }  # fmt: skip
        [receipt] = post.new_receipts(self.work, [row])
        [owed] = self._read(Receivable, R.c.order_no == number)
        post.allocate(self.work, self.session.get_one(Receipt, receipt), owed)
        self.older[number] = invoiced, shipped
        self.old.add(owed.id)

    def order(self, which: Customer, number: str, amount: int, day: date | None = None) -> None:
        fits = self._within(which, amount) and not standing(self.work, which.id or 0).holds
        new = NewOrder(number, which.code, amount, "CNY", ordered_on=day)
        made = orders.submit(self.work, self.policy, new, "shop")
        assert made.order.state == ("released" if fits else "held")
        assert (made.request_id is None) == fits

    def invoice(self, order: Order, amount: int) -> None:
        self.invoice_of(order.customer_id, order.number, amount, self.work.today)
        self.owes[order.customer_id] += amount
        self.invoiced[order.number] = self.invoiced.get(order.number, 0) + amount

    def invoice_of(self, customer_id: int, number: str, amount: int, on: date) -> None:
        row = {
            "number": self._name(), "customer_id": customer_id, "currency": "CNY", "amount_minor": amount, "issued_on": on,
            "due_on": None, "order_no": number,
        }  # fmt: skip
        post.new_receivables(self.work, [row])

    def ship(self, order: Order, amount: int) -> None:
        self.send(order.customer_id, order.number, amount, self.work.today)
        self.shipped[order.number] = self.shipped.get(order.number, 0) + amount

    def send(self, customer_id: int, number: str, amount: int, on: date) -> None:
        self.session.add(Shipment(
            number=self._name(), customer_id=customer_id, order_no=number, amount_minor=amount, currency="CNY",
            shipped_on=on,
        ))  # fmt: skip
        marks.mark(self.work, [customer_id])

    def money(self, which: Customer, amount: int) -> None:
        row = {
            "number": self._name(), "customer_id": which.id, "currency": "CNY", "amount_minor": amount,
            "received_on": DAY,
        }  # fmt: skip
        post.new_receipts(self.work, [row])
        self.owes[which.id] -= amount

    def move_money(self, how: str, pick: int) -> None:
        """From one part to another, which changes no sum; or it goes back to where it came from."""
        if how == "allocate":
            credits = self._read(Receipt, (N.c.open_minor > 0) & N.c.reversed_on.is_(None))
            owed = self._read(Receivable, R.c.open_minor > 0)
            fitting = [(c, o) for c in credits for o in owed if c.customer_id == o.customer_id]
            if fitting:
                post.allocate(self.work, *_one(pick, fitting))
        elif how == "undo" and (live := self._read(Allocation, A.c.undone_on.is_(None))):
            undone = _one(pick, live)
            post.undo_allocation(self.work, undone)
            if undone.credit_note_id is not None and undone.receivable_id not in self.old:
                self.credited[self.session.get_one(Receivable, undone.receivable_id).order_no] -= undone.amount_minor
        elif how == "credit note" and (owed := self._read(Receivable, R.c.open_minor > 0)):
            row = _one(pick, owed)
            minor = row.open_minor
            facts = {
                "number": self._name(), "customer_id": row.customer_id, "currency": "CNY", "amount_minor": minor,
                "issued_on": self.work.today,
            }  # fmt: skip
            [note] = post.new_credit_notes(self.work, [facts])
            post.allocate(self.work, self.session.get_one(CreditNote, note), row)
            self.owes[row.customer_id] -= minor
            if row.id not in self.old:
                self.credited[row.order_no] = self.credited.get(row.order_no, 0) + minor
        elif how == "bounce" and (there := self._read(Receipt, N.c.reversed_on.is_(None))):
            receipt = _one(pick, there)
            post.reverse_receipt(self.work, receipt, self.work.today)
            self.owes[receipt.customer_id] += receipt.amount_minor
        elif how == "cancel an invoice":  # adjusted to nothing, it gives its order back
            rows = [r for r in self._read(Receivable, R.c.open_minor > 0) if r.open_minor == r.amount_minor]
            if rows:
                row = _one(pick, rows)
                if row.id in self.old:
                    self.older[row.order_no] = 0, self.older[row.order_no][1]
                else:
                    self.invoiced[row.order_no] -= row.amount_minor
                self.owes[row.customer_id] -= row.amount_minor
                post.adjust(self.work, row, 0, "cancelled")

    def limit(self, which: Customer, limit: int | None, more: int, until: date) -> None:
        """The customer's own, and perhaps more for some days."""
        fm = self._as(self.fm)
        limits.set_limit(fm, which.id or 0, limit, None, "so")
        if limit and more:
            limits.set_limit(fm, which.id or 0, limit + more, until, "so")

    def limit_together(self, limit: int | None) -> None:
        if limit is None:
            groups.end_limit(self._as(self.fm), "g", "so")
        else:
            groups.set_limit(self._as(self.fm), "g", limit, "CNY", "so")
        self.group_limit = limit

    def hold_or_lift(self, which: Customer, until: date) -> None:
        if standing(self.work, which.id or 0).holds:
            holds.lift(self._as(self.zhou), which.id or 0, "so")
        else:
            holds.hold(self._as(self.fm), which.id or 0, "so", until)

    def decide(self, request: CreditRequest, approve: bool, conditions: dict[str, Any]) -> None:
        order, zhou = self.session.get_one(Order, request.order_id), self._as(self.zhou)
        given: dict[str, Any] = {"approve": approve, "conditions": conditions, "reason": "so"}
        voted = votes.vote(zhou, self.policy, request, self.zhou.id or 0, **given)
        if voted.code == "stale":
            assert order.state == "held" and request.state == "pending"
            voted = votes.vote(zhou, self.policy, request, self.zhou.id or 0, **given)  # the card shows what is true now
        assert voted.code == ("approved" if approve else "rejected")
        assert order.state == ("rejected" if not approve else "held" if "prepay_percent" in conditions else "released")
        given["approve"] = not approve
        assert votes.vote(zhou, self.policy, request, self.zhou.id or 0, **given).code == "already"

    def change(self, order: Order, amount: int) -> None:
        which = next(each for each in self.customers if each.id == order.customer_id)
        done = max(self._shipped(order), self.invoiced.get(order.number, 0))
        was, before = order.state, order.amount_minor
        new = NewOrder(order.number, which.code, amount, "CNY", ordered_on=order.ordered_on)
        try:
            changes.change(self.work, self.policy, order, new)
        except DomainError:
            assert amount < min(done, before)
            return
        if order.state == "released" and (was != "released" or amount > before):
            gone = max(self._shipped(order), self._done(order)) >= amount
            assert gone or self._within(which), f"{order.number} was changed beyond the limit"

    def end(self, order: Order, closes: bool) -> None:
        try:
            changes.close(self.work, order) if closes else orders.cancel(self.work, self.policy, order)
        except DomainError:
            assert not closes and self.shipped.get(order.number, 0) + self.invoiced.get(order.number, 0)

    # --- what must be true then ---

    def _as(self, who: Any) -> Work:
        return make_work(self.session, self.work.now, actor=who.handle, person_id=who.id)

    def _read(self, model: Any, where: Any) -> list[Any]:
        query = select(model).where(where).order_by(table_of(model).c.id)
        return list(self.session.execute(query, execution_options={"populate_existing": True}).scalars())

    def _pending(self) -> list[CreditRequest]:
        there = self.session.execute(select(CreditRequest).where(Q.c.state == "pending").order_by(Q.c.id)).scalars()
        return [each for each in there if each.expires_at > self.work.now]

    def _follow(self) -> None:
        """What the engine does after a commit; then everything agrees."""
        self.session.flush()
        for customer_id in orders.to_check(self.work):
            orders.check_customer(self.work, self.policy, customer_id)
        self.session.flush()
        self.session.expire_all()
        assert orders.to_check(self.work) == []
        rules = self.policy.credit
        for which in self.customers:
            entries = select(func.coalesce(func.sum(E.c.amount_minor), 0)).where(E.c.customer_id == which.id)
            assert self.session.execute(entries).scalar_one() == self.owes[which.id]
            assert standing(self.work, which.id or 0).used_minor(rules, "CNY") == self._used(which)
        now = {order.number for order in self._orders("released")}
        for order in self._orders("released", "held"):
            request = requests.latest(self.work, order.id or 0)
            which = next(each for each in self.customers if each.id == order.customer_id)
            decided = request is not None and request.state == "approved"
            if order.state == "released" and order.number not in self.released and not decided:
                gone = self._done(order) >= order.amount_minor  # all of it is used up already, whoever said so
                assert gone or self._within(which), f"{order.number} was released beyond the limit, and nobody said so"
            if order.state == "held" and not order.conditions:
                found = judge(self.work, rules, order, standing(self.work, order.customer_id))
                assert found.state == "held", f"{order.number} fits, and waits all the same"
        self.released = now


def run(engine: Engine, examples: int) -> None:
    machine = type("Credit", (Credit,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=30, deadline=None))


def walk(engine: Engine, seed: int, steps: int) -> None:
    """Hypothesis looks for short histories; these are long ones."""
    by_chance, machine = Random(seed), type("Credit", (Credit,), {"engine": engine})()
    for _ in range(steps):
        machine.happens(
            what=by_chance.choice(KINDS), who=by_chance.randrange(2), pick=by_chance.randrange(100),
            amount=by_chance.randint(1, 60), days=by_chance.randint(0, 3), limit=by_chance.choice((None, 0, 80, 150, 250)),
        )  # fmt: skip
    machine.teardown()


@pytest.mark.parametrize("seed", range(3))
def test_a_long_history(engine: Engine, seed: int) -> None:
    walk(engine, seed, 120)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_history_on_sqlite(engine: Engine) -> None:
    run(engine, 30)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_any_history_on_postgresql(engine: Engine) -> None:
    run(engine, 5)


