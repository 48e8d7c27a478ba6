"""Who sees what, and who may do what: tables of roles, the manager tree, and nothing that changes anything.

Rights come from roles only; any other post is a label. Somebody with several roles gets the union of them.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, literal, or_, select, true
from sqlmodel import Session, col

from core.models import Customer, Person, Receivable

ROLES = frozenset({
    "rep", "sales_manager", "sales_director", "finance", "finance_manager", "finance_director", "risk", "management",
    "admin",
})  # fmt: skip

SEE_OWN = frozenset({"rep"})
SEE_BELOW = frozenset({"sales_manager", "sales_director"})  # everybody below them, and themselves
SEE_ALL = frozenset({"finance", "finance_manager", "finance_director", "risk", "management"})  # or their region
# admin keeps the system running and sees no customer's data.

customers, receivables, people = Customer.__table__, Receivable.__table__, Person.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Scope:
    """The customers and receivables that one person sees.

    Who owns a customer sees it whole. Who owns only receivables of it sees the customer with these receivables,
    and without its unapplied credit. Outside the scope, everything is as if it did not exist.
    """

    all: bool = False
    owner_ids: frozenset[int] = field(default_factory=frozenset)
    region: str | None = None  # of customers
    customer_ids: frozenset[int] = frozenset()  # about which they decide in somebody's place just now
    within: "Scope | None" = None  # and only what this one sees

    @property
    def nothing(self) -> bool:
        here = self.all or self.owner_ids or self.region or self.customer_ids
        return not here or (self.within is not None and self.within.nothing)

    def narrowed(self, to: "Scope") -> "Scope":
        """What both see: `scope.narrowed(Scope(region="华东"))`."""
        if self.all or to.all:
            return to if self.all else self
        return replace(to, within=self if to.within is None else to.within.narrowed(self))

    def whole(self, owner_id: int | None, region: str, customer_id: int | None = None) -> bool:
        """The same as `customers_whole`, of a customer that has been loaded; `customer_id`: where deputies count, too."""
        here = self.all or owner_id in self.owner_ids or (bool(self.region) and region == self.region)
        here = here or customer_id in self.customer_ids
        return here and (self.within is None or self.within.whole(owner_id, region, customer_id))

    def customers_whole(self) -> ColumnElement[bool]:
        """Condition on `customer`: seen with everything that belongs to it."""
        if self.all:
            return true()
        ways: list[ColumnElement[bool]] = []
        if self.owner_ids:
            ways.append(customers.c.owner_id.in_(sorted(self.owner_ids)))
        if self.region:
            ways.append(customers.c.region == self.region)
        if self.customer_ids:
            ways.append(customers.c.id.in_(sorted(self.customer_ids)))
        here = or_(*ways) if ways else false()
        return here if self.within is None else and_(here, self.within.customers_whole())

    def customers(self) -> ColumnElement[bool]:
        """Condition on `customer`: seen at all."""
        if self.all:
            return true()
        here = replace(self, within=None).customers_whole()
        if self.owner_ids:
            owned = select(receivables.c.customer_id).where(receivables.c.owner_id.in_(sorted(self.owner_ids)))
            here = or_(here, customers.c.id.in_(owned))
        return here if self.within is None else and_(here, self.within.customers())

    def receivables(self, *, joined: bool = True) -> ColumnElement[bool]:
        """Condition on `receivable`; `joined` says that `customer` is in the FROM list, too."""
        if self.all:
            return true()
        here = replace(self, within=None).customers_whole()
        if not joined:
            here = receivables.c.customer_id.in_(select(customers.c.id).where(here))
        if self.owner_ids:
            here = or_(here, receivables.c.owner_id.in_(sorted(self.owner_ids)))
        return here if self.within is None else and_(here, self.within.receivables(joined=joined))

    def filter(self, statement: Select[Any], *tables: Any) -> Select[Any]:
        """`scope.filter(select(...), Customer)`, or `(..., Receivable)`, or `(..., Customer, Receivable)` for a join."""
        if self.all:
            return statement
        if Receivable in tables or receivables in tables:
            joined = Customer in tables or customers in tables
            return statement.where(self.receivables(joined=joined))
        return statement.where(self.customers())


EVERYTHING = Scope(all=True)


def scope_of(session: Session, person_id: int) -> Scope:
    """What this person sees; nothing for somebody unknown or no longer active."""
    row = session.get(Person, person_id)  # who asks is known to the session already
    if row is None or not row.active:
        return Scope()
    roles = set(row.roles or ())
    region = None
    if roles & SEE_ALL:
        if not row.region:
            return EVERYTHING
        region = row.region
    owner_ids: set[int] = set()
    if roles & SEE_OWN:
        owner_ids.add(person_id)
    if roles & SEE_BELOW:
        owner_ids |= below(session, person_id) | {person_id}
    return Scope(owner_ids=frozenset(owner_ids), region=region)


def letters_of(session: Session, person_id: int | None) -> Scope:
    """The customers whose letters this person releases: what they see. A stand-in who sees nobody, everybody's."""
    scope = scope_of(session, person_id) if person_id is not None else EVERYTHING
    return EVERYTHING if scope.nothing else scope


