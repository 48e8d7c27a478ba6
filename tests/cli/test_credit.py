"""`huikuan credit deviation`."""

from collections.abc import Callable

import pytest

from tests.cli.conftest import CommandLine

AT = ("--at", "2026-09-02T10:00")
CUSTOMERS = "code,name,owner,credit_limit,rating\nC001,华兴商贸,li,150000.00,A\nC900,新客户,li,500.00,D\nC901,没额度,li,,A\n"


@pytest.fixture
def shop(hk: CommandLine, company: Callable[[], None]) -> CommandLine:
    """华兴商贸 was invoiced 120,000 in the year: 30,000 by the model of an A."""
    company()
    hk("import", "customers", hk.file("limits.csv", CUSTOMERS), "--at", "2026-06-02T09:30")
    return hk


def test_as_json_and_as_a_table(shop: CommandLine) -> None:
    found = shop("credit", "deviation", *AT, "--json").json
    assert found["compared"] == 2 and found["without_limit"] == 2, found  # C002 of the company has none, either
    [row] = found["customers"]
    assert (row["code"], row["granted"], row["model"], row["deviation"]) == ("C001", "150000.00", "30000.00", "4.0000")
    assert found["totals"] == [
        {"currency": "CNY", "customers": 2, "granted": "150000.00", "model": "30000.00", "deviation": "4.0000"}
    ]
    said = shop("credit", "deviation", *AT).out
    assert "C001 华兴商贸" in said and "比较 2 家，超出 ±0.05 的 1 家" in said and "未设额度 2 家" in said
