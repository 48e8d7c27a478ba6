"""Bad input gets a clear error and loses nothing."""

import csv
from pathlib import Path

import pytest
from sqlalchemy import Engine

from core import ingest
from core.errors import ConfigError, DomainError
from core.ingest.reasons import _FILES, _ROWS
from core.models import Customer, ImportRun, Receivable
from tests.importing import Importer, codes

HEAD = ["number", "customer", "issued_on", "due_on", "amount", "currency"]
GOOD = ["G1", "C1", "2026-06-01", "2026-07-01", "100", ""]


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    made = Importer(engine, tmp_path)
    made("customers", [["code", "name"], ["C1", "One"], ["C2", "Twin"], ["C3", "Twin"]])
    return made


BAD_CELLS = [
    ("amount", "1.234,56", "bad_amount"), ("amount", "-5", "negative_amount"), ("amount", "1e9", "bad_amount"),
    ("amount", "NaN", "bad_amount"), ("amount", "Infinity", "bad_amount"), ("amount", "1.005", "precision"),
    ("amount", "1.500", "precision"), ("amount", "(5)", "bad_amount"), ("amount", "", "missing_value"),
    ("amount", "9999999999999999", "too_large"), ("amount", "五", "bad_amount"), ("amount", "1,23,456", "bad_amount"),
    ("due_on", "31/02", "bad_date"), ("due_on", "31/02/2026", "bad_date"), ("due_on", "2026-02-30", "bad_date"),
    ("due_on", "tomorrow", "bad_date"), ("due_on", "0026-07-01", "bad_date"), ("due_on", "1-7-26", "bad_date"),
    ("customer", "C9", "unknown_customer"), ("customer", "Twin", "ambiguous_customer"), ("customer", "", "missing_value"),
    ("currency", "XYZ", "unknown_currency"), ("number", "", "missing_value"), ("number", "9" * 101, "too_long"),
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("column", "value", "code"), BAD_CELLS)
def test_one_bad_cell_rejects_its_row_only(importer: Importer, column: str, value: str, code: str) -> None:
    bad = ["B1", *GOOD[1:]]
    bad[HEAD.index(column)] = value
    file = importer.file([HEAD, GOOD, bad, ["G2", *GOOD[1:]]])
    report = importer("receivables", file)
    assert (report.rows, report.created) == (3, 2)
    assert codes(report.rejected) == [(3, code)]
    found = report.rejected[0]
    assert found["column"] == column and found["value"] == value and found["reason"]
    with Path(str(file) + ".rejected.csv").open(encoding="utf-8-sig", newline="") as rejected:
        assert list(csv.reader(rejected)) == [[*HEAD, "reason"], [*bad, found["reason"]]]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ("1,234.56", 123456), ("¥1,234.50", 123450), ("１２３４．５", 123450), (" 1 234 ", 123400), ("12.5000", 1250),
        ("88元", 8800),
    ],
)  # fmt: skip
def test_amounts_as_machines_write_them(importer: Importer, written: str, minor: int) -> None:
    assert importer("receivables", [HEAD, [*GOOD[:4], written, ""]]).clean
    assert importer.one(Receivable).amount_minor == minor


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "written", ["2026-07-02", "2026/7/2", "2026.07.02", "2026年7月2日", "20260702", "2026-07-02 00:00:00"]
)
def test_dates_as_machines_write_them(importer: Importer, written: str) -> None:
    assert importer("receivables", [HEAD, [*GOOD[:3], written, *GOOD[4:]]]).clean
    assert importer.one(Receivable).due_on.isoformat() == "2026-07-02"


def test_duplicates_inside_one_file(importer: Importer) -> None:
    rows = [[f"N{i}", *GOOD[1:]] for i in range(1500)]
    report = importer("receivables", [HEAD, *rows, ["N3", *GOOD[1:]], ["N1499", *GOOD[1:]], ["N3", *GOOD[1:]]])
    assert report.created == 1500
    assert codes(report.rejected) == [(1502, "duplicate"), (1503, "duplicate"), (1504, "duplicate")]
    assert "row 5" in report.rejected[0]["reason"]
    assert importer("receivables", [HEAD, *rows]).unchanged == 1500


def test_more_cells_than_columns(importer: Importer) -> None:
    text = "number,customer,issued_on,amount\nA,C1,2026-06-01,1,234.56\nB,C1,2026-06-01,5\n\n,,,\n"
    report = importer("receivables", text)
    assert codes(report.rejected) == [(2, "too_many_cells")] and report.rows == 2 and report.created == 1


def test_rejected_rows_are_safe_in_a_spreadsheet_and_come_back_as_they_were(importer: Importer) -> None:
    file = importer.file([HEAD, ["=1+1", "C9", "2026-06-01", "2026-07-01", "-5", ""], ["@x", "C9", *GOOD[2:]]])
    importer("receivables", file)
    path = Path(str(file) + ".rejected.csv")
    with path.open(encoding="utf-8-sig", newline="") as rejected:
        lines = list(csv.reader(rejected))
    assert [line[0] for line in lines[1:]] == ["'=1+1", "'@x"] and lines[1][4] == "-5"
    importer("customers", [["code", "name"], ["C9", "Nine"]])
    again = importer("receivables", path)
    assert codes(again.rejected) == [(2, "negative_amount")] and not again.warnings
    assert importer.one(Receivable).number == "@x"