def may_see_customer(session: Session, scope: Scope, customer_id: int) -> bool:
    if scope.nothing:
        return False
    found = select(literal(1)).select_from(customers).where(customers.c.id == customer_id, scope.customers())
    return session.execute(found).first() is not None


def sees_whole_customer(session: Session, scope: Scope, customer_id: int) -> bool:
    """Whether unapplied credit, promises and receipts of this customer are theirs to see as well."""
    if scope.all or scope.nothing:
        return scope.all
    found = select(literal(1)).select_from(customers).where(customers.c.id == customer_id, scope.customers_whole())
    return session.execute(found).first() is not None


# --- the manager tree -----------------------------------------------------------------------------
# UNION, not UNION ALL: a person comes up once, so that a circle of managers ends.


def below(session: Session, person_id: int) -> set[int]:
    """Everybody who reports to this person, directly or not."""
    tree = select(people.c.id).where(people.c.manager_id == person_id).cte("below", recursive=True)
    tree = tree.union(select(people.c.id).where(people.c.manager_id == tree.c.id))
    return set(session.execute(select(tree.c.id)).scalars()) - {person_id}


def chain_above(session: Session, person_id: int) -> list[Person]:
    """The managers upwards, nearest first, each once, whether active or not; never the person."""
    tree = select(people.c.id, people.c.manager_id).where(people.c.id == person_id).cte("above", recursive=True)
    tree = tree.union(select(people.c.id, people.c.manager_id).where(people.c.id == tree.c.manager_id))
    found = {person.id: person for person in session.exec(_people_in(select(tree.c.id)))}
    chain: list[Person] = []
    seen, here = {person_id}, found.get(person_id)
    while here is not None and here.manager_id is not None and here.manager_id not in seen:
        seen.add(here.manager_id)
        here = found.get(here.manager_id)
        if here is not None:
            chain.append(here)
    return chain


def _people_in(ids: Any) -> Any:
    from sqlmodel import select as select_model

    return select_model(Person).where(col(Person.id).in_(ids))


# --- verbs ----------------------------------------------------------------------------------------


class Relation(StrEnum):
    """own: the task's person, the dispute's owner, the responsible. above: a manager of them, at any distance.
    finance: neither, but in finance or finance_manager. none: anybody else."""

    own = "own"
    above = "above"
    finance = "finance"
    none = "none"


FINANCE = frozenset({"finance", "finance_manager"})
POLICY = frozenset({"finance_manager", "finance_director", "management", "admin"})


@dataclass(frozen=True, slots=True)
class Rule:
    """Allowed by relation or by role. `not_own`: nobody approves what they asked for, whatever their roles."""

    relations: frozenset[Relation] = frozenset()
    roles: frozenset[str] = frozenset()
    not_own: bool = False


