"""Orders by file: each is judged as it comes in, and a file that comes again changes nothing."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from core.credit import orders
from core.credit.exposure import standing
from core.credit.incoming import parse
from core.credit.rules import CreditRules
from core.dunning.stored import active
from core.errors import DomainError
from core.models import Order, OutboxMessage
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.scenarios.ordering import ROUTES, opened, state, stored, told
from tests.scenarios.racing import at_once, count

HEAD = "number,customer,amount,currency,terms,prepaid,note,asked_by"
O, M = table_of(Order), table_of(OutboxMessage)  # noqa: E741


@pytest.fixture
def shop(hk: Harness) -> Harness:
    found = opened(hk)
    found.policy(ONE_STEP + ROUTES)
    return found


def put(hk: Harness, *lines: str, head: str = HEAD, **options: Any) -> dict[str, Any]:
    return hk.imports("orders", head, *lines, **options)


def verdicts(report: dict[str, Any]) -> tuple[int, int, int]:
    return report["released"], report["held"], report["refused"]


def test_each_row_is_judged_after_those_before_it(shop: Harness) -> None:
    lines = ("SO1,甲,600.00,,,,,", "SO3,甲,400.00,,net30,,,", "SO2,甲,500.00,,,,老客户,wang")
    report = put(shop, *lines)
    assert (report["created"], verdicts(report)) == (3, (2, 1, 0))
    assert report["totals"] == {"CNY": {"count": 3, "amount": "1500.00"}}
    assert [state(shop, number) for number in ("SO1", "SO2", "SO3")] == ["released", "held", "released"]
    assert "老客户" in shop.chat("wang").expect_card("SO2", kind="order.held").text
    shop.chat("zhou").expect_card("SO2", "老客户", kind="credit.request").tap("credit.approve")
    again = put(shop, *lines)
    assert (again["created"], again["unchanged"], verdicts(again)) == (0, 3, (0, 0, 0))
    assert count(shop, Order) == 3 and state(shop, "SO2") == "released"
    shop.chat("wang").expect_card("SO2", kind="order.decided")
    told(shop)


def test_a_blacklisted_customer_is_refused_and_said_to_be(shop: Harness) -> None:
    shop.customer("乙", "li")
    shop.chat("fm").say("/blacklist 乙 失信")
    assert verdicts(put(shop, "SO1,甲,1.00,,,,,", "SO2,乙,1.00,,,,,")) == (1, 0, 1)


def test_rows_that_cannot_go_in_say_why(shop: Harness) -> None:
    put(shop, "SO1,甲,600.00,,,,,")
    report = put(
        shop, "SO1,甲,700.00,,,,,", "SO2,丙,1.00,,,,,", "SO3,甲,0,,,,,", "SO4,甲,-1,,,,,", "SO5,甲,1.001,,,,,",
        "SO6,甲,1.00,QQQ,,,,", "SO7,甲,1.00,,,2.00,,", "SO8,甲,1.00,,,很多,,", "SO9,甲,1.00,,,,,nobody", ",甲,1.00,,,,,",
        "SO10,甲,,,,,,", "SO11,甲,1.00,,,,,", "SO11,甲,2.00,,,,,", f"SO12,甲,1.00,,,,{'x' * 401},", "SO13,甲,1e15,,,,,",
        "SO14,甲,1.00,,,,,lin",
    )  # fmt: skip
    assert [(p["row"], p["code"].removeprefix("import."), p["column"]) for p in report["rejected"]] == [
        (2, "order_changed", "number"), (3, "unknown_customer", "customer"), (4, "zero_amount", "amount"),
        (5, "negative_amount", "amount"), (6, "precision", "amount"), (7, "unknown_currency", "currency"),
        (8, "prepaid_above_amount", "prepaid"), (9, "bad_amount", "prepaid"), (10, "unknown_person", "asked_by"),
        (11, "missing_value", "number"), (12, "missing_value", "amount"), (14, "duplicate", "number"),
        (15, "too_long", "note"), (16, "bad_amount", "amount"), (17, "unknown_person", "asked_by"),
    ]  # fmt: skip
    assert all(problem["reason"] for problem in report["rejected"])
    assert (report["created"], verdicts(report)) == (1, (1, 0, 0)) and stored(shop, "SO1").amount_minor == 60_000


def test_what_else_the_file_says_is_kept_with_the_order(shop: Harness) -> None:
    head = HEAD + ",渠道,促销条款,件数"
    report = put(shop, "SO1,甲,100.00,,,,,,天猫,满300减40,12", "SO2,甲,100.00,,,,,,,,", head=head)
    assert report["warnings"] == []
    assert stored(shop, "SO1").extra == {"渠道": "天猫", "促销条款": "满300减40", "件数": "12"}
    assert stored(shop, "SO2").extra == {}
    assert put(shop, "SO1,甲,100.00,,,,,,天猫,满300减40,12", head=head)["unchanged"] == 1
    assert put(shop, "SO1,甲,100.00,,,,,,京东,满300减40,12", head=head)["rejected"][0]["code"] == "import.order_changed"


def test_a_map_fits_the_columns_of_another_system(shop: Harness, tmp_path: Path) -> None:
    columns = 'number = "单号"\ncustomer = "客户"\namount = "金额"\nprepaid = "预付"\n'
    text = f'kind = "orders"\nsource = "crm"\n[columns]\n{columns}[constants]\ncurrency = "CNY"\n'
    (tmp_path / "crm.toml").write_text(text, encoding="utf-8")
    report = put(
        shop, "A1,甲,100.00,是,华东", "A2,甲,100.00,30.00,", "A3,甲,100.00,否,", head="单号,客户,金额,预付,大区",
        map_path=tmp_path / "crm.toml",
    )
    assert report["created"] == 3
    assert [stored(shop, number).prepaid_minor for number in ("A1", "A2", "A3")] == [10_000, 3_000, 0]
    assert stored(shop, "A1").source == "crm" and stored(shop, "A1").extra == {"大区": "华东"}


def test_a_file_and_the_api_mean_the_same_order(shop: Harness) -> None:
    put(shop, "SO1,甲,\"1,000.00\",,net30,是,急,li")
    with shop.db() as work:
        body = {"number": "SO1", "customer": "甲", "amount": "1000.00", "terms": "net30", "prepaid": True, "note": "急"}
        made = orders.submit(work, active(work)[1], parse({**body, "asked_by": "li"}, "CNY"))
        assert made.again
        with pytest.raises(DomainError):
            orders.submit(work, active(work)[1], parse(body, "CNY"))


def test_a_dry_run_judges_and_leaves_nothing(shop: Harness) -> None:
    report = put(shop, "SO1,甲,900.00,,,,,", "SO2,甲,900.00,,,,,", dry_run=True)
    assert verdicts(report) == (1, 1, 0) and count(shop, Order) == 0 and count(shop, OutboxMessage) == 0


def test_the_samples_go_in(shop: Harness) -> None:
    for code, owner in (("000101", "lihua"), ("000102", "chenjie")):
        shop.people(**{owner: "rep"})
        shop.customer(code, owner, credit_limit_minor=30_000_000)
    folder = Path(__file__).parents[2] / "examples"
    for kind, rows in (("orders", 3), ("shipments", 3)):
        lines = (folder / f"{kind}.csv").read_text(encoding="utf-8").splitlines()
        report = shop.imports(kind, *lines)
        assert (report["rows"], report["created"], report["rejected"]) == (rows, rows, [])
    assert stored(shop, "SO2607-003").extra["促销条款"] == "满300减40"
    shop.chat("cai").expect_card("FH2607-0011", kind="task.invoice")
    told(shop)


# --- at once ---


def test_two_files_of_invoices_for_one_order_at_once_leave_the_right_rest(shop: Harness) -> None:
    put(shop, "SO1,甲,900.00,,,,,")
    head = "number,customer,issued_on,due_on,amount,order"

    def invoices(first: int) -> dict[str, Any]:
        lines = [f"I{first + n},甲,2026-07-06,2026-08-06,10.00,SO1" for n in range(20)]
        return imported(shop, "receivables", head, *lines)

    at_once(lambda: invoices(0), lambda: invoices(100))
    with shop.look() as work:
        found = standing(work, 1)
        assert found.exposures["CNY"].orders_minor == 50_000 and found.exposures["CNY"].open_minor == 40_000
        assert found.used_minor(CreditRules(), "CNY") == 90_000


def test_two_files_of_orders_at_once_never_pass_the_limit(shop: Harness) -> None:
    def some(letter: str) -> dict[str, Any]:
        return imported(shop, "orders", HEAD, *(f"{letter}{n},甲,70.00,,,,," for n in range(12)))

    reports = at_once(lambda: some("A"), lambda: some("B"))
    assert sum(report["released"] for report in reports) == 14 and sum(report["held"] for report in reports) == 10
    with shop.look() as work:
        assert standing(work, 1).used_minor(CreditRules(), "CNY") == 98_000
        assert len(work.session.execute(select(O.c.id).where(O.c.state == "released")).all()) == 14
    shop.deliver()
    told(shop)


def imported(hk: Harness, kind: str, *lines: str) -> dict[str, Any]:
    """As Harness.imports, without sending: for threads."""
    from tempfile import TemporaryDirectory

    from core import ingest

    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{kind}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return ingest.run(hk.db, kind, path).to_json()


def test_the_same_shipments_at_once_are_there_once(shop: Harness) -> None:
    head = "number,customer,order,amount,shipped_on,signed_on"
    lines = [f"D{n},甲,SO{n},10.00,2026-07-06,2026-07-06" for n in range(20)]
    reports = at_once(*(lambda: imported(shop, "shipments", head, *lines),) * 2)
    assert sorted((report["created"], report["unchanged"]) for report in reports) == [(0, 20), (20, 0)]
    assert shop.tasks("甲", "invoice") == [("cai", "open")]
    shop.deliver()
    shop.chat("cai").expect_card("¥200.00", kind="task.invoice")
