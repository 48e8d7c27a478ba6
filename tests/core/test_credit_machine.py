"""Credit against a naive one: any order of orders, invoices, money, decisions and limits agrees with plain Python sums."""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import Engine, select
from sqlmodel import Session

from core.credit import orders, requests
from core.credit.exposure import standing
from core.credit.incoming import NewOrder
from core.credit.rules import CreditRules
from core.dunning.stored import active
from core.ledger import post
from core.models import CreditRequest, Order, Receipt, Receivable, Shipment
from core.models.base import table_of
from tests.factories import DAY, customer, make_work, person

AMOUNTS = st.integers(1, 60)
Q = table_of(CreditRequest)


class Credit(RuleBasedStateMachine):
    """One customer. `owed` and `paid` are amounts by number; an order counts as long as it is released."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(self.engine, expire_on_commit=False)
        self.work = make_work(self.session)
        self.li, self.zhou = person(self.work, "li"), person(self.work, "zhou", "finance_director")
        self.customer = customer(self.work, "C1", owner=self.li, credit_limit_minor=100)
        self.policy = active(self.work)[1]
        self.number = 0
        self.owed: dict[str, int] = {}  # receivable -> open
        self.invoiced: dict[str, int] = {}  # order -> invoiced
        self.shipped: dict[str, int] = {}  # order -> shipped
        self.paid = 0

    def teardown(self) -> None:
        self.session.rollback()
        self.session.close()

    def _name(self) -> str:
        self.number += 1
        return str(self.number)

    def _orders(self) -> list[Order]:
        return list(self.session.execute(select(Order).order_by(table_of(Order).c.id)).scalars())

    def _used(self) -> int:
        released = (o for o in self._orders() if o.state == "released")
        on_order = sum(max(0, o.amount_minor - self.invoiced.get(o.number, 0)) for o in released)
        return sum(self.owed.values()) + on_order + self._gone_without_release() - self.paid

    def _gone_without_release(self) -> int:
        """Shipped though nobody released it."""
        free = {o.number for o in self._orders() if o.state == "released"}
        gone = ((number, minor) for number, minor in self.shipped.items() if number not in free)
        return sum(max(0, minor - self.invoiced.get(number, 0)) for number, minor in gone)

    def _shipments(self) -> int:
        released = (o for o in self._orders() if o.state == "released")
        mine = ((min(self.shipped.get(o.number, 0), o.amount_minor), o.number) for o in released)
        return self._gone_without_release() + sum(max(0, minor - self.invoiced.get(n, 0)) for minor, n in mine)

    def _agree(self) -> None:
        now = standing(self.work, self.customer.id or 0)
        assert now.used_minor(CreditRules(), "CNY") == self._used()
        assert now.used_minor(CreditRules(parts=("shipments",), net_unapplied=False), "CNY") == self._shipments()

    @rule(amount=AMOUNTS)
    def order(self, amount: int) -> None:
        used, limit = self._used(), self.customer.credit_limit_minor
        made = orders.submit(self.work, self.policy, NewOrder(self._name(), "C1", amount, "CNY"), "shop")
        fits = limit is None or used + amount <= limit
        assert made.order.state == ("released" if fits else "held")
        assert (made.request_id is None) == fits
        self._agree()

    @precondition(lambda self: any(o.state == "released" for o in self._orders()))
    @rule(which=st.randoms(use_true_random=False), amount=AMOUNTS)
    def invoice(self, which: Any, amount: int) -> None:
        order = which.choice([o for o in self._orders() if o.state == "released"])
        row = {
            "number": self._name(), "customer_id": self.customer.id, "currency": "CNY", "amount_minor": amount,
            "issued_on": DAY, "due_on": None, "order_no": order.number,
        }  # fmt: skip
        post.new_receivables(self.work, [row])
        self.owed[row["number"]] = amount
        self.invoiced[order.number] = self.invoiced.get(order.number, 0) + amount
        self._agree()

    @precondition(lambda self: self._orders() != [])
    @rule(which=st.randoms(use_true_random=False), amount=AMOUNTS)
    def ship(self, which: Any, amount: int) -> None:
        """Of any order: goods sometimes leave though nobody released them."""
        order = which.choice(self._orders())
        self.session.add(Shipment(
            number=self._name(), customer_id=self.customer.id or 0, order_no=order.number, amount_minor=amount,
            currency="CNY", shipped_on=DAY,
        ))  # fmt: skip
        self.session.flush()
        self.shipped[order.number] = self.shipped.get(order.number, 0) + amount
        self._agree()

    @precondition(lambda self: bool(self.invoiced))
    @rule(which=st.randoms(use_true_random=False))
    def cancel_an_invoice(self, which: Any) -> None:
        """An invoice that is adjusted to nothing gives its order back."""
        query = select(Receivable).where(table_of(Receivable).c.open_minor > 0)
        rows = self.session.execute(query, execution_options={"populate_existing": True}).scalars().all()
        whole = [r for r in rows if r.open_minor == r.amount_minor]
        if not whole:
            return
        row = which.choice(whole)
        self.invoiced[row.order_no] -= row.amount_minor
        post.adjust(self.work, row, 0, "cancelled")
        self.owed[row.number] = 0
        self.session.flush()
        self._agree()

    @rule(amount=AMOUNTS)
    def money(self, amount: int) -> None:
        row = {
            "number": self._name(), "customer_id": self.customer.id, "currency": "CNY", "amount_minor": amount,
            "received_on": DAY,
        }  # fmt: skip
        (receipt_id,) = post.new_receipts(self.work, [row])
        self.paid += amount
        receipt = self.session.get_one(Receipt, receipt_id)
        owed = self.session.execute(
            select(Receivable).where(table_of(Receivable).c.open_minor > 0).limit(1)
        ).scalar_one_or_none()
        if owed is not None:
            before = owed.open_minor
            post.allocate(self.work, receipt, owed)
            self.session.refresh(owed)
            self.owed[owed.number] -= before - owed.open_minor
            self.paid -= before - owed.open_minor
        orders.check_customer(self.work, self.policy, self.customer.id or 0)
        self._agree()
        self._nothing_released_in_silence()

    @rule(limit=st.none() | st.integers(0, 200))
    def limit(self, limit: int | None) -> None:
        self.customer.credit_limit_minor = limit
        self.session.flush()
        orders.check_customer(self.work, self.policy, self.customer.id or 0)
        self._agree()

    @precondition(lambda self: self._pending() != [])
    @rule(approve=st.booleans(), which=st.randoms(use_true_random=False))
    def decide(self, approve: bool, which: Any) -> None:
        request = which.choice(self._pending())
        order = self.session.get_one(Order, request.order_id)
        zhou = self.zhou.id or 0
        voted = requests.vote(self.work, self.policy, request, zhou, approve=approve, reason="no")
        if voted.code == "stale":
            assert order.state == "held" and request.state == "pending"
        else:
            assert order.state == ("released" if approve else "rejected")
            again = requests.vote(self.work, self.policy, request, zhou, approve=not approve, reason="no")
            assert again.code == "already"
        self._agree()

    def _pending(self) -> list[CreditRequest]:
        return list(self.session.execute(select(CreditRequest).where(Q.c.state == "pending")).scalars())

    def _nothing_released_in_silence(self) -> None:
        """Every released order was within the limit by its verdict, or somebody said yes."""
        for order in self._orders():
            request = requests.latest(self.work, order.id or 0)
            if order.state == "released" and (request is None or request.state != "approved"):
                assert order.facts["over_minor"] == 0, order


def run(engine: Engine, examples: int) -> None:
    machine = type("Credit", (Credit,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_history_on_sqlite(engine: Engine) -> None:
    run(engine, 40)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_any_history_on_postgresql(engine: Engine) -> None:
    run(engine, 5)
