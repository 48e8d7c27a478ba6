"""`run`: one file into the database. The one place in core that commits, a thousand rows at a time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy.exc import IntegrityError

from core.errors import DomainError
from core.ingest import open_items
from core.ingest.context import Item, OpenWork, Run
from core.ingest.customers import CustomersLoader
from core.ingest.figures import FiguresLoader
from core.ingest.files import open_table
from core.ingest.group_limits import GroupLimitsLoader
from core.ingest.insurance import InsuranceLoader
from core.ingest.maps import KINDS, load_map
from core.ingest.orders import OrdersLoader
from core.ingest.people import AccountsLoader, PeopleLoader
from core.ingest.reasons import Reject, refusal
from core.ingest.receipts import ReceiptsLoader
from core.ingest.receivables import Receivables
from core.ingest.records import RowParser
from core.ingest.report import RejectFile, Report
from core.ingest.risk_events import RiskEventsLoader
from core.ingest.scan import KEYS, Scan, blank, fold, scan
from core.ingest.shipments import ShipmentsLoader
from core.models import ImportRun
from core.work import Work

CHUNK = 1000
# People refer to each other: they go in together. Each order is judged under its customer's lock, which nobody else may be
# waiting for while the next one is judged; a group's limit is set under the locks of all its customers.
_SIZES = {"people": 1_000_000_000, "orders": 1, "group-limits": 1}
_TRIES = 3  # to find a customer's group as it was a moment ago
_KEPT = 100  # rejected rows and warnings that the record of the run keeps

Progress = Callable[[int, int | None], None]


class Loader(Protocol):
    def load(self, work: Work, items: Sequence[Item]) -> None: ...


LOADERS: dict[str, Callable[[Run], Loader]] = {
    "people": PeopleLoader,
    "accounts": AccountsLoader,
    "customers": CustomersLoader,
    "receivables": Receivables,
    "receipts": ReceiptsLoader,
    "risk-events": RiskEventsLoader,
    "orders": OrdersLoader,
    "shipments": ShipmentsLoader,
    "insurance": InsuranceLoader,
    "group-limits": GroupLimitsLoader,
    "figures": FiguresLoader,
}


class _Undo(Exception):
    """Ends a dry run."""


def run(
    open_work: OpenWork,
    kind: str,
    path: str | Path,
    *,
    map_path: str | Path | None = None,
    dry_run: bool = False,
    start: str = "today",
    as_of: date | None = None,
    yes: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Imports a file. `open_work()` opens one transaction that commits at its end, or rolls back on an error.

    Raises DomainError or ConfigError `import.*` if the file as a whole cannot go in; then nothing is written.
    Rows that cannot go in are in the report and in FILE.rejected.csv. A dry run does it all and takes it back.
    """
    path = Path(path)
    with open_work() as work:
        company, today = work.company, work.today
    lang = company.lang
    if kind not in KINDS:
        raise refusal("unknown_kind", lang, config=True, kind=kind, allowed=", ".join(KINDS))
    filemap = load_map(Path(map_path) if map_path else None, kind, lang)
    table = open_table(path, lang, encoding=filemap.encoding, sheet=filemap.sheet)
    parser = RowParser(table, filemap, lang, company.profile)
    seen = scan(table, parser, filemap, lang)
    report = Report(kind, lang, rows=seen.rows, dry_run=dry_run)
    with RejectFile(path, table.columns, keep=not dry_run) as rejects:
        context = Run(company, filemap, report, rejects, start, as_of or today)
        if parser.unused:
            report.warn(None, "unused_columns", "", "", columns=", ".join(parser.unused))
        items = _items(table.rows(), parser, context, seen)
        with _taken_back(open_work) if dry_run else nullcontext(_lean(open_work)) as opener:
            _load(opener, items, context, seen, yes=yes, progress=progress)
        context.finish(today)
        report.rejected_file = rejects.name
    if not dry_run:
        with open_work() as work:
            record(work, context)
    return report


