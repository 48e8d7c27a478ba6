"""Files with the headers that are usual in Chinese, without a map."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.errors import DomainError
from core.ingest.headers import ALIASES
from core.ingest.maps import COLUMNS, REQUIRED, columns_of
from core.models import Customer, Order, Person, Receipt, Receivable
from tests.importing import Importer, codes


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    return Importer(engine, tmp_path, lang="zh")


def test_every_kind_says_its_required_columns_in_chinese() -> None:
    assert ALIASES.keys() == {"*", *COLUMNS}
    for kind, columns in REQUIRED.items():
        for column in columns:
            assert column in ALIASES[kind] or column in ALIASES["*"], (kind, column)
        assert set(ALIASES[kind]) <= set(columns_of(kind))


def test_chinese_headers_need_no_map(importer: Importer) -> None:
    importer("people", "账号,姓名,角色\nli,李雷,rep\n")
    importer("customers", "客户编码,客户名称,业务员,信用额度\nC1,华兴商贸,li,300000\n")
    rows = "发票号,客户编码,客户名称,开票日期,到期日,金额\nFP-1,C1,华兴,2026-06-01,2026-07-01,100\n"
    report = importer("receivables", rows)
    assert (report.created, codes(report.rejected)) == (1, [])
    importer("receipts", "流水号,客户,收款日期,金额,发票号\nSK-1,华兴商贸,2026-06-20,40,FP-1\n")
    importer("orders", "订单号,客户,金额,业务员,车牌\nSO-1,C1,500,li,苏A\n")
    assert importer.one(Person, handle="li").roles == ["rep"]
    assert importer.one(Customer, code="C1").credit_limit_minor == 300_000_00
    assert importer.one(Receivable, number="FP-1").open_minor == 60_00
    assert importer.one(Receipt, number="SK-1").amount_minor == 40_00
    order = importer.one(Order, number="SO-1")
    assert (order.amount_minor, order.extra) == (500_00, {"车牌": "苏A"})


def test_an_amount_beside_its_tax_is_not_guessed(importer: Importer) -> None:
    importer("customers", "客户编码,客户名称\nC1,华兴商贸\n")
    with pytest.raises(DomainError) as caught:
        importer("receivables", "发票号,客户,开票日期,金额,税额\nFP-1,C1,2026-06-01,100,13\n")
    assert caught.value.code == "import.missing_column" and caught.value.facts["column"] == "amount"
    assert "价税合计" in caught.value.facts["message"] and "--map" in caught.value.facts["hint"]
    importer("receivables", "发票号,客户,开票日期,金额,税额,价税合计\nFP-1,C1,2026-06-01,100,13,113\n")
    assert importer.one(Receivable, number="FP-1").amount_minor == 113_00


def test_the_files_own_names_and_the_map_come_first(importer: Importer) -> None:
    importer("customers", "客户编码,客户名称\nC1,华兴商贸\n")
    importer("orders", "number,订单号,客户,amount,金额\nSO-1,PO-9,C1,500,400\n")
    order = importer.one(Order, number="SO-1")
    assert (order.amount_minor, order.extra) == (500_00, {"订单号": "PO-9", "金额": "400"})
    with pytest.raises(DomainError) as caught:
        importer("orders", "订单号,客户,金额\nSO-2,C1,1\n", '[columns]\nnumber = "订单号"\ncustomer = "客户"')
    assert caught.value.facts["column"] == "amount"
