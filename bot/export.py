"""Export: the columns of the import, with balances as of a date, as CSV or XLSX that no spreadsheet takes for formulas."""

import csv
import sys
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, String, and_, bindparam, case, cast, func, select
from sqlmodel import Session, SQLModel

from bot.card import Lang
from core.errors import ConfigError
from core.ingest import COLUMNS, safe_cell
from core.money import Money, digits, format_major

Cell = str | date | Money | None
Row = list[Cell]

# What the import has no column for, but a reader wants to see.
_MORE = {
    "receipts": ("open_amount",), "receivables": (), "customers": (), "people": (),
    "orders": ("source", "placed_at", "state", "decided_at", "shipped", "invoiced", "settled", "open_amount", "reasons"),
}  # fmt: skip


def collect(
    session: Session, kind: str, as_of: date, currency: str, zone: ZoneInfo, lang: Lang = "zh"
) -> tuple[list[str], list[Row]]:
    """Columns and rows. `currency` is the company's, for customers without one; `zone`, too: that of instants. `lang`: of
    what is said in words, why an order is held."""
    import core.models  # noqa: F401  # registers the tables

    columns = [*COLUMNS[kind], *_MORE[kind]]
    made = {"receivables": _receivables, "customers": _customers, "receipts": _receipts, "people": _people}
    found = _orders(session, as_of, zone, lang) if kind == "orders" else made[kind](session, as_of, currency)
    return columns, [[row.get(column) for column in columns] for row in found]


def _tables() -> Any:
    return SQLModel.metadata.tables


def _later(credit: str, as_of: date) -> Any:
    """Entries on unapplied credit that took effect after `as_of`, summed up by the credit they belong to."""
    entry = _tables()["entry"]
    amount = cast(func.sum(entry.c.amount_minor), BigInteger).label("amount")
    wanted = entry.c.receivable_id.is_(None) & entry.c[credit].is_not(None) & (entry.c.effective_on > as_of)
    return select(entry.c[credit].label("subject"), amount).where(wanted).group_by(entry.c[credit]).subquery()


def _handles(session: Session) -> dict[int, str]:
    person = _tables()["person"]
    return {row.id: row.handle for row in session.execute(select(person.c.id, person.c.handle))}


def _receivables(session: Session, as_of: date, _currency: str) -> list[dict[str, Cell]]:
    tables = _tables()
    r, c, entry, cover = tables["receivable"], tables["customer"], tables["entry"], tables["cover"]
    amount = cast(func.sum(entry.c.amount_minor), BigInteger).label("amount")
    after = (entry.c.effective_on > as_of) & entry.c.receivable_id.is_not(None)
    later = select(entry.c.receivable_id, amount).where(after).group_by(entry.c.receivable_id).subquery()
    disputed = (
        select(cover.c.receivable_id, cast(func.sum(cover.c.amount_minor), BigInteger).label("amount"))
        .where(cover.c.kind == "dispute", cover.c.active)
        .group_by(cover.c.receivable_id)
        .subquery()
    )
    statement = (
        select(r, c.c.code.label("customer"), later.c.amount.label("later"), disputed.c.amount.label("disputed"))
        .join_from(r, c, c.c.id == r.c.customer_id)
        .outerjoin(later, later.c.receivable_id == r.c.id)
        .outerjoin(disputed, disputed.c.receivable_id == r.c.id)
        .where(r.c.issued_on <= as_of)
        .order_by(c.c.code, r.c.issued_on, r.c.id)
    )
    handles = _handles(session)
    rows: list[dict[str, Cell]] = [
        {
            "number": row.number, "customer": row.customer, "kind": row.kind, "issued_on": row.issued_on,
            "due_on": row.due_on, "amount": Money(row.amount_minor, row.currency), "currency": row.currency,
            "open_amount": Money(row.open_minor - (row.later or 0), row.currency),
            "order": row.order_no, "contract": row.contract_no, "product": row.product, "region": row.region,
            "owner": handles.get(row.owner_id, ""), "terms": row.terms, "event": row.event, "event_on": row.event_on,
            "disputed": Money(row.disputed, row.currency) if row.disputed else None,
            "settled_on": row.settled_on if row.settled_on and row.settled_on <= as_of else None,
            "tags": ";".join(row.tags),
        }
        for row in session.execute(statement)
    ]  # fmt: skip
    return rows + _credit_notes(session, as_of)


def _credit_notes(session: Session, as_of: date) -> list[dict[str, Cell]]:
    tables, later = _tables(), _later("credit_note_id", as_of)
    n, c = tables["credit_note"], tables["customer"]
    live = n.c.cancelled_on.is_(None) | (n.c.cancelled_on > as_of)
    statement = (
        select(n, c.c.code.label("customer"), later.c.amount.label("later"))
        .join_from(n, c, c.c.id == n.c.customer_id)
        .outerjoin(later, later.c.subject == n.c.id)
        .where(n.c.issued_on <= as_of, live)
        .order_by(c.c.code, n.c.issued_on, n.c.id)
    )
    return [
        {
            "number": row.number, "customer": row.customer, "kind": "credit_note", "issued_on": row.issued_on,
            "amount": Money(-row.amount_minor, row.currency), "currency": row.currency,
            "open_amount": Money(-(row.open_minor + (row.later or 0)), row.currency),
        }
        for row in session.execute(statement)
    ]  # fmt: skip


