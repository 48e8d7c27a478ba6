"""What the stories about approvals share: who stands above and beside the director, and what became of a request."""

from sqlalchemy import select

from core.models import Audit, CreditRequest, Delivery
from core.models.base import table_of
from tests.harness import Harness
from tests.phones import Card
from tests.scenarios.ordering import opened, place, told

Q, A, D = table_of(CreditRequest), table_of(Audit), table_of(Delivery)
REQUEST = "credit.request"
BOTH = """
name = "all of them"
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
[[credit.route]]
name = "both"
rungs = [{ audience = ["role:finance_director", "role:sales_director"], need = "all" }]
"""


def staffed(hk: Harness) -> Harness:
    """Beside the usual people ma, who stands in for zhou, and gm above him."""
    opened(hk)
    hk.people(gm="management", ma="risk")
    hk.person("zhou", manager_id=person(hk, "gm"), deputy_id=person(hk, "ma"))
    return hk


def person(hk: Harness, handle: str) -> int:
    with hk.look() as work:
        found = hk._person_id(work, handle)
    assert found is not None
    return found


def asked(hk: Harness) -> Card:
    """SO1 waits for zhou; li has read that it is held."""
    place(hk, "甲", "2000.00", "SO1", note="老客户")
    hk.chat("li").expect_card("SO1", kind="order.held")
    return hk.chat("zhou").expect_card("SO1", kind=REQUEST)


def request(hk: Harness) -> CreditRequest:
    with hk.look() as work:
        return work.session.execute(select(CreditRequest).order_by(Q.c.id.desc()).limit(1)).scalar_one()


def audited(hk: Harness, action: str) -> list[dict]:
    with hk.look() as work:
        return list(work.session.execute(select(A.c.data).where(A.c.action == action).order_by(A.c.id)).scalars())


def everybody_reads(hk: Harness) -> None:
    for handle in ("li", "wang", "zhao", "zhou", "cai", "fm", "gm", "ma", "lin"):
        for card in hk.chat(handle).unread():
            hk.read(card.id)


def settled(hk: Harness) -> None:
    told(hk)
    everybody_reads(hk)


def held(hk: Harness, number: int = 0) -> Card:
    """li's card of the held order, the first one they got."""
    with hk.look() as work:
        refs = select(D.c.ref).where(D.c.kind == "order.held", D.c.address == "li").order_by(D.c.id)
        found = work.session.execute(refs).scalars().all()
    return Card(hk, int(found[number]), "li")