def _items(
    rows: Iterator[tuple[int, list[Any]]], parser: RowParser, context: Run, seen: Scan
) -> Iterator[Item | None]:
    """Every row of the file that is not blank; None for one that is rejected."""
    kind = context.filemap.kind
    columns = KEYS[kind]
    first_rows: dict[str, int] = {}
    for number, cells in rows:
        if blank(cells):
            continue
        try:
            row = parser.parse(cells)
            if seen.repeated:
                key = fold(kind, "\0".join([str(row.get(column, "")) for column in columns]))
                if key and hash(key) in seen.repeated:
                    first = first_rows.setdefault(key, number)
                    if first != number:
                        raise Reject("duplicate", columns[0], row[columns[0]], first=first)
        except Reject as error:
            context.reject(number, cells, error)
            yield None
        else:
            yield Item(number, cells, row)


def _load(
    open_work: OpenWork,
    items: Iterator[Item | None],
    context: Run,
    seen: Scan,
    *,
    yes: bool,
    progress: Progress | None,
) -> None:
    kind, lang = context.filemap.kind, context.company.lang
    gone: list[int] = []
    if context.filemap.mode == "open-items":
        with open_work() as work:
            gone = open_items.check(work.session, context, open_items.Present(seen.hashes), yes=yes, lang=lang)
    loader = LOADERS[kind](context)
    done = 0
    size = _SIZES.get(kind, CHUNK)
    if progress:
        progress(0, seen.rows)
    while chunk := list(islice(items, size)):
        good = [item for item in chunk if item is not None]
        if good:
            _load_chunk(open_work, loader, good, lang)
        context.write_rejects()
        done += len(chunk)
        if progress:
            progress(done, seen.rows)
    if isinstance(loader, ReceiptsLoader):
        with open_work() as work:
            loader.finish(work)
        context.write_rejects()
    if gone:
        open_items.settle(open_work, context, gone)


def _load_chunk(open_work: OpenWork, loader: Loader, items: list[Item], lang: str) -> None:
    for last in (*(False,) * (_TRIES - 1), True):
        try:
            with open_work() as work:
                loader.load(work, items)
            return
        except IntegrityError as error:
            raise refusal("conflict", lang) from error
        except DomainError as error:
            if error.code != "credit.group_moved" or last:
                raise


def _lean(open_work: OpenWork) -> OpenWork:
    """With little page cache on SQLite: an import reads nearly nothing twice, and must not grow with the file."""

    @contextmanager
    def opener() -> Iterator[Work]:
        with open_work() as work:
            connection = work.session.connection()
            if connection.dialect.name != "sqlite":
                yield work
                return
            before = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
            connection.exec_driver_sql("PRAGMA cache_size=-4096")
            yield work
            connection.exec_driver_sql(f"PRAGMA cache_size={int(before)}")

    return opener


@contextmanager
def _taken_back(open_work: OpenWork) -> Iterator[OpenWork]:
    """One transaction for everything, rolled back at the end."""

    @contextmanager
    def same(work: Work) -> Iterator[Work]:
        yield work
        work.session.flush()

    try:
        with open_work() as work:

            def opener() -> AbstractContextManager[Work]:
                return same(work)

            yield opener
            raise _Undo
    except _Undo:
        pass


def record(work: Work, context: Run) -> None:
    """That the run took place. `known_to`: up to which day receipts are complete now (only where a source is named)."""
    kind, source = context.filemap.kind, context.source
    complete = (kind == "receipts" and source != "") or context.filemap.mode == "open-items"
    shown = context.report.to_json()
    for name in ("rejected", "warnings"):
        shown[name] = shown[name][:_KEPT]
    made = ImportRun(kind=kind, source=source, at=work.now, known_to=context.as_of if complete else None, report=shown)
    work.session.add(made)
    work.session.flush()
    counts = {name: shown[name] for name in ("rows", "created", "updated", "unchanged")}
    work.audit("import.done", "import_run", made.id, None, kind=kind, source=source, **counts)