def _receipts(session: Session, as_of: date, _currency: str) -> list[dict[str, Cell]]:
    tables, later = _tables(), _later("receipt_id", as_of)
    p, c, a, r = tables["receipt"], tables["customer"], tables["allocation"], tables["receivable"]
    paid: dict[int, list[str]] = defaultdict(list)
    live = a.c.undone_on.is_(None) & a.c.receipt_id.is_not(None)
    for row in session.execute(select(a.c.receipt_id, r.c.number).join_from(a, r, r.c.id == a.c.receivable_id).where(live)):
        paid[row.receipt_id].append(row.number)
    statement = (
        select(p, c.c.code.label("customer"), later.c.amount.label("later"))
        .join_from(p, c, c.c.id == p.c.customer_id)
        .outerjoin(later, later.c.subject == p.c.id)
        .where(p.c.received_on <= as_of, p.c.reversed_on.is_(None) | (p.c.reversed_on > as_of))
        .order_by(p.c.received_on, p.c.id)
    )
    return [
        {
            "number": row.number, "customer": row.customer, "received_on": row.received_on, "currency": row.currency,
            "amount": Money(row.amount_minor, row.currency), "payer": row.payer, "reference": row.reference,
            "receivable": paid[row.id][0] if len(paid[row.id]) == 1 else "",
            "open_amount": Money(row.open_minor + (row.later or 0), row.currency),
        }
        for row in session.execute(statement)
    ]  # fmt: skip


def _orders(session: Session, as_of: date, zone: ZoneInfo, lang: Lang = "zh") -> list[dict[str, Cell]]:
    """Their state, and the reasons of their verdict, as they are now; what was shipped, invoiced and settled by that day
    under each order's number."""
    import core.credit.parts as parts
    from bot.commands.orders import reasons_of
    from bot.notifications.templates import templates

    tables = _tables()
    o, c, r, s, entry = (tables[name] for name in ("sales_order", "customer", "receivable", "shipment", "entry"))

    def total(column: Any) -> Any:
        return cast(func.coalesce(func.sum(column), 0), BigInteger)

    def named(other: Any) -> Any:
        return and_(other.c.customer_id == o.c.customer_id, other.c.currency == o.c.currency, other.c.order_no == o.c.number)

    after = (entry.c.effective_on > as_of) & entry.c.receivable_id.is_not(None)
    amount = cast(func.sum(entry.c.amount_minor), BigInteger).label("amount")
    later = select(entry.c.receivable_id, amount).where(after).group_by(entry.c.receivable_id).subquery()
    days = (
        select(o.c.id, *parts.days_of(bindparam("zone", zone.key, type_=String))).group_by(o.c.id).subquery("days")
    )
    mine = parts.is_of(days.c)
    owed = (
        select(
            o.c.id, total(case((mine, r.c.amount_minor))).label("invoiced"), total(r.c.amount_minor).label("taken"),
            total(case((mine, r.c.open_minor - func.coalesce(later.c.amount, 0)))).label("open"),
        )
        .join_from(o, days, days.c.id == o.c.id).join(r, and_(named(r), r.c.issued_on <= as_of))
        .outerjoin(later, later.c.receivable_id == r.c.id).group_by(o.c.id).subquery()
    )  # fmt: skip
    before = s.c.shipped_on < func.coalesce(days.c.ordered_on, days.c.placed_on)
    sent = (
        select(
            o.c.id, total(s.c.amount_minor).label("shipped"), total(case((before, s.c.amount_minor))).label("before")
        )
        .join_from(o, days, days.c.id == o.c.id).join(s, and_(named(s), s.c.shipped_on <= as_of))
        .group_by(o.c.id).subquery()
    )  # fmt: skip
    theirs = parts.of_others(sent.c.before, func.coalesce(owed.c.taken - owed.c.invoiced, 0), o.c.ordered_on)
    statement = (
        select(o, c.c.code.label("customer"), owed.c.invoiced, owed.c.open, (sent.c.shipped - theirs).label("shipped"))
        .join_from(o, c, c.c.id == o.c.customer_id)
        .outerjoin(owed, owed.c.id == o.c.id)
        .outerjoin(sent, sent.c.id == o.c.id)
        .order_by(o.c.placed_at, o.c.id)
    )
    handles = _handles(session)

    def row_of(row: Any) -> dict[str, Cell]:
        invoiced, left = row.invoiced or 0, row.open or 0
        return {
            "number": row.number, "customer": row.customer, "amount": Money(row.amount_minor, row.currency),
            "currency": row.currency, "ordered_on": row.ordered_on, "terms": row.terms, "note": row.note,
            "asked_by": handles.get(row.asked_by_id, ""),
            "prepaid": Money(row.prepaid_minor, row.currency) if row.prepaid_minor else None, "source": row.source,
            "placed_at": row.placed_at.astimezone(zone).isoformat(), "state": row.state,
            "decided_at": row.decided_at.astimezone(zone).isoformat() if row.decided_at else "",
            "shipped": Money(row.shipped or 0, row.currency), "invoiced": Money(invoiced, row.currency),
            "settled": Money(invoiced - left, row.currency), "open_amount": Money(left, row.currency),
            "reasons": ("；" if lang == "zh" else "; ").join(
                words.phrase(why, lang) for why in reasons_of(row.reasons, lang)
            ),
        }  # fmt: skip

    words = templates()
    return [row_of(row) for row in session.execute(statement) if row.placed_at.astimezone(zone).date() <= as_of]


