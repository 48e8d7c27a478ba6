"""Aging after an import equals a plain recount of the file, on any past day."""

import csv
import os
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from core.ledger.reports import aging
from core.models import Customer
from tests import ibm_like
from tests.importing import Importer

MAP = Path(__file__).parents[2] / "examples" / "ibm-late-payments.toml"
REAL = os.environ.get("HUIKUAN_IBM_CSV", "")
DAYS = [date(2012, 1, 2) + timedelta(days=step) for step in range(0, 760, 19)] + [date(2026, 7, 1)]
BUCKETS = ("not_due", "d1_30", "d31_60", "d61_90", "d90_plus")


@pytest.fixture(params=["generated", *(["real"] if REAL else [])])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param == "generated":
        return ibm_like.write(tmp_path / "ibm.csv")
    copy = tmp_path / "ibm.csv"
    copy.write_bytes(Path(REAL).read_bytes())
    return copy


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    return Importer(engine, tmp_path)


def recount(path: Path, day: date, basis: str) -> dict[str, Counter[str]]:
    """customer -> bucket -> cents, from nothing but the file."""

    def us(text: str) -> date:
        return datetime.strptime(text, "%m/%d/%Y").date()

    found: dict[str, Counter[str]] = defaultdict(Counter)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if not us(row["InvoiceDate"]) <= day < us(row["SettledDate"]):
                continue
            age = (day - us(row["DueDate" if basis == "due" else "InvoiceDate"])).days
            if basis == "invoice":
                age = max(age, 1)  # day 0 counts as 1-30
            bounds = [(0, "not_due"), (30, "d1_30"), (60, "d31_60"), (90, "d61_90")]
            bucket = next((name for last, name in bounds if age <= last), "d90_plus")
            found[row["customerID"]][bucket] += int(Decimal(row["InvoiceAmount"]) * 100)
    return found


@pytest.mark.parametrize("basis", ["due", "invoice"])
def test_aging_equals_a_plain_recount(importer: Importer, source: Path, basis: str) -> None:
    report = importer("receivables", source, map_path=MAP)
    assert report.clean and not report.warnings and report.extra == {"customers_created": 100}
    with source.open(newline="") as file:
        amounts = [Decimal(row["InvoiceAmount"]) for row in csv.DictReader(file)]
    assert report.created == report.rows == len(amounts)
    assert report.to_json()["totals"] == {"USD": {"count": len(amounts), "amount": f"{sum(amounts):.2f}"}}
    with importer.open_work() as work:
        codes = {row.id: row.code for row in work.session.execute(select(Customer.id, Customer.code))}  # type: ignore[call-overload]
        for day in DAYS:
            rows = aging(work.session, day, basis=basis)  # type: ignore[arg-type]
            assert all(row.currency == "USD" and not row.undated and not row.unapplied for row in rows)
            ours = {codes[row.key]: Counter({b: getattr(row, b) for b in BUCKETS if getattr(row, b)}) for row in rows}
            assert ours == recount(source, day, basis), day


def test_the_same_file_again_changes_nothing(importer: Importer, source: Path) -> None:
    first = importer("receivables", source, map_path=MAP)
    importer.check()
    before = importer.state()
    again = importer("receivables", source, map_path=MAP)
    assert (again.created, again.updated, again.unchanged) == (0, 0, first.rows)
    assert again.to_json()["totals"] == first.to_json()["totals"]
    assert importer.state() == before
