"""A customer was blacklisted: who looks after it, and finance, hear which of its released orders nobody has shipped yet. The
orders stay released; what is left of them is stopped by people (R044)."""

from core import outbox
from core.credit import uninvoiced
from core.credit.uninvoiced import Uninvoiced
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.models import Customer, Hold
from core.work import Work

KIND, SUBJECT = "orders.stopped", "stopped"


def to_ship(work: Work, customer_id: int) -> list[Uninvoiced]:
    """Released orders of which something is neither shipped nor invoiced, the oldest first; one statement."""
    return [one for one in uninvoiced.of_customer(work, customer_id) if one.to_ship_minor]


def tell(work: Work, policy: Policy, hold: Hold) -> None:
    """Once for each hold, where there are such orders."""
    if not to_ship(work, hold.customer_id):
        return
    org, customer = load_org(work), work.session.get_one(Customer, hold.customer_id)
    finance = next(filter(None, (org.holders(role, customer.region) for role in ("finance", "finance_manager"))), [])
    owner = org.responsible(None, customer.owner_id)
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"stopped:{hold.id}:{person}", kind=KIND, subject=SUBJECT, subject_id=hold.id or 0,
            customer_id=hold.customer_id, person_id=person,
            not_before=outbox.outside_quiet(work, policy.windows, org.members.get(person)),
        )
        for person in dict.fromkeys([*([owner] if owner is not None else []), *finance])
    ])  # fmt: skip
