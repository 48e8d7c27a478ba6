"""What the rows of a chunk refer to, found with one query a chunk, not one a row."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlmodel import Session, col

from core.ingest.reasons import Reject
from core.models import Audit, Customer, Person
from core.money import digits, known_currency
from core.work import Work

_CACHE = 5_000


@dataclass(frozen=True, slots=True)
class CustomerRef:
    id: int
    code: str
    currency: str
    terms: str


@dataclass
class Customers:
    """Customers by code, then by exact name. Keeps the last few thousand between chunks."""

    company_currency: str
    create: bool = False
    source: str = ""
    created: int = 0
    _known: dict[str, CustomerRef | str] = field(default_factory=dict)  # a text instead: why it cannot be used

    def load(self, work: Work, texts: Iterable[str]) -> None:
        if len(self._known) > _CACHE:
            self._known.clear()
        missing = sorted({text for text in texts if text not in self._known})
        if not missing:
            return
        columns = (Customer.id, Customer.code, Customer.name, Customer.currency, Customer.terms)
        base = select(*columns)  # type: ignore[call-overload]
        for row in work.session.execute(base.where(col(Customer.code).in_(padded(missing)))):
            self._known[row.code] = self._ref(row)
        missing = [text for text in missing if text not in self._known]
        if missing:
            for row in work.session.execute(base.where(col(Customer.name).in_(padded(missing)))):
                twice = row.name in self._known
                self._known[row.name] = "ambiguous_customer" if twice else self._ref(row)
        missing = [text for text in missing if text not in self._known]
        if missing and self.create:
            self._create(work, missing)
        else:
            self._known.update(dict.fromkeys(missing, "unknown_customer"))

    def get(self, text: str) -> CustomerRef:
        found = self._known[text]
        if isinstance(found, str):
            raise Reject(found, "customer", text)
        return found

    def _ref(self, row: Any) -> CustomerRef:
        return CustomerRef(row.id, row.code, row.currency or self.company_currency, row.terms)

    def _create(self, work: Work, codes: list[str]) -> None:
        from core.search import index_text

        rows = [
            {"code": code, "name": code, "search": index_text(code, code), "source": self.source} for code in codes
        ]
        ids = insert_ids(work.session, Customer, rows)
        for code, made in zip(codes, ids, strict=True):
            self._known[code] = CustomerRef(made, code, self.company_currency, "")
        audit_many(work, "customer.created", "customer", [(made, made, {"by": "import"}) for made in ids])
        self.created += len(ids)


@dataclass
class People:
    """Everybody, by handle, then by name if only one person has it. People are few."""

    _handles: dict[str, int] = field(default_factory=dict)
    _names: dict[str, int | None] = field(default_factory=dict)

    @classmethod
    def load(cls, session: Session) -> "People":
        found = cls()
        rows = session.execute(select(Person.id, Person.handle, Person.name))  # type: ignore[call-overload]
        for row in rows:
            found.add(row.id, row.handle, row.name)
        return found

    def add(self, person_id: int, handle: str, name: str) -> None:
        self._handles[handle.casefold()] = person_id
        if self._names.get(name, person_id) != person_id:
            self._names[name] = None
        else:
            self._names[name] = person_id

    def copy(self) -> "People":
        return People(dict(self._handles), dict(self._names))

    def of_handle(self, handle: str) -> int | None:
        return self._handles.get(handle.casefold())

    def get(self, text: str, column: str) -> int:
        found = self._handles.get(text.removeprefix("@").casefold())
        if found is None:
            if text in self._names and self._names[text] is None:
                raise Reject("ambiguous_person", column, text)
            found = self._names.get(text)
        if found is None:
            raise Reject("unknown_person", column, text)
        return found


def padded(values: Iterable[Any]) -> list[Any]:
    """For IN lists: repeats the last value up to a power of two.

    Each length is a statement of its own, and drivers keep over a hundred of them prepared: megabytes, for long lists.
    """
    kept = list(values)
    return kept + kept[-1:] * ((1 << (len(kept) - 1).bit_length()) - len(kept)) if kept else kept


class Currencies:
    """Checked currency codes with their digits."""

    def __init__(self) -> None:
        self._digits: dict[str, int | None] = {}

    def digits(self, code: str) -> int:
        if code not in self._digits:
            self._digits[code] = digits(code) if known_currency(code) else None
        found = self._digits[code]
        if found is None:
            raise Reject("unknown_currency", "currency", code)
        return found


def insert_ids(session: Session, model: Any, rows: list[dict[str, Any]]) -> list[int]:
    """Inserts rows that all have the same keys; their ids in the same order."""
    table = model.__table__
    if not rows:
        return []
    if session.get_bind().dialect.name == "sqlite":
        # Its RETURNING promises no order, so rows would go in one by one. There is only one writer: count the ids.
        first = (session.scalar(select(func.max(table.c.id))) or 0) + 1
        ids = list(range(first, first + len(rows)))
        session.execute(insert(table), [{"id": made, **row} for made, row in zip(ids, rows, strict=True)])
        return ids
    statement = insert(table).returning(table.c.id, sort_by_parameter_order=True)
    return [int(made) for made in session.execute(statement, rows).scalars()]


def audit_many(
    work: Work, action: str, subject: str, items: Collection[tuple[int, int | None, dict[str, Any]]]
) -> None:
    """One audit row for each (subject id, customer id, data)."""
    if items:
        shared = {
            "at": work.now, "actor": work.actor, "person_id": work.person_id, "channel": work.channel,
            "action": action, "subject": subject,
        }  # fmt: skip
        rows = [{**shared, "subject_id": i, "customer_id": customer, "data": data} for i, customer, data in items]
        work.session.execute(insert(Audit.__table__), rows)  # type: ignore[attr-defined]


def plain(value: Any) -> Any:
    """A value for the JSON of an audit row."""
    return value.isoformat() if isinstance(value, date) else value


def write_changes(session: Session, table: Table, changes: dict[int, dict[str, Any]]) -> None:
    """One statement for all rows in which the same columns change."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row_id, new in changes.items():
        groups[tuple(sorted(new))].append({"row_id": row_id, **{f"new_{name}": new[name] for name in new}})
    for names, rows in groups.items():
        statement = update(table).where(table.c.id == bindparam("row_id"))
        session.connection().execute(statement.values({name: bindparam(f"new_{name}") for name in names}), rows)
    if changes:
        session.expire_all()
