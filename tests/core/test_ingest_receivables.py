"""Receivables from files: terms, history, credit notes, and what a second import does."""

from datetime import date
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import Engine

from core.ingest.terms import due_date, parse_terms
from core.models import Audit, CreditNote, Customer, Dispute, Receipt, Receivable
from tests.importing import Importer, codes

HEAD = ["number", "customer", "issued_on", "due_on", "amount"]


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    made = Importer(engine, tmp_path)
    made("people", [["handle", "name"], ["li", "李雷"]])
    made("customers", [["code", "name", "terms", "currency"], ["001", "甲公司", "月结30", ""], ["002", "Yi Ltd", "", "USD"]])
    return made


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("30", "2026-06-14"), ("net 30", "2026-06-14"), ("NET45", "2026-06-29"), ("开票后60天", "2026-07-14"),
        ("月结30", "2026-06-30"), ("月结60天", "2026-07-30"), ("EOM+15", "2026-06-15"), ("月结", "2026-05-31"),
        ("发货后30天", None), ("30 days after delivery", None), ("现结", "2026-05-15"), ("2/10 net 30", "?"),
    ],
)  # fmt: skip
def test_terms(text: str, due: str | None) -> None:
    terms = parse_terms(text)
    if terms is None:
        assert due == "?"
        return
    found = due_date(terms, date(2026, 5, 15), None)
    assert (found.isoformat() if found else None) == due
    if terms.event:
        assert due_date(terms, date(2026, 5, 15), date(2026, 6, 1)) == date(2026, 7, 1)


def test_due_dates_from_terms(importer: Importer) -> None:
    report = importer("receivables", [
        [*HEAD, "terms", "event", "event_on"],
        ["1", "001", "2026-05-15", "", "1", "", "", ""],  # the customer's terms
        ["2", "001", "2026-05-15", "", "1", "30", "", ""],
        ["3", "001", "2026-05-15", "2026-07-01", "1", "30", "", ""],  # due_on wins, flagged
        ["4", "002", "2026-05-15", "", "1", "", "", ""],  # undated
        ["5", "001", "2026-05-15", "", "1", "发货后30天", "", ""],
        ["6", "001", "2026-05-15", "", "1", "30", "acceptance", "2026-06-10"],
        ["7", "001", "2026-05-15", "", "1", "as agreed", "", ""],
        ["8", "001", "", "2026-08-01", "1", "", "", ""],  # no issue date
    ])  # fmt: skip
    assert report.clean and codes(report.warnings) == [(4, "terms_mismatch"), (8, "unknown_terms")]
    found = {r.number: r for r in importer.rows(Receivable)}
    due = {number: r.due_on.isoformat() if r.due_on else None for number, r in found.items()}
    assert due == {
        "1": "2026-06-30", "2": "2026-06-14", "3": "2026-07-01", "4": None, "5": None, "6": "2026-07-10", "7": None,
        "8": "2026-08-01",
    }  # fmt: skip
    assert found["5"].event == "shipment" and found["4"].currency == "USD" and found["8"].issued_on == date(2026, 7, 1)
    again = importer("receivables", [[*HEAD, "event_on"], ["5", "001", "2026-05-15", "", "1", "2026-06-20"]])
    assert again.updated == 1


def test_the_event_makes_it_due(importer: Importer) -> None:
    head = [*HEAD, "terms", "event_on"]
    importer("receivables", [head, ["5", "001", "2026-05-15", "", "1", "发货后30天", ""]])
    assert importer("receivables", [head, ["5", "001", "2026-05-15", "", "1", "发货后30天", ""]]).unchanged == 1
    assert importer("receivables", [head, ["5", "001", "2026-05-15", "", "1", "发货后30天", "2026-06-20"]]).updated == 1
    assert importer.one(Receivable).due_on == date(2026, 7, 20)


ROWS = [
    [*HEAD, "kind", "open_amount", "settled_on", "order", "owner"],
    ["A", "001", "2026-01-05", "2026-02-05", "100.00", "", "", "2026-03-01", "SO1", "li"],
    ["B", "甲公司", "2026-01-05", "2026-02-05", "100", "invoice", "40", "", "", ""],
    ["C", "001", "2026-01-05", "", "-30", "credit_note", "", "", "", ""],
    ["D", "002", "2026-01-05", "2026-02-05", "70", "debit_note", "", "", "", ""],
    ["E", "001", "2026-01-05", "2026-02-05", "0", "", "", "", "", ""],
]


