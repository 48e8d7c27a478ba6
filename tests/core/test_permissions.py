"""Who sees what, and who may do what."""

from datetime import date

import pytest
from sqlmodel import Session, select

from core.models import Customer, Person, Receivable
from core.permissions import (
    EVERYTHING,
    ROLES,
    RULES,
    Relation,
    Scope,
    below,
    chain_above,
    may,
    may_see_customer,
    relation_to,
    scope_of,
    sees_whole_customer,
)


class Firm:
    """小李 and 小张 sell under 王总, who reports to 周总监; 甲 is 小李's, 乙 is 小张's, one invoice of 乙 is 小李's."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.zhou = self.person("zhou", "sales_director")
        self.wang = self.person("wang", "sales_manager", manager=self.zhou)
        self.li = self.person("li", "rep", manager=self.wang)
        self.zhang = self.person("zhang", "rep", manager=self.wang)
        self.jia = self.customer("C001", "甲公司", self.li, region="华东")
        self.yi = self.customer("C002", "乙公司", self.zhang, region="华南")
        self.mine = self.receivable("INV-1", self.yi, self.li)
        self.theirs = self.receivable("INV-2", self.yi, None)

    def person(self, handle: str, *roles: str, manager: Person | None = None, **more: object) -> Person:
        person = Person(handle=handle, name=handle, roles=list(roles), manager_id=manager and manager.id, **more)
        return self.add(person)

    def customer(self, code: str, name: str, owner: Person | None, region: str = "") -> Customer:
        return self.add(Customer(code=code, name=name, owner_id=owner and owner.id, region=region))

    def receivable(self, number: str, customer: Customer, owner: Person | None) -> Receivable:
        return self.add(
            Receivable(
                number=number,
                customer_id=customer.id,
                issued_on=date(2026, 6, 1),
                amount_minor=100,
                currency="CNY",
                owner_id=owner and owner.id,
            )
        )

    def add(self, row):
        self.session.add(row)
        self.session.flush()
        return row

    def sees(self, person: Person) -> tuple[list[str], list[str]]:
        scope = scope_of(self.session, person.id)
        customers = scope.filter(select(Customer.code).order_by(Customer.code), Customer)
        joined = select(Receivable.number).join(Customer).order_by(Receivable.number)
        alone = scope.filter(select(Receivable.number).order_by(Receivable.number), Receivable)
        receivables = list(self.session.exec(scope.filter(joined, Customer, Receivable)).all())
        assert receivables == list(self.session.exec(alone).all())
        return list(self.session.exec(customers).all()), receivables


@pytest.fixture
def firm(session: Session) -> Firm:
    return Firm(session)


def test_a_rep_sees_own_customers_and_of_others_only_the_invoices_they_own(firm: Firm) -> None:
    assert firm.sees(firm.li) == (["C001", "C002"], ["INV-1"])
    assert firm.sees(firm.zhang) == (["C002"], ["INV-1", "INV-2"])
    scope = scope_of(firm.session, firm.li.id)
    assert may_see_customer(firm.session, scope, firm.yi.id)
    assert not sees_whole_customer(firm.session, scope, firm.yi.id)
    assert [scope.whole(c.owner_id, c.region) for c in (firm.jia, firm.yi)] == [True, False]
    assert not scope.narrowed(Scope(region="华南")).whole(firm.jia.owner_id, firm.jia.region)
    assert sees_whole_customer(firm.session, scope, firm.jia.id)
    assert not may_see_customer(firm.session, scope_of(firm.session, firm.zhang.id), firm.jia.id)


def test_managers_see_what_everybody_below_them_sees(firm: Firm) -> None:
    everything = (["C001", "C002"], ["INV-1", "INV-2"])
    assert firm.sees(firm.wang) == everything
    assert firm.sees(firm.zhou) == everything
    other = firm.person("chen", "sales_manager", manager=firm.zhou)
    assert firm.sees(other) == ([], [])


def test_a_manager_owns_customers_too(firm: Firm) -> None:
    firm.customer("C003", "丙公司", firm.wang)
    assert firm.sees(firm.wang)[0] == ["C001", "C002", "C003"]


@pytest.mark.parametrize("role", ["finance", "finance_manager", "finance_director", "risk", "management"])
def test_finance_sees_all_or_their_region(firm: Firm, role: str) -> None:
    assert firm.sees(firm.person("everywhere", role))[0] == ["C001", "C002"]
    assert firm.sees(firm.person("east", role, region="华东")) == (["C001"], [])
    assert firm.sees(firm.person("south", role, region="华南")) == (["C002"], ["INV-1", "INV-2"])


@pytest.mark.parametrize("roles", [["admin"], [], ["warehouse"]])
def test_admin_and_mere_posts_see_no_customer(firm: Firm, roles: list[str]) -> None:
    person = firm.person("nobody", *roles)
    assert firm.sees(person) == ([], [])
    assert scope_of(firm.session, person.id).nothing


def test_several_roles_are_a_union(firm: Firm) -> None:
    both = firm.person("both", "rep", "finance", region="华东")
    firm.customer("C009", "己公司", both, region="西北")
    assert firm.sees(both)[0] == ["C001", "C009"]
    assert scope_of(firm.session, firm.person("x", "admin", "risk").id) == EVERYTHING


def test_a_scope_is_narrowed_to_what_was_asked_for(firm: Firm) -> None:
    def sees(scope: Scope) -> tuple[list[str], list[str]]:
        customers = scope.filter(select(Customer.code).order_by(Customer.code), Customer)
        numbers = scope.filter(select(Receivable.number).order_by(Receivable.number), Receivable)
        return list(firm.session.exec(customers).all()), list(firm.session.exec(numbers).all())

    li, zhang = (scope_of(firm.session, person.id) for person in (firm.li, firm.zhang))
    assert sees(li.narrowed(Scope(region="华南"))) == (["C002"], ["INV-1"])
    assert sees(EVERYTHING.narrowed(zhang)) == sees(zhang) == sees(zhang.narrowed(EVERYTHING))
    assert sees(zhang.narrowed(Scope(owner_ids=frozenset({firm.li.id})))) == (["C002"], ["INV-1"])
    assert sees(li.narrowed(zhang).narrowed(Scope(region="华东"))) == ([], [])
    assert Scope().narrowed(Scope(region="华东")).nothing


def test_who_has_left_sees_nothing(firm: Firm) -> None:
    assert scope_of(firm.session, firm.person("gone", "finance", active=False).id) == Scope()
    assert scope_of(firm.session, 999_999) == Scope()


def test_managers_in_a_circle_end(firm: Firm) -> None:
    firm.zhou.manager_id = firm.li.id
    firm.session.flush()
    assert below(firm.session, firm.wang.id) == {firm.li.id, firm.zhang.id, firm.zhou.id}
    assert [p.handle for p in chain_above(firm.session, firm.li.id)] == ["wang", "zhou"]
    firm.zhou.manager_id = firm.zhou.id
    firm.session.flush()
    assert [p.handle for p in chain_above(firm.session, firm.li.id)] == ["wang", "zhou"]
    assert chain_above(firm.session, firm.zhou.id) == []


def test_how_people_stand_to_a_task(firm: Firm) -> None:
    def relation(person: Person, subject: Person | None) -> Relation:
        return relation_to(firm.session, person.id, person.roles, subject and subject.id)

    fin = firm.person("fin", "finance")
    assert relation(firm.li, firm.li) == Relation.own
    assert relation(firm.zhou, firm.li) == Relation.above
    assert relation(firm.li, firm.zhou) == Relation.none
    assert relation(firm.zhang, firm.li) == Relation.none
    assert relation(fin, firm.li) == Relation.finance
    assert relation(firm.li, None) == Relation.none


@pytest.mark.parametrize(
    ("verb", "roles", "relation", "allowed"),
    [
        ("task.promise", ["rep"], "own", True),
        ("task.promise", ["rep"], "none", False),
        ("task.promise", ["sales_manager"], "above", True),
        ("task.promise", ["sales_manager"], "none", False),
        ("task.promise", ["finance_manager"], "finance", True),
        ("task.promise", ["finance"], "finance", False),
        ("task.promise", ["management"], "none", False),
        ("receipt.record", ["finance"], "none", True),
        ("receipt.record", ["rep"], "own", False),
        ("receipt.record", ["sales_director"], "above", False),
        ("claim.confirm", ["finance_manager"], "none", True),
        ("claim.void", ["rep"], "own", False),
        ("letters.release", ["finance"], "finance", True),
        ("letters.release", ["finance_director"], "none", False),
        ("promise.approve", ["sales_manager"], "above", True),
        ("promise.approve", ["rep"], "own", False),
        ("promise.approve", ["finance_manager"], "own", False),
        ("pause.approve", ["finance_manager"], "finance", True),
        ("policy.apply", ["finance_manager"], "none", True),
        ("policy.apply", ["finance_director"], "none", True),
        ("policy.apply", ["management"], "none", True),
        ("policy.apply", ["admin"], "none", True),
        ("policy.apply", ["finance"], "none", False),
        ("receipt.record", ["admin"], "none", False),
        ("limit.set", ["finance_manager"], "none", True),
        ("limit.set", ["risk"], "none", False),
        ("limit.set", ["rep"], "own", False),
        ("limit.set", ["sales_director"], "above", False),
        ("no.such.verb", ["admin", "finance_manager"], "own", False),
    ],
)
def test_who_may_do_what(verb: str, roles: list[str], relation: str, allowed: bool) -> None:
    assert may(verb, roles, Relation(relation)) is allowed


@pytest.mark.parametrize(
    ("verb", "roles"),
    [
        ("limit.set", {"finance_manager", "finance_director", "management"}),
        ("hold.set", {"finance_manager", "finance_director", "risk"}),
        ("blacklist.set", {"finance_manager", "finance_director", "risk"}),
        ("hold.lift", {"finance_director", "management"}),
        ("blacklist.end", {"finance_director", "management"}),
    ],
)
def test_who_may_set_and_end_limits_and_holds(verb: str, roles: set[str]) -> None:
    """By role only: standing above the rep, or being the rep, gives nobody a right."""
    for relation in Relation:
        assert {role for role in ROLES if may(verb, [role], relation)} == roles, relation


def test_the_rules_name_real_roles() -> None:
    assert {role for rule in RULES.values() for role in rule.roles} <= ROLES