def refused(importer: Importer, *args: object, **options: object) -> DomainError:
    before = importer.state()
    with pytest.raises(DomainError) as caught:
        importer(*args, **options)
    assert importer.state() == before
    assert caught.value.facts["message"] and caught.value.facts["hint"]
    return caught.value


def test_a_date_that_does_not_fit_the_order_of_the_map_rejects_its_row(importer: Importer) -> None:
    text = "number,customer,issued_on,amount\nA,C1,2026/1/2,5\nB,C1,03/04/2026,5\n"
    report = importer("receivables", text, 'date_order = "YMD"\ncreate_customers = true')
    assert report.created == 1 and codes(report.rejected) == [(3, "bad_date")]


def test_files_refused_as_a_whole(importer: Importer) -> None:
    text = "number,customer,issued_on,amount\nA,C1,1/2/2026,5\n"
    error = refused(importer, "receivables", text)
    assert error.code == "import.ambiguous_dates" and "date_order" in str(error.facts["hint"])
    error = refused(importer, "receivables", "number,kunde,issued_on,amount\n")
    assert error.code == "import.missing_column" and error.facts["column"] == "customer"
    assert error.facts["found"] == "number, kunde, issued_on, amount"
    assert refused(importer, "receivables", "number,customer,amount\n").code == "import.missing_column"
    assert refused(importer, "receivables", "").code == "import.empty"
    assert refused(importer, "receivables", "number,number,customer\n").code == "import.duplicate_column"
    unclosed = 'number,customer,issued_on,amount\n"A,C1,2026-06-01,5\n'
    assert refused(importer, "receivables", unclosed).code == "import.bad_csv"
    assert refused(importer, "receivables", b"number,customer\n\xff\xfe\x00").code == "import.encoding"
    assert refused(importer, "receivables", "code,name\n1,Müller Straße Größe\n".encode("latin-1")).code == "import.encoding"
    cut = "code,name\n1,华兴商贸有限公司\n".encode()[:-2] + b"\n"  # in the middle of a character
    assert refused(importer, "customers", cut).code == "import.encoding"
    assert refused(importer, "receivables", b"PK\x03\x04nonsense").code == "import.bad_workbook"
    assert refused(importer, "receivables", importer.folder / "none.csv").code == "import.no_file"
    assert refused(importer, "quotes", text).code == "import.unknown_kind"


@pytest.mark.parametrize(
    ("map", "code"),
    [
        ('kin = "receivables"', "map_unknown_key"), ('kind = "receipts"', "map_kind"), ("kind = ", "map_syntax"),
        ('[columns]\nnumer = "x"', "map_unknown_key"), ('[columns]\nnumber = "x"', "mapped_column_missing"),
        ('date_order = "DYM"', "map_bad_value"), ('mode = "delete"', "map_bad_value"), ("rounding = 1", "map_bad_value"),
        ("[values.number]\npad = -1", "map_bad_value"), ('encoding = "klingon"', "map_bad_value"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_bad_maps(importer: Importer, map: str, code: str) -> None:
    error = refused(importer, "receivables", [HEAD, GOOD], map)
    assert error.code == f"import.{code}"
    assert isinstance(error, ConfigError) or code == "mapped_column_missing"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_encodings_are_found_out(importer: Importer, encoding: str) -> None:
    report = importer("customers", "code,name,address\n01,华兴商贸有限公司,上海市\n".encode(encoding))
    assert report.created == 1 and importer.one(Customer, code="01").name == "华兴商贸有限公司"


def test_a_dry_run_says_the_same_and_writes_nothing(importer: Importer) -> None:
    file = importer.file([HEAD, GOOD, ["B", "C9", *GOOD[2:]]])
    before = importer.state()
    dry = importer("receivables", file, dry_run=True)
    assert importer.state() == before and len(importer.rows(ImportRun)) == 1
    assert not Path(str(file) + ".rejected.csv").exists()
    real = importer("receivables", file)
    assert (dry.created, dry.rejected, dry.totals) == (real.created, real.rejected, real.totals)
    assert len(importer.rows(ImportRun)) == 2


def test_reasons_come_in_both_languages(importer: Importer) -> None:
    importer.lang = "zh"
    report = importer("receivables", [HEAD, ["B", "C9", *GOOD[2:]]])
    assert report.rejected[0]["reason"].startswith("没有客户「C9」")
    for texts in (*_ROWS.values(), *_FILES.values()):
        assert all(texts) and any("\u4e00" <= c <= "\u9fff" for c in texts[0])


def test_progress_and_columns(importer: Importer) -> None:
    seen: list[tuple[int, int | None]] = []
    report = importer(
        "receivables", [[*HEAD, "colour"], *([f"N{i}", *GOOD[1:], "red"] for i in range(1100))],
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(0, 1100), (1000, 1100), (1100, 1100)]
    assert codes(report.warnings) == [(None, "unused_columns")]
    assert set(ingest.COLUMNS) == set(ingest.KINDS)