def test_history_and_credit_notes(importer: Importer) -> None:
    report = importer("receivables", ROWS)
    assert (report.created, report.rejected, report.warnings) == (5, [], [])
    assert report.to_json()["totals"] == {
        "CNY": {"count": 4, "amount": "170.00"}, "USD": {"count": 1, "amount": "70.00"},
    }  # fmt: skip
    found = {r.number: r for r in importer.rows(Receivable)}
    assert {n: r.open_minor for n, r in found.items()} == {"A": 0, "B": 4000, "D": 7000, "E": 0}
    assert found["A"].settled_on == date(2026, 3, 1) and found["A"].order_no == "SO1" and found["A"].owner_id
    assert {(r.number, r.amount_minor, r.received_on.isoformat(), r.history) for r in importer.rows(Receipt)} == {
        ("settled/A", 10000, "2026-03-01", True), ("settled/B", 6000, "2026-07-01", True),
    }  # fmt: skip
    note = importer.one(CreditNote)
    assert (note.number, note.amount_minor, note.open_minor) == ("C", 3000, 3000)
    importer.check()
    before = importer.state()
    again = importer("receivables", ROWS)
    assert (again.created, again.updated, again.unchanged, again.warnings) == (0, 0, 5, [])
    assert importer.state() == before and again.totals == report.totals


def test_what_a_changed_row_does(importer: Importer) -> None:
    importer("receivables", ROWS)
    report = importer("receivables", [
        [*HEAD, "kind", "settled_on", "product"],
        ["A", "001", "", "2026-02-06", "120", "", "", "阀门"],  # adjusted, moved, named
        ["B", "001", "2026-01-05", "", "50", "", "", ""],  # 60 are paid
        ["C", "001", "2026-01-05", "", "-31", "credit_note", "", ""],
        ["D", "001", "2026-01-05", "", "70", "", "", ""],  # another customer
        ["D2", "002", "2026-01-05", "2026-02-05", "5", "", "", ""],
    ])  # fmt: skip
    assert codes(report.rejected) == [(3, "below_allocated"), (4, "credit_note_changed"), (5, "other_customer")]
    assert (report.updated, report.created) == (1, 1)
    a = importer.one(Receivable, number="A")
    assert (a.amount_minor, a.open_minor, a.due_on, a.product, a.issued_on) == (
        12000, 2000, date(2026, 2, 6), "阀门", date(2026, 1, 5),
    )  # fmt: skip
    assert importer.one(Receivable, number="D").kind == "debit_note"
    importer.check()
    assert {"receivable.adjusted", "receivable.updated"} <= {audit.action for audit in importer.rows(Audit)}
    settled = importer("receivables", [[*HEAD, "settled_on"], ["A", "001", "2026-01-05", "2026-02-06", "120", "2026-06-30"]])
    assert settled.updated == 1 and importer.one(Receivable, number="A").open_minor == 0
    assert importer.one(Receipt, number="settled/A/2").history is False
    importer.check()


def test_what_was_edited_here_wins(importer: Importer) -> None:
    importer("receivables", ROWS)
    known = importer.one(Receivable, number="B")
    with importer.open_work() as work:
        b = work.session.get_one(Receivable, known.id)
        b.due_on, b.edited = date(2026, 9, 1), ["due_on"]
        work.session.add(b)
    report = importer("receivables", [HEAD, ["B", "001", "2026-01-06", "2026-02-05", "100"]])
    assert (report.unchanged, codes(report.warnings)) == (1, [(2, "edited_wins"), (2, "issued_on_kept")])
    assert "2026-09-01" in report.warnings[0]["reason"]
    assert importer.one(Receivable, number="B").due_on == date(2026, 9, 1)


def test_receivables_carry_tags(importer: Importer) -> None:
    head = [*HEAD, "tags"]
    importer("receivables", [head, ["I1", "001", "2026-05-01", "2026-06-01", "10.00", "低利润;大额"],
                             ["I2", "001", "2026-05-01", "2026-06-01", "10.00", ""]])  # fmt: skip
    assert [importer.one(Receivable, number=number).tags for number in ("I1", "I2")] == [["低利润", "大额"], []]
    report = importer("receivables", [head, ["I1", "001", "2026-05-01", "2026-06-01", "10.00", "低利润;大额"],
                                      ["I2", "001", "2026-05-01", "2026-06-01", "10.00", "低利润"]])  # fmt: skip
    assert (report.updated, report.unchanged) == (1, 1)
    assert importer.one(Receivable, number="I2").tags == ["低利润"]
    importer("receivables", [HEAD, ["I2", "001", "2026-05-01", "2026-06-01", "10.00"]])
    assert importer.one(Receivable, number="I2").tags == ["低利润"], "a file without the column changes nothing of it"


