"""Every invariant of credit can fail: each is broken by raw SQL, and says so."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlmodel import Session

from core.credit import holds, invariants, limits, orders, rating, votes
from core.credit.incoming import NewOrder
from core.dunning.stored import active
from core.ledger.invariants import Problem
from core.models import CreditRequest, GroupLimit, LimitProposal, Shipment
from core.models.base import table_of
from tests.core.test_ledger_invariants import double
from tests.factories import DAY, customer, make_work, person, receivable

# Orders: SO1 released by the rules, SO2 approved, SO3 rejected, SO4 waits, SO5 waits for its prepayment.
OF = "(SELECT id FROM sales_order WHERE number = '{}')".format
Q = table_of(CreditRequest)


def state(number: str, new: str) -> str:
    return f"UPDATE sales_order SET state = '{new}' WHERE number = '{number}'"


def twice(number: str) -> list[str]:
    return double("credit_request", f"order_id = {OF(number)}")


BREAKS: dict[Callable[[Session], list[Problem]], list[tuple[str, list[str]]]] = {
    invariants.released_orders_have_a_verdict_or_a_decision: [
        ("order.released", [state("SO4", "released")]),
        ("order.released", ["UPDATE sales_order SET facts = '{}' WHERE number = 'SO1'"]),
        ("order.released", ["""UPDATE sales_order SET reasons = '[{"code": "over_limit"}]' WHERE number = 'SO1'"""]),
        ("order.released", [f"UPDATE credit_request SET state = 'expired' WHERE order_id = {OF('SO2')}"]),
    ],
    invariants.requests_end_once: [
        ("request.decided", [f"UPDATE credit_request SET decided_at = NULL WHERE order_id = {OF('SO2')}"]),
        ("request.decided", [f"UPDATE credit_request SET decided_at = opened_at WHERE order_id = {OF('SO4')}"]),
        ("request.decided", [f"UPDATE credit_request SET decided_by_id = NULL WHERE order_id = {OF('SO3')}"]),
        ("request.decided", [f"UPDATE credit_request SET state = 'obsolete' WHERE order_id = {OF('SO3')}"]),
        ("request.pending", twice("SO4")),
        ("request.twice", twice("SO2")),
    ],
    invariants.orders_are_what_their_requests_made_them: [
        ("request.order", [state("SO4", "released")]),
        ("request.order", [state("SO3", "released")]),
        ("request.order", [state("SO2", "rejected")]),
        ("request.order", ["UPDATE sales_order SET conditions = '{}' WHERE number = 'SO5'"]),
        ("order.rejected", [state("SO1", "rejected")]),
    ],
    invariants.decisions_are_by_those_who_were_asked: [
        ("request.rung", [f"UPDATE credit_request SET decided_by_id = 1 WHERE order_id = {OF('SO2')}"]),
        ("request.rung", [f"UPDATE credit_request SET rung = 7 WHERE order_id = {OF('SO2')}"]),
        ("vote.own", ["UPDATE credit_vote SET person_id = 1"]),
        ("vote.own", [
            f"DELETE FROM credit_vote WHERE request_id = (SELECT id FROM credit_request WHERE order_id = {OF('SO2')})",
            f"UPDATE credit_request SET asked_by_id = 2, order_id = {OF('SO5')} WHERE order_id = {OF('SO2')}",
        ]),
        ("vote.audit", ["DELETE FROM audit WHERE action = 'credit.voted'"]),
        ("vote.no", ["UPDATE credit_vote SET approve = (1 = 0)"]),
        ("request.vote", ["DELETE FROM credit_vote"]),
    ],
    invariants.what_was_decided_stands_in_the_audit: [
        ("request.audit", ["DELETE FROM audit WHERE action = 'credit.approved'"]),
        ("request.audit", ["UPDATE audit SET person_id = 1 WHERE action = 'credit.rejected'"]),
        ("request.audit", ["UPDATE audit SET data = '{}' WHERE action = 'credit.approved'"]),
        ("order.audit", ["DELETE FROM audit WHERE action = 'order.released'"]),
        ("order.audit", ["DELETE FROM audit WHERE action = 'order.rejected'"]),
        ("order.audit", ["DELETE FROM audit WHERE action = 'order.held'"]),
        ("order.audit", [state("SO2", "cancelled")]),
        ("hold.audit", ["DELETE FROM audit WHERE action = 'hold.manual'"]),
        ("hold.by", ["UPDATE hold SET ended_on = from_on"]),
    ],
    invariants.exposures_are_what_the_entries_say: [
        ("credit.exposure", ["UPDATE receivable SET open_minor = open_minor + 1"]),
        ("credit.exposure", ["UPDATE receivable SET amount_minor = amount_minor + 1"]),
        ("credit.exposure", ["UPDATE entry SET currency = 'USD'"]),
        ("credit.exposure", ["DELETE FROM entry"]),
    ],
    invariants.customers_show_the_rating_in_force: [("customer.rating", ["UPDATE customer SET rating = 'A'"])],
    invariants.one_of_each_runs: [
        ("line.running", double("credit_line")),
        ("hold.running", double("hold")),
        ("group_limit.running", double("group_limit")),
        ("proposal.pending", double("limit_proposal")),
    ],
}


@pytest.fixture
def sound(session: Session) -> Session:
    """A bit of everything, as it comes about."""
    work = make_work(session)
    li, zhou = person(work, "li"), person(work, "zhou", "finance_director")
    assert li.id == 1
    c = customer(work, "C1", owner=li, credit_limit_minor=100_000, group_name="华东")
    _, policy = active(work)
    decided = make_work(session, actor="zhou", person_id=zhou.id)

    def ask(number: str, amount_minor: int) -> CreditRequest | None:
        made = orders.submit(work, policy, NewOrder(number, "C1", amount_minor, "CNY"), "shop")
        return session.get_one(CreditRequest, made.request_id) if made.request_id is not None else None

    assert ask("SO1", 60_000) is None
    receivable(work, "I1", c, "100.00", order_no="SO1")
    session.add(Shipment(
        source="", number="S1", customer_id=1, order_no="SO1", amount_minor=20_000, currency="CNY", shipped_on=DAY,
    ))  # fmt: skip
    session.flush()
    for number, approve, conditions in (("SO2", True, {}), ("SO3", False, {}), ("SO5", True, {"prepay_percent": 30})):
        request = ask(number, 200_000)
        assert request is not None
        votes.vote(decided, policy, request, zhou.id or 0, approve=approve, conditions=conditions, reason="so")
    assert ask("SO4", 200_000) is not None
    limits.set_limit(decided, 1, 110_000, DAY + timedelta(days=9), "season")
    holds.hold(decided, 1, "look")
    rating.override(decided, 1, "C", "known", DAY + timedelta(days=30))
    session.add(GroupLimit(group_name="华东", amount_minor=1_000_000, currency="CNY", from_on=DAY))
    session.add(LimitProposal(
        customer_id=1, kind="raise", before_minor=1, after_minor=2, currency="CNY", opened_at=work.now, expires_on=DAY,
    ))  # fmt: skip
    session.flush()
    return session


def test_sound_credit_has_no_problems(sound: Session) -> None:
    assert invariants.check(sound) == []
    states = sound.execute(select(Q.c.state).order_by(Q.c.id)).scalars()
    assert list(states) == ["approved", "rejected", "approved", "pending"]


def test_every_invariant_is_broken_here() -> None:
    assert list(BREAKS) == invariants.INVARIANTS


def test_every_invariant_can_fail(sound: Session) -> None:
    for invariant, breaks in BREAKS.items():
        for code, statements in breaks:
            with sound.begin_nested() as savepoint:
                for statement in statements:
                    sound.connection().exec_driver_sql(statement)
                problems = invariant(sound)
                assert code in {problem.code for problem in problems}, f"{invariant.__name__} misses: {statements}"
                assert all(problem.id and problem.detail and problem.table for problem in problems)
                savepoint.rollback()
    assert invariants.check(sound) == []


def test_the_command_names_what_is_broken(sound: Session) -> None:
    sound.execute(text(state("SO4", "released")))
    [first, second, third] = invariants.check(sound)
    assert first.code == "order.released" and "SO4 is released" in first.detail
    assert second.code == "request.order" and "SO4" in second.detail
    assert third.code == "order.audit" and "SO4" in third.detail
