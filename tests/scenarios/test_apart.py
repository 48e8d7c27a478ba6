"""Orders of many customers at about the same time: checked at once they come to the same as one after the other."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.engine import check_orders
from core.credit import apart, orders
from core.credit.incoming import parse
from core.dunning.stored import active
from core.models import Audit, CreditRequest, Customer, Order, OutboxMessage
from core.models.base import table_of
from core.work import Work
from tests.databases import Databases
from tests.harness import Harness
from tests.scenarios.ordering import opened
from tests.scenarios.test_groups import shares

NAMES = "甲乙丙丁戊己庚"
NEW = {"id", "key"}  # of a row: what is another number in every run
GIVEN: tuple[dict[str, Any], ...] = (
    {"customer": "甲", "amount": "100.00"},
    {"customer": "乙", "amount": "5000.00", "note": "急单"},
    {"customer": "丙", "amount": "100.00"},
    {"customer": "丁", "amount": "100.00", "terms": "net90"},
    {"customer": "戊", "amount": "900.00", "currency": "USD"},
    {"customer": "己", "amount": "800.00", "prepaid": "800.00"},
    {"customer": "庚", "amount": "700.00", "lines": [{"item": "A", "price": "7", "cost": "9"}]},
)


def _shop(url: str) -> Harness:
    hk = Harness(url)
    opened(hk)
    for name in NAMES[1:]:
        hk.customer(name, "li", credit_limit_minor=100_000)
    hk.receivable("丙", "500.00", due="2026-07-01")
    hk.receivable("甲", "950.00", due="2026-08-01")
    hk.book_receipt("己", "800.00")
    return hk


@pytest.fixture
def shop(database_url: str) -> Iterator[Harness]:
    hk = _shop(database_url)
    yield hk
    hk.stop()


@pytest.fixture
def beside(database_url: str, databases: Databases) -> Iterator[Harness]:
    url = databases.create("sqlite" if database_url.startswith("sqlite") else "postgresql")
    hk = _shop(url)
    yield hk
    hk.stop()
    databases.drop(url)


def _incoming(work: Work, many: Mapping[int, dict[str, Any]]) -> dict[int, apart.Incoming]:
    named = replace(work, actor="api:shop", channel="api")
    return {n: apart.Incoming(named, parse({"number": f"SO{n}", **one}, "CNY"), "shop") for n, one in many.items()}


def _rows(hk: Harness) -> dict[str, list[tuple[str, ...]]]:
    found = {}
    with hk.look() as work:
        for model in (Order, CreditRequest, Audit, OutboxMessage):
            table = table_of(model)
            plain = [c for c in table.columns if c.name not in NEW]
            mine = [c for c in plain if c.name == "customer_id" or not c.name.endswith("_id")]
            found[table.name] = sorted(tuple(map(str, row)) for row in work.session.execute(select(*mine)))
    return found


def test_at_once_they_come_to_the_same_as_one_by_one(shop: Harness, beside: Harness) -> None:
    given = dict(enumerate(GIVEN))
    with shop.db() as work:
        made = apart.submit(work, active(work)[1], _incoming(work, given))
        assert sorted(made) == sorted(given)
        at_once = {n: orders.as_json(each.order, None) for n, each in made.items()}
    one_by_one = {}
    for n, one in given.items():
        with beside.db() as work:
            [(_, each)] = _incoming(work, {n: one}).items()
            found = orders.submit(each.work, active(work)[1], each.new, each.source)
            one_by_one[n] = orders.as_json(found.order, None)
    assert at_once == one_by_one
    assert {answer["verdict"] for answer in at_once.values()} == {"released", "held", "refused"}
    assert _rows(shop) == _rows(beside)


def test_what_had_better_be_submitted_alone_is_left_out(shop: Harness) -> None:
    """A second order of a customer, a number twice, one that is known, nobody's customer, someone who isn't there."""
    with shop.db() as work:
        apart.submit(work, active(work)[1], _incoming(work, {9: {"customer": "庚", "amount": "1.00"}}))
    given = {
        0: {"customer": "甲", "amount": "1.00"},
        1: {"customer": "甲", "amount": "2.00"},
        2: {"customer": "乙", "amount": "1.00", "number": "SO0"},
        3: {"customer": "丙", "amount": "1.00", "number": "SO9"},
        4: {"customer": "nobody", "amount": "1.00"},
        5: {"customer": "丁", "amount": "1.00", "asked_by": "nobody"},
        6: {"customer": "戊", "amount": "1.00"},
    }
    with shop.db() as work:
        assert sorted(apart.submit(work, active(work)[1], _incoming(work, given))) == [0, 6]
    with shop.look() as work:
        assert sorted(work.session.execute(select(table_of(Order).c.number)).scalars()) == ["SO0", "SO6", "SO9"]


def test_those_who_share_a_limit_are_left_out(shop: Harness) -> None:
    C = table_of(Customer)
    with shop.db() as work:
        work.session.execute(update(C).where(C.c.code.in_(["甲", "乙"])).values(group_name="华兴"))
    shares(shop, amount="1500")
    with shop.db() as work:
        given = {n: {"customer": name, "amount": "1.00"} for n, name in enumerate("甲乙丙")}
        made = apart.submit(work, active(work)[1], _incoming(work, given))
    assert sorted(made) == [2]


def test_held_orders_of_many_are_checked_again_at_once(shop: Harness, beside: Harness) -> None:
    """Money comes for two of three; one of them has two orders, and room for the older one only."""
    for hk in (shop, beside):
        with hk.db() as work:
            for number, name, amount in (("A", "甲", "400.00"), ("B", "甲", "700.00"), ("C", "乙", "1500.00")):
                new = parse({"number": number, "customer": name, "amount": amount}, "CNY")
                orders.submit(work, active(work)[1], new, "shop")
            new = parse({"number": "D", "customer": "丙", "amount": "100.00"}, "CNY")
            orders.submit(work, active(work)[1], new, "shop")
            work.session.execute(update(table_of(Order)).values(recheck=False))
        hk.book_receipt("甲", "900.00")
        hk.book_receipt("乙", "500.00")
    assert check_orders(shop.app.transactions, shop.now) == 2
    with beside.look() as work:
        waiting = orders.to_check(work)
    for customer_id in waiting:
        with beside.db() as work:
            orders.check_customer(work, active(work)[1], customer_id)
    assert _rows(shop) == _rows(beside)
    with shop.look() as work:
        states = dict(work.session.execute(select(table_of(Order).c.number, table_of(Order).c.state)).all())
    assert states == {"A": "released", "B": "held", "C": "released", "D": "held"}
