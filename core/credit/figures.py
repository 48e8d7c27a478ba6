"""Figures of customers that somebody outside knows, by name: capital, a ratio of the accounts, a rank. An import brings
them with their source and day; the newest of each name counts, and nothing is computed or made up."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Date, String, bindparam, select

from core.models import CustomerFigure
from core.models.base import table_of
from core.work import Work

UNITS = 10**6  # a figure is kept to six decimals
BIGGEST = Decimal(10**12)

G = table_of(CustomerFigure)
_WHOSE = bindparam("customers", expanding=True, literal_execute=True, type_=BigInteger)
_READ = select(G.c.customer_id, G.c.name, G.c.value_millionths, G.c.source, G.c.as_of).where(
    G.c.customer_id.in_(_WHOSE), G.c.name.in_(bindparam("names", expanding=True, type_=String)),
    G.c.as_of <= bindparam("as_of", type_=Date),
).order_by(G.c.as_of, G.c.recorded_at, G.c.id)  # fmt: skip
_KNOWN = select(CustomerFigure).where(G.c.customer_id.in_(_WHOSE))


class Reported(NamedTuple):
    """One that counts: its value in millionths, who says so, and of which day it is."""

    millionths: int
    source: str
    as_of: date


@dataclass(frozen=True)
class NewFigure:
    customer_id: int
    name: str
    millionths: int
    source: str
    as_of: date


def newest(work: Work, customer_ids: Collection[int], names: Collection[str]) -> dict[int, dict[str, Reported]]:
    """By customer and name, as of `work.today`; of one day what was brought last. One statement, none without names."""
    found: dict[int, dict[str, Reported]] = {}
    if names and customer_ids:
        asked = {"customers": sorted(customer_ids), "names": sorted(names), "as_of": work.today}
        for row in work.session.execute(_READ, asked):
            found.setdefault(row.customer_id, {})[row.name] = Reported(row.value_millionths, row.source, row.as_of)
    return found


def record(work: Work, figures: Sequence[NewFigure]) -> list[str]:
    """Writes them; of each whether it is `created`, `updated` or `unchanged`. The same customer, name, day and source is the
    same figure. Customers are locked."""
    known: dict[tuple[Any, ...], CustomerFigure] = {}
    if figures:
        asked = {"customers": sorted({figure.customer_id for figure in figures})}
        known = {_key(row): row for row in work.session.execute(_KNOWN, asked).scalars()}
    return [_record(work, figure, known) for figure in figures]


def _record(work: Work, figure: NewFigure, known: dict[tuple[Any, ...], CustomerFigure]) -> str:
    row = known.get(_key(figure))
    if row is not None and row.value_millionths == figure.millionths:
        return "unchanged"
    before = row.value_millionths if row is not None else None
    if row is None:
        row = known[_key(figure)] = CustomerFigure(
            customer_id=figure.customer_id, name=figure.name, value_millionths=figure.millionths, source=figure.source,
            as_of=figure.as_of, recorded_at=work.now,
        )  # fmt: skip
        work.session.add(row)
    else:
        row.value_millionths, row.recorded_at = figure.millionths, work.now
    work.audit(
        "figure.recorded", "customer", figure.customer_id, figure.customer_id, name=figure.name, source=figure.source,
        as_of=figure.as_of.isoformat(), value_millionths=figure.millionths, before_millionths=before,
    )  # fmt: skip
    return "created" if before is None else "updated"


def _key(of: CustomerFigure | NewFigure) -> tuple[Any, ...]:
    return of.customer_id, of.name, of.as_of, of.source
