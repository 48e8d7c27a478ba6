"""One database is one own company's: a document that names another one is refused, not booked as ours."""

import pytest
from sqlalchemy import select

from core.models import Order, Receipt, Receivable, Shipment
from core.work import Profile
from tests.factories import PROFILE
from tests.harness import Harness
from tests.scenarios.ordering import opened, state, told
from tests.scenarios.racing import count

FILES = {
    "receivables": ("number,customer,issued_on,due_on,amount", "甲,2026-07-01,2026-08-01,10.00", Receivable),
    "receipts": ("number,customer,received_on,amount", "甲,2026-07-01,10.00", Receipt),
    "orders": ("number,customer,amount", "甲,10.00", Order),
    "shipments": ("number,customer,order,amount,shipped_on", "甲,SO1,10.00,2026-07-01", Shipment),
}


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """示例有限公司, in English Sample Ltd."""
    opened(hk).company(profile=PROFILE)
    return hk


@pytest.mark.parametrize("kind", FILES)
def test_a_file_with_documents_of_another_own_company_books_ours_alone(shop: Harness, kind: str) -> None:
    head, rest, model = FILES[kind]
    report = shop.imports(
        kind, f"company,{head}", f"示例有限公司,A1,{rest}", f"sample ltd ,A2,{rest}", f",A3,{rest}",
        f"示例贸易有限公司,A4,{rest}",
    )  # fmt: skip
    assert report["created"] == 3 and count(shop, model) == 3
    [refused] = report["rejected"]
    assert (refused["code"], refused["column"], refused["value"]) == ("import.other_company", "company", "示例贸易有限公司")
    assert "示例有限公司" in refused["reason"] and "每家公司一个数据库" in refused["reason"]
    with shop.look() as work:
        assert "A4" not in work.session.execute(select(model.number)).scalars().all()
    told(shop)


def test_an_order_keeps_nothing_of_it_among_what_else_its_file_says(shop: Harness) -> None:
    shop.imports("orders", "number,customer,amount,company,channel", "SO1,甲,10.00,Sample Ltd,门店")
    with shop.look() as work:
        assert work.session.execute(select(Order)).scalar_one().extra == {"channel": "门店"}
    assert state(shop, "SO1") == "released"
    told(shop)


def test_a_map_says_which_column_it_is_and_which_code_is_ours(shop: Harness, tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "map.toml"
    path.write_text(
        '[columns]\nnumber = "单号"\ncustomer = "客户"\nissued_on = "日期"\namount = "金额"\ncompany = "公司代码"\n'
        '[values.company]\n1000 = "示例有限公司"\n',
        encoding="utf-8",
    )
    rows = ("单号,客户,日期,金额,公司代码", "A1,甲,2026-07-01,10.00,1000", "A2,甲,2026-07-01,10.00,2000")
    report = shop.imports("receivables", *rows, map_path=path)
    assert report["created"] == 1 and [row["value"] for row in report["rejected"]] == ["2000"]


def test_with_no_name_of_our_own_nobody_can_say_whose_it_is(shop: Harness) -> None:
    shop.company(profile=Profile())
    report = shop.imports("receipts", "number,customer,received_on,amount,company", "R1,甲,2026-07-01,10.00,示例有限公司")
    assert [row["code"] for row in report["rejected"]] == ["import.company_unnamed"]
    assert "company.name" in report["rejected"][0]["reason"]


def test_what_is_no_document_may_have_a_column_of_that_name(shop: Harness) -> None:
    report = shop.imports("customers", "code,name,company", "C1,华兴,华兴商贸有限公司")
    assert report["created"] == 1 and report["rejected"] == []