def test_two_sources_have_their_own_numbers(importer: Importer) -> None:
    row = ["A", "001", "2026-01-05", "2026-02-05", "100"]
    for source in ("erp", "shop"):
        assert importer("receivables", [HEAD, row], f'source = "{source}"').created == 1
    assert [r.source for r in importer.rows(Receivable)] == ["erp", "shop"]


def test_maps_rename_replace_pad_and_round(importer: Importer) -> None:
    map = """
        rounding = true
        create_customers = true
        date_order = "DMY"
        [columns]
        number = "Beleg"
        customer = "Kunde"
        issued_on = "Datum"
        amount = "Betrag"
        kind = "Art"
        [constants]
        currency = "EUR"
        [values.customer]
        pad = 5
        "Meyer" = "77"
        [values.kind]
        RE = "invoice"
        GS = "credit_note"
    """
    report = importer("receivables", [
        ["Beleg", "Kunde", "Datum", "Betrag", "Art", "disputed"],
        ["1", "12", "31/01/2026", "10.004", "RE", "x"],
        ["2", "Meyer", "1.2.2026", "10.007", "RE", "x"],
        ["3", "Meyer", "2026-02-01", "-1", "GS", "x"],
    ], map)  # fmt: skip
    assert report.created == 3 and report.extra == {"customers_created": 2}
    assert report.to_json()["rounded"] == {"rows": 2, "difference": "-0.001"}
    assert {c.code for c in importer.rows(Customer)} >= {"00012", "00077"}
    assert [r.issued_on.isoformat() for r in importer.rows(Receivable)] == ["2026-01-31", "2026-02-01"]


def test_workbooks(importer: Importer) -> None:
    path = importer.folder / "book.xlsx"
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd"})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, [*HEAD, "product"])
    for line, (number, amount) in enumerate([("007", 0.1 + 0.2), (8, 1234.5), ("009", 3.333), ("010", "1,234.56")], 1):
        sheet.write_row(line if line < 4 else 6, 0, [number, "001"])
        sheet.write_datetime(line if line < 4 else 6, 2, date(2026, 6, 1))
        sheet.write(line if line < 4 else 6, 3, "2026/7/1")
        sheet.write(line if line < 4 else 6, 4, amount)
    sheet.write_row(7, 0, ["011", "nobody", "2026-06-01", "", 5])
    book.close()
    report = importer("receivables", path)
    assert codes(report.rejected) == [(4, "precision"), (8, "unknown_customer")]
    found = {r.number: (r.amount_minor, r.issued_on.isoformat(), r.due_on.isoformat()) for r in importer.rows(Receivable)}
    assert found == {
        "007": (30, "2026-06-01", "2026-07-01"), "8": (123450, "2026-06-01", "2026-07-01"),
        "010": (123456, "2026-06-01", "2026-07-01"),
    }  # fmt: skip
    assert importer("receivables", path).unchanged == 3


def test_future_dates_are_told_once(importer: Importer) -> None:
    rows = [[f"F{i}", "001", "2027-01-01", "2027-02-01", "1"] for i in range(3)]
    report = importer("receivables", [HEAD, *rows])
    assert report.created == 3 and codes(report.warnings) == [(2, "future_dates")]


def test_old_debts_begin_as_asked(importer: Importer) -> None:
    importer("receivables", [HEAD, ["A", "001", "2026-01-05", "2026-02-05", "100"]], start="first")
    assert importer.one(Receivable).start == "first"


def test_a_disputed_row_leaves_dunning_once(importer: Importer) -> None:
    head = [*HEAD, "disputed"]
    rows = [["A", "001", "2026-06-01", "2026-07-01", "100", "yes"], ["B", "001", "2026-06-01", "2026-07-01", "100", "no"]]
    for _ in range(2):
        report = importer("receivables", [head, *rows])
        assert report.clean and not report.warnings
        assert importer.one(Dispute).amount_minor == 10000
    importer("receivables", [head, ["C", *rows[0][1:5], "99.50"]])
    assert [d.amount_minor for d in importer.rows(Dispute)] == [10000, 9950]
