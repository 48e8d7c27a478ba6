"""Receipts from files, and open-items mode."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from core.errors import DomainError
from core.models import Customer, ImportRun, Order, Receipt, Receivable
from tests.importing import Importer, codes

HEAD = ["number", "customer", "received_on", "amount"]
TARGET = [*HEAD, "receivable", "order", "contract", "reverses"]


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    made = Importer(engine, tmp_path)
    made("customers", [["code", "name"], ["1", "One"], ["2", "Two"]])
    made("receivables", [
        ["number", "customer", "issued_on", "due_on", "amount", "order", "contract"],
        ["A", "1", "2026-01-01", "2026-03-01", "100", "SO1", "K1"],
        ["B", "1", "2026-01-01", "2026-02-01", "50", "SO1", "K1"],
        ["C", "1", "2026-01-01", "", "70", "SO1", "K2"],
        ["D", "2", "2026-01-01", "2026-02-01", "20", "", ""],
    ])  # fmt: skip
    return made


def left(importer: Importer) -> dict[str, int]:
    return {r.number: r.open_minor // 100 for r in importer.rows(Receivable)}


def unapplied(importer: Importer) -> dict[str, int]:
    return {r.number: r.open_minor // 100 for r in importer.rows(Receipt) if r.reversed_on is None}


def test_receipts_go_where_they_say(importer: Importer) -> None:
    rows = [
        TARGET,
        ["R1", "1", "2026-06-01", "30", "A", "", "", ""],
        ["R2", "One", "2026-06-02", "60", "", "SO1", "", ""],  # B first, then A
        ["R3", "1", "2026-06-03", "80", "", "", "K1", ""],  # 60 are left there
        ["R4", "1", "2026-06-04", "10", "D", "", "", ""],  # somebody else's
        ["R5", "1", "2026-06-04", "10", "none", "", "", ""],
        ["R6", "1", "2026-06-05", "5", "", "", "", ""],
        ["R7", "2", "2026-06-05", "25", "D", "", "", ""],
    ]
    report = importer("receipts", rows)
    assert report.created == 7 and report.clean
    assert codes(report.warnings) == [
        (4, "more_than_open"), (5, "not_this_receivable"), (6, "unknown_receivable"), (8, "more_than_open"),
    ]  # fmt: skip
    assert left(importer) == {"A": 0, "B": 0, "C": 70, "D": 0}
    assert unapplied(importer) == {"R1": 0, "R2": 0, "R3": 20, "R4": 10, "R5": 10, "R6": 5, "R7": 5}
    importer.check()
    before = importer.state()
    again = importer("receipts", rows)
    assert (again.unchanged, again.created, again.updated) == (7, 0, 0) and importer.state() == before


def test_what_an_order_of_ours_is_paid_beforehand_waits_for_its_invoice(importer: Importer) -> None:
    with importer.open_work() as work:
        customer_id = work.session.execute(select(Customer.id).where(Customer.code == "1")).scalar_one()  # type: ignore[call-overload,arg-type]
        work.session.add(Order(
            number="V-1", customer_id=customer_id, amount_minor=9000, currency="CNY", fingerprint="x", state="held",
            placed_at=importer.now,
        ))  # fmt: skip
    rows = [TARGET, ["R1", "1", "2026-06-01", "90", "", "V-1", "", ""], ["R2", "2", "2026-06-01", "90", "", "V-1", "", ""]]
    report = importer("receipts", rows)
    assert codes(report.warnings) == [(2, "order_prepaid"), (3, "more_than_open")], "it is no order of the other customer's"
    assert unapplied(importer) == {"R1": 90, "R2": 90}


def test_receipts_without_numbers_are_counted(importer: Importer) -> None:
    rows = [HEAD[1:], *[["1", "2026-06-01", "30"]] * 3, ["1", "2026-06-02", "30"]]
    assert importer("receipts", rows).created == 4
    assert importer("receipts", rows).unchanged == 4
    more = importer("receipts", [*rows, ["1", "2026/6/1", "30.00"]])
    assert (more.unchanged, more.created) == (4, 1)


def test_reversals(importer: Importer) -> None:
    file = [
        TARGET,
        ["V1", "1", "2026-06-10", "-30", "", "", "", "R1"],  # points forward
        ["R1", "1", "2026-06-01", "30", "A", "", "", ""],
        ["R2", "1", "2026-06-01", "40", "A", "", "", ""],
        ["V2", "1", "2026-06-10", "39", "", "", "", "R2"],
        ["V3", "1", "2026-05-10", "40", "", "", "", "R2"],
        ["V4", "1", "2026-06-10", "40", "", "", "", "R9"],
        ["V5", "1", "2026-06-10", "-40", "", "", "", ""],
    ]
    report = importer("receipts", file)
    assert report.created == 3
    assert codes(report.rejected) == [
        (5, "partial_reversal"), (6, "reversed_before"), (7, "unknown_receipt"), (8, "negative_amount"),
    ]  # fmt: skip
    assert left(importer)["A"] == 60
    assert importer.one(Receipt, number="R1").reversed_on == date(2026, 6, 10)
    importer.check()
    again = importer("receipts", file[:4])
    assert (again.unchanged, again.created) == (3, 0)


def test_a_changed_receipt_is_reversed_and_posted_anew(importer: Importer) -> None:
    importer("receipts", [TARGET, ["R1", "1", "2026-06-01", "30", "A", "", "", ""]])
    report = importer("receipts", [TARGET, ["R1", "1", "2026-06-02", "45", "", "", "", ""]])
    assert report.updated == 1 and codes(report.warnings) == [(2, "receipt_corrected")]
    assert left(importer)["A"] == 55
    assert importer.one(Receipt, number="R1~1").reversed_on is not None
    assert importer("receipts", [TARGET, ["R1", "1", "2026-06-02", "45", "", "", "", ""]]).unchanged == 1
    assert importer("receipts", [[*HEAD, "payer"], ["R1", "1", "2026-06-02", "45", "Boss"]]).updated == 1
    importer.check()


def test_known_to(importer: Importer) -> None:
    row = [HEAD, ["R1", "1", "2026-06-01", "30"]]
    importer("receipts", row)
    importer("receipts", row, 'source = "bank"')
    importer("receipts", row, 'source = "bank"', as_of=date(2026, 6, 30))
    runs = [(run.source, run.known_to) for run in importer.rows(ImportRun) if run.kind == "receipts"]
    assert runs == [("", None), ("bank", date(2026, 7, 1)), ("bank", date(2026, 6, 30))]


def test_other_bad_receipts(importer: Importer) -> None:
    report = importer("receipts", [HEAD, ["1", "1", "2026-06-01", "0"], ["2", "9", "2026-06-01", "1"], ["3", "1", "", "1"]])
    assert codes(report.rejected) == [(2, "zero_amount"), (3, "unknown_customer"), (4, "missing_value")]


# --- open items -----------------------------------------------------------------------------------

OPEN = 'source = "erp"\nmode = "open-items"'
ITEMS = ["number", "customer", "issued_on", "due_on", "amount", "open_amount"]


def items(*opens: int | None) -> list[list[str]]:
    rows = [[f"O{i}", "1", "2026-01-01", "2026-02-01", "100", str(o)] for i, o in enumerate(opens) if o is not None]
    return [ITEMS, *rows]


def test_open_items_that_fell_or_vanished_were_paid(importer: Importer) -> None:
    first = importer("receivables", items(100, 100, 60, 100), OPEN)
    assert first.created == 4 and importer.one(Receipt).history is True
    report = importer("receivables", items(100, 40, 60, None), OPEN, as_of=date(2026, 6, 15))
    assert (report.updated, report.unchanged, report.extra) == (1, 2, {"vanished": 1})
    assert {r.number: r.open_minor for r in importer.rows(Receivable) if r.source == "erp"} == {
        "O0": 10000, "O1": 4000, "O2": 6000, "O3": 0,
    }  # fmt: skip
    paid = {(r.number, r.amount_minor, r.received_on, r.history) for r in importer.rows(Receipt)}
    assert ("open/2026-06-15/O1", 6000, date(2026, 6, 15), False) in paid
    assert ("open/2026-06-15/O3", 10000, date(2026, 6, 15), False) in paid
    assert left(importer)["A"] == 100  # of another source
    importer.check()
    before = importer.state()
    assert importer("receivables", items(100, 40, 60, None), OPEN, as_of=date(2026, 6, 15)).unchanged == 3
    assert importer.state() == before
    assert importer.rows(ImportRun)[-1].known_to == date(2026, 6, 15)


def test_too_many_vanishing_at_once_need_a_yes(importer: Importer) -> None:
    importer("receivables", items(100, 100, 100, 100), OPEN)
    before = importer.state()
    with pytest.raises(DomainError) as caught:
        importer("receivables", items(100, 100), OPEN)
    assert (caught.value.code, caught.value.facts["vanished"], caught.value.facts["total"]) == ("import.vanished", 2, 4)
    assert importer.state() == before
    dry = importer("receivables", items(100, 100), OPEN, yes=True, dry_run=True)
    assert dry.extra == {"vanished": 2} and importer.state() == before
    assert importer("receivables", items(100, 100), OPEN, yes=True).extra == {"vanished": 2}
    importer.check()


def test_an_open_amount_that_rises_is_told(importer: Importer) -> None:
    importer("receivables", items(100, 50), OPEN)
    report = importer("receivables", items(100, 80), OPEN)
    assert (report.unchanged, codes(report.warnings)) == (2, [(3, "open_risen")])


def test_open_items_with_one_amount_column(importer: Importer) -> None:
    head = ITEMS[:5]
    importer("receivables", [head, ["O", "1", "2026-01-01", "2026-02-01", "100"]], OPEN)
    report = importer("receivables", [head, ["O", "1", "2026-01-01", "2026-02-01", "30"]], OPEN)
    assert report.updated == 1
    found = importer.one(Receivable, number="O")
    assert (found.amount_minor, found.open_minor) == (10000, 3000)
    importer.check()


def test_the_examples_go_in_as_they_are(importer: Importer) -> None:
    """And a second time, they change nothing."""
    examples = Path(__file__).parents[2] / "examples"
    kinds = ("people", "accounts", "customers", "receivables", "receipts")
    for kind in kinds:
        report = importer(kind, examples / f"{kind}.csv")
        assert report.clean and report.created == report.rows > 0, report.rejected
        assert {code for _, code in codes(report.warnings)} <= {"messenger_off"}
    importer.check()
    before = importer.state()
    for kind in kinds:
        report = importer(kind, examples / f"{kind}.csv")
        assert report.unchanged == report.rows
    assert importer.state() == before
