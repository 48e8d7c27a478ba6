"""Credit against a naive one, where money falls due, comes in two currencies, and ratings change: any order of these agrees
with lists kept beside the books. What shipments, invoices and changes of orders do to it: test_credit_machine."""

from collections import defaultdict
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test
from sqlalchemy import Engine, select
from sqlmodel import Session

from core.credit import invariants, limits, orders, rating, requests, votes
from core.credit.exposure import standing
from core.credit.incoming import NewOrder
from core.dunning import stored
from core.dunning.policy import parse
from core.ledger import invariants as ledger
from core.ledger import marks, post
from core.models import Order, Receipt, Receivable
from core.models.base import table_of
from core.work import Work
from tests.factories import customer, make_work, person
from tests.harness import ONE_STEP

RATES = {"CNY": 1, "USD": 7}
POLICY = ONE_STEP + """
[credit]
rates = { USD = "7" }
freeze_days_over = 2
[[credit.route]]
name = "all"
rungs = [{ audience = ["role:finance_director"] }]
"""
KINDS = ("order", "order", "order", "owed", "owed", "money", "money", "time", "time", "rate", "limit", "approve", "reject")
O, R, N = table_of(Order), table_of(Receivable), table_of(Receipt)  # noqa: E741


class Due(RuleBasedStateMachine):
    """One customer. `owed`: [due, open] by currency, paid in the order in which they fell due; `credit`: what is paid
    beyond. `taken`: of each released order what it is worth."""

    engine: Engine

    def __init__(self) -> None:
        super().__init__()
        self.session = Session(self.engine, expire_on_commit=False)
        work = make_work(self.session)
        self.zhou, self.fm = person(work, "zhou", "finance_director"), person(work, "fm", "finance_manager")
        self.whose = customer(work, "C1", owner=person(work, "li"), credit_limit_minor=300)
        stored._store(work, parse(POLICY, "test.toml", "CNY"), work.now)
        self.at(work)
        self.number = 0
        self.owed: dict[str, list[tuple[date, str, int]]] = defaultdict(list)
        self.credit: dict[str, int] = defaultdict(int)
        self.taken: dict[str, int] = {}
        self.waits: dict[str, int] = {}
        self.decided: set[str] = set()

    def at(self, work: Work) -> None:
        self.work, self.policy = work, stored.active(work)[1]

    def teardown(self) -> None:
        assert invariants.check(self.session) == [] and ledger.check(self.session) == []
        self.session.rollback()
        self.session.close()

    # --- the naive one ---

    @property
    def used(self) -> int:
        owed = sum(RATES[code] * left for code, rows in self.owed.items() for _, _, left in rows)
        return owed - sum(RATES[code] * minor for code, minor in self.credit.items()) + sum(self.taken.values())

    @property
    def overdue_days(self) -> int:
        late = [(self.work.today - due).days for rows in self.owed.values() for due, _, left in rows if left]
        return max([0, *late])

    @property
    def limit(self) -> int | None:
        return 0 if self.whose.rating == "D" else self.whose.credit_limit_minor

    def fits(self, worth: int) -> bool:
        return not self.overdue_days and (self.limit is None or self.used + worth <= self.limit)

    # --- what happens ---

    @rule(
        what=st.sampled_from(KINDS), code=st.sampled_from(sorted(RATES)), amount=st.integers(1, 60), days=st.integers(0, 4),
        limit=st.none() | st.integers(0, 400), pick=st.integers(0, 99),
    )  # fmt: skip
    def happens(self, what: str, code: str, amount: int, days: int, limit: int | None, pick: int) -> None:
        match what:
            case "order":
                self.order(code, amount)
            case "owed":
                self.owe(code, amount, self.work.today + timedelta(days=days))
            case "money":
                self.pay(code, 2 * amount)
            case "time":
                self.at(make_work(self.session, self.work.now + timedelta(hours=1 + 20 * days)))
                marks.mark_all(self.work)  # as the first cycle of a day does
            case "rate":
                until = self.work.today + timedelta(days=300)
                rating.override(self._as(self.fm), self.whose.id or 0, "ABCD"[pick % 4], "so", until)
            case "limit":
                limits.set_limit(self._as(self.fm), self.whose.id or 0, limit, None, "so")
            case "approve" | "reject" if self.waits:
                self.decide(sorted(self.waits)[pick % len(self.waits)], what == "approve")
        self._follow()

    def order(self, code: str, amount: int) -> None:
        number, worth = self._name(), RATES[code] * amount
        fits = self.fits(worth)
        made = orders.submit(self.work, self.policy, NewOrder(number, "C1", amount, code), "shop")
        assert made.order.state == ("released" if fits else "held")
        codes = {reason["code"] for reason in made.order.reasons}
        days = self.overdue_days
        assert codes & {"overdue", "frozen"} == ({"frozen"} if days > 2 else {"overdue"} if days else set())
        (self.taken if fits else self.waits)[number] = worth

    def owe(self, code: str, amount: int, due: date) -> None:
        number = self._name()
        post.new_receivables(self.work, [{
            "number": number, "customer_id": self.whose.id, "currency": code, "amount_minor": amount,
            "issued_on": self.work.today, "due_on": due,
        }])  # fmt: skip
        self.owed[code].append((due, number, amount))
        self.credit[code], there = 0, self.credit[code]
        self._settle(code, there)

    def pay(self, code: str, amount: int) -> None:
        post.new_receipts(self.work, [{
            "number": self._name(), "customer_id": self.whose.id, "currency": code, "amount_minor": amount,
            "received_on": self.work.today,
        }])  # fmt: skip
        self._settle(code, amount + self.credit.pop(code, 0))

    def _settle(self, code: str, money: int) -> None:
        """What was due first is paid first, here and in the books."""
        left = []
        for due, number, amount in sorted(self.owed[code]):
            part = min(amount, money)
            money -= part
            left.append((due, number, amount - part))
        self.owed[code], self.credit[code] = left, money
        for owed in self._read(Receivable, (R.c.open_minor > 0) & (R.c.currency == code), R.c.due_on, R.c.number):
            for paid in self._read(Receipt, (N.c.open_minor > 0) & (N.c.currency == code), N.c.id):
                self.session.refresh(owed)
                if owed.open_minor:
                    post.allocate(self.work, paid, owed)

    def decide(self, number: str, approve: bool) -> None:
        [order] = orders.find(self.work, number)
        request = requests.latest(self.work, order.id or 0)
        assert request is not None
        if request.state != "pending" or request.expires_at <= self.work.now:
            return
        said: dict[str, Any] = {"approve": approve, "reason": "so"}
        voted = votes.vote(self._as(self.zhou), self.policy, request, self.zhou.id or 0, **said)
        if voted.code == "stale":
            assert order.state == "held"
            voted = votes.vote(self._as(self.zhou), self.policy, request, self.zhou.id or 0, **said)
        assert (voted.code, order.state) == (("approved", "released") if approve else ("rejected", "rejected"))
        worth = self.waits.pop(number)
        if approve:
            self.taken[number] = worth
            self.decided.add(number)

    # --- what must be true then ---

    def _name(self) -> str:
        self.number += 1
        return f"{self.number:04}"

    def _as(self, who: Any) -> Work:
        return make_work(self.session, self.work.now, actor=who.handle, person_id=who.id)

    def _read(self, model: Any, where: Any, *order: Any) -> list[Any]:
        query = select(model).where(where).order_by(*order).execution_options(populate_existing=True)
        return list(self.session.execute(query).scalars())

    def _follow(self) -> None:
        """What the engine does after a commit, which releases what fits by now, the oldest first."""
        self.session.flush()
        for customer_id in orders.to_check(self.work):
            orders.check_customer(self.work, self.policy, customer_id)
        self.session.flush()
        self.session.expire_all()
        for number in sorted(self.waits):
            if self.fits(self.waits[number]):
                self.taken[number] = self.waits.pop(number)
        now = standing(self.work, self.whose.id or 0)
        assert now.used_minor(self.policy.credit, "CNY") == self.used
        assert now.overdue_days == self.overdue_days
        states = {order.number: order.state for order in self._read(Order, O.c.state.in_(("held", "released")), O.c.id)}
        assert {n for n, state in states.items() if state == "released"} == set(self.taken)
        assert {n for n, state in states.items() if state == "held"} == set(self.waits)


def walk(engine: Engine, seed: int, steps: int) -> None:
    by_chance, machine = Random(seed), type("Due", (Due,), {"engine": engine})()
    for _ in range(steps):
        machine.happens(
            what=by_chance.choice(KINDS), code=by_chance.choice(sorted(RATES)), amount=by_chance.randint(1, 60),
            days=by_chance.randint(0, 4), limit=by_chance.choice((None, 0, 150, 300, 400)), pick=by_chance.randrange(100),
        )  # fmt: skip
    machine.teardown()


@pytest.mark.parametrize("seed", range(2))
def test_a_long_history(engine: Engine, seed: int) -> None:
    walk(engine, seed, 150)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_any_history(engine: Engine) -> None:
    machine = type("Due", (Due,), {"engine": engine})
    run_state_machine_as_test(machine, settings=settings(max_examples=25, stateful_step_count=30, deadline=None))