def _customers(session: Session, _as_of: date, currency: str) -> list[dict[str, Cell]]:
    tables = _tables()
    c, contact = tables["customer"], tables["contact"]
    contacts = {(row.customer_id, row.type): row for row in session.execute(select(contact))}
    handles = _handles(session)
    found: list[dict[str, Cell]] = []
    for row in session.execute(select(c).order_by(c.c.code)):
        unit = row.currency or currency
        one: dict[str, Cell] = {
            name: getattr(row, name)
            for name in [
                "code",
                "name",
                "short_name",
                "region",
                "type",
                "rating",
                "terms",
                "currency",
                "language",
                "phone",
                "tax_id",
                "address",
            ]
        }
        one |= {
            "aliases": ";".join(row.aliases), "owner": handles.get(row.owner_id, ""), "group": row.group_name,
            "tags": ";".join(row.tags), "no_letters": "yes" if row.no_letters else "no",
            "credit_limit": None if row.credit_limit_minor is None else Money(row.credit_limit_minor, unit),
        }  # fmt: skip
        for type_ in ("finance", "business"):
            person = contacts.get((row.id, type_))
            one |= {f"{type_}_contact": person.name if person else "", f"{type_}_email": person.email if person else ""}
        found.append(one)
    return found


def _people(session: Session, _as_of: date, _currency: str) -> list[dict[str, Cell]]:
    person = _tables()["person"]
    handles = _handles(session)
    return [
        {name: getattr(row, name) for name in ["handle", "name", "email", "mobile", "locale", "timezone", "region",
                                              "away_from", "away_until"]}
        | {
            "roles": ";".join(row.roles), "manager": handles.get(row.manager_id, ""),
            "deputy": handles.get(row.deputy_id, ""), "active": "yes" if row.active else "no",
        }
        for row in session.execute(select(person).order_by(person.c.handle))
    ]  # fmt: skip


# --- files ---


def plain(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, Money):
        return format_major(cell.minor, cell.currency)
    return cell.isoformat() if isinstance(cell, date) else cell


def _csv(target: IO[str], columns: Sequence[str], rows: Sequence[Row]) -> None:
    writer = csv.writer(target)
    writer.writerow(columns)
    writer.writerows([safe_cell(cell) if isinstance(cell, str) else plain(cell) for cell in row] for row in rows)


def print_csv(columns: Sequence[str], rows: Sequence[Row]) -> None:
    """To standard output, with the mark by which Excel knows UTF-8."""
    sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
    sys.stdout.write("\ufeff")
    _csv(sys.stdout, columns, rows)


def write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """By the file's ending. Errors: file.bad_ending, file.not_written."""
    ending = path.suffix.lower()
    if ending not in (".csv", ".xlsx"):
        raise ConfigError("file.bad_ending", file=str(path))
    try:
        if ending == ".csv":
            with path.open("w", encoding="utf-8-sig", newline="") as target:
                _csv(target, columns, rows)
        else:
            with path.open("wb") as binary:
                _xlsx(binary, columns, rows)
    except OSError as error:
        raise ConfigError("file.not_written", file=str(path), detail=error.strerror or str(error)) from None


def _xlsx(target: IO[bytes], columns: Sequence[str], rows: Sequence[Row]) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(target, {"strings_to_formulas": False, "strings_to_urls": False, "constant_memory": True})
    sheet = book.add_worksheet()
    sheet.freeze_panes(1, 0)
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    amounts: dict[int, Any] = {}
    sheet.write_row(0, 0, columns, book.add_format({"bold": True}))
    for number, row in enumerate(rows, start=1):
        for column, cell in enumerate(row):
            if isinstance(cell, Money):
                places = digits(cell.currency)
                if places not in amounts:
                    amounts[places] = book.add_format({"num_format": "#,##0" + ("." + "0" * places if places else "")})
                sheet.write_number(number, column, cell.minor / 10**places, amounts[places])
            elif isinstance(cell, date):
                sheet.write_datetime(number, column, cell, day)
            elif cell:
                sheet.write_string(number, column, cell)
    book.close()
