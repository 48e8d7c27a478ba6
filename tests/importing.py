"""For tests of the import: files from lists of rows, and an `open_work` on a test's database."""

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, Table, func, select

from core import ingest
from core.db import transaction
from core.ledger import invariants
from core.models import Person
from core.time import Calendar
from core.work import Company, Work

NOW = datetime(2026, 7, 1, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai


@dataclass
class Importer:
    """Runs imports of files it writes itself into `folder`."""

    engine: Engine
    folder: Path
    lang: str = "en"
    currency: str = "CNY"
    now: datetime = NOW
    _files: int = field(default=0)

    def open_work(self) -> AbstractContextManager[Work]:
        return self._open()

    @contextmanager
    def _open(self) -> Iterator[Work]:
        company = Company(Calendar(ZoneInfo("Asia/Shanghai")), currency=self.currency, lang=self.lang)
        with transaction(self.engine) as session:
            yield Work(session, company, self.now, actor="cli:test")

    def file(self, content: str | bytes | Sequence[Sequence[object]], name: str = "") -> Path:
        self._files += 1
        path = self.folder / (name or f"file{self._files}.csv")
        if isinstance(content, bytes):
            path.write_bytes(content)
        elif isinstance(content, str):
            path.write_text(content, encoding="utf-8", newline="")
        else:
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(content)
        return path

    def __call__(self, kind: str, content: Any, map: str = "", **options: Any) -> ingest.Report:
        """`content`: a path, text, bytes, or a list of rows. `map`: the text of a map."""
        path = content if isinstance(content, Path) else self.file(content)
        if map:
            options["map_path"] = self.folder / "map.toml"
            options["map_path"].write_text(map, encoding="utf-8")
        return ingest.run(self.open_work, kind, path, **options)

    def rows(self, model: Any, order: str = "id") -> list[Any]:
        table: Table = model.__table__
        with self._open() as work:
            return list(work.session.execute(select(table).order_by(table.c[order])))

    def one(self, model: Any, **where: Any) -> Any:
        table: Table = model.__table__
        with self._open() as work:
            return work.session.execute(select(table).filter_by(**where)).one()

    def counts(self) -> dict[str, int]:
        """How many rows each table has; what "changes nothing" is about (but for the record of the run itself)."""
        with self._open() as work:
            return {
                table.name: work.session.scalar(select(func.count()).select_from(table)) or 0
                for table in Person.metadata.sorted_tables
                if table.name not in ("import_run", "audit")
            }

    def state(self) -> dict[str, list[Any]]:
        with self._open() as work:
            return {
                table.name: [tuple(row) for row in work.session.execute(select(table))]
                for table in Person.metadata.sorted_tables
                if table.name not in ("import_run", "audit")
            }

    def check(self) -> None:
        with self._open() as work:
            assert invariants.check(work.session) == []


def codes(problems: list[dict[str, Any]]) -> list[tuple[int | None, str]]:
    return [(problem["row"], problem["code"].removeprefix("import.")) for problem in problems]


Import = Callable[..., ingest.Report]
