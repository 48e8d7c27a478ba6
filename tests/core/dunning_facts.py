"""Facts for the tables of tests/core: one customer, some receivables, a day, people around them."""

from datetime import date, datetime, timedelta
from typing import Any

from core.dunning.facts import CaseFacts, ReceivableFacts, net
from core.dunning.org import Member, Org
from core.dunning.policy import default_policy
from tests.factories import morning

DAY = date(2026, 7, 15)  # a Wednesday
NOW: datetime = morning(DAY)
POLICY = default_policy()
LI, WANG, ZHAO, ZHOU, CAI, FM, ADA = range(1, 8)


def org(**changes: dict[str, Any]) -> Org:
    """li -> wang -> zhao, and finance; `li={"active": False}` changes one of them."""
    rows: list[tuple[int, str, str, int | None]] = [
        (LI, "li", "rep", WANG),
        (WANG, "wang", "sales_manager", ZHAO),
        (ZHAO, "zhao", "sales_director", None),
        (ZHOU, "zhou", "finance_director", None),
        (CAI, "cai", "finance", None),
        (FM, "fm", "finance_manager", None),
        (ADA, "ada", "admin", None),
    ]
    return Org(
        Member(
            **{"id": i, "handle": handle, "name": handle, "roles": frozenset({role}), "manager_id": manager}
            | changes.get(handle, {})
        )
        for i, handle, role, manager in rows
    )


def owed(id: int = 1, minor: int = 10_000, *, age: int | None = 1, **more: Any) -> ReceivableFacts:
    """A receivable of that age on DAY; None: no due date."""
    due = None if age is None else DAY - timedelta(days=age)
    row = {"id": id, "number": f"I{id}", "issued_on": (due or DAY) - timedelta(days=30), "due_on": due, "open_minor": minor}
    return ReceivableFacts(**(row | {"currency": "CNY", "amount_minor": minor} | more))


def case(*receivables: ReceivableFacts, min_chase: int = 100, **more: Any) -> CaseFacts:
    """Netted facts of one customer in yuan; li owns it."""
    facts = {"customer_id": 1, "currency": "CNY", "code": "C1", "name": "甲", "owner_id": LI} | more
    made = CaseFacts(**facts, receivables=list(receivables))
    net(made, min_chase)
    return made