_LINE = frozenset({Relation.own, Relation.above})
_TASK = Rule(_LINE, frozenset({"finance_manager"}))
_APPROVE = Rule(frozenset({Relation.above}), frozenset({"finance_manager"}), not_own=True)
_FINANCE = Rule(roles=FINANCE)
# Which of them, and never whoever asked, says the route of the request: core.credit.votes.
_CREDIT = Rule(roles=frozenset({
    "sales_manager", "sales_director", "finance", "finance_manager", "finance_director", "risk", "management", "admin",
}))  # fmt: skip
_LIMIT = Rule(roles=frozenset({"finance_manager", "finance_director", "management"}))
_HOLD = Rule(roles=frozenset({"finance_manager", "finance_director", "risk"}))
_LIFT = Rule(roles=frozenset({"finance_director", "management"}))  # and never who set it: core.credit.holds

RULES: dict[str, Rule] = {
    "task.log": _TASK,
    "task.promise": _TASK,
    "task.paid": _TASK,
    "task.part_paid": _TASK,
    "task.dispute": _TASK,
    "task.not_reached": _TASK,
    "task.copy": _TASK,
    "task.other": _TASK,
    "task.note": _TASK,
    "task.snooze": _TASK,
    "task.reassign": _TASK,
    "dispute.settle": _TASK,  # own = the dispute's owner, not the rep who raised it
    "pause.set": _TASK,
    "pause.end": _TASK,
    "promise.approve": _APPROVE,
    "promise.reject": _APPROVE,
    "pause.approve": _APPROVE,
    "pause.reject": _APPROVE,
    "customer.assign": Rule(frozenset({Relation.above}), frozenset({"sales_director", "finance_manager"})),
    "claim.confirm": _FINANCE,
    "claim.void": _FINANCE,
    "receipt.record": _FINANCE,
    "receipt.allocate": _FINANCE,
    "credit_note.record": _FINANCE,
    "letters.release": _FINANCE,
    "credit.approve": _CREDIT,
    "credit.approve_with": _CREDIT,
    "credit.reject": _CREDIT,
    "credit.explain": Rule(frozenset({Relation.own})),  # own = whose order it is, or who asked about it
    "credit.withdraw": Rule(frozenset({Relation.own})),
    "credit.ask_again": Rule(_LINE),
    "person.away": Rule(_LINE, frozenset({"admin"})),
    "person.back": Rule(_LINE, frozenset({"admin"})),
    "deviation.see": Rule(roles=frozenset({"finance", "finance_manager", "finance_director", "risk", "management"})),
    "limit.agree": _CREDIT,  # of these whom the policy names, never the customer's owner: core.credit.proposals
    "limit.decline": _CREDIT,
    "limit.set": _LIMIT,
    "limit.ask": Rule(_LINE, frozenset({"finance", "risk"})),
    "group.limit_set": _LIMIT,  # and only who sees all of the group: core.actions.groups
    "hold.set": _HOLD,
    "hold.lift": _LIFT,
    "blacklist.set": _HOLD,
    "blacklist.end": _LIFT,
    "rating.set": Rule(roles=frozenset({"finance_manager", "finance_director", "risk", "management"})),
    "policy.apply": Rule(roles=POLICY),
    "lang.set": Rule(frozenset(Relation)),
}


def may(verb: str, roles: Collection[str], relation: Relation = Relation.none) -> bool:
    """Whether somebody with these roles, standing in this relation to the subject, may do it. Unknown verbs: no."""
    rule = RULES.get(verb)
    if rule is None or (rule.not_own and relation == Relation.own):
        return False
    return relation in rule.relations or not rule.roles.isdisjoint(roles)


def decides_credit(roles: Collection[str]) -> bool:
    """Whether somebody with these roles may decide about an order at all, be it in somebody's place."""
    return may("credit.approve", roles)


def relation_to(session: Session, person_id: int, roles: Collection[str], subject_person_id: int | None) -> Relation:
    """How `person_id` stands to whoever the subject belongs to."""
    if subject_person_id is not None:
        if subject_person_id == person_id:
            return Relation.own
        if any(manager.id == person_id for manager in chain_above(session, subject_person_id)):
            return Relation.above
    return Relation.none if FINANCE.isdisjoint(roles) else Relation.finance
