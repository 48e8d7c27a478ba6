"""/aging and /overdue: everything a person sees, by age and by size."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlmodel import col

from bot.commands.balance import BUCKETS, buckets
from bot.commands.parser import Ask, Typed, named, pick
from bot.commands.reply import CommandReply
from bot.notifications.views import AgingLine, AgingView, OverdueLine, OverdueView
from core.ledger.balances import Figures
from core.ledger.reports import AgingRow, Basis, names, overdue_ranking, totals
from core.ledger.reports import aging as aging_rows
from core.models import Customer, Person
from core.money import Money, format_major
from core.permissions import Scope
from core.queries import main_currency
from core.search import fold

_BY_INVOICE = {"invoice", "按开票", "按开票日", "开票", "issued"}
_BY_DUE = {"due", "按到期", "按到期日", "到期"}
GROUPS_MAX = 1000  # in one answer; `rest` sums up the smaller ones, the export has them all
OVERDUE_SHOWN = 10
OVERDUE_MAX = 200


def aging(ask: Ask) -> CommandReply:
    words = list(ask.typed.words)
    basis: Basis = "due"
    if words and words[-1].casefold() in _BY_INVOICE | _BY_DUE:
        basis = "invoice" if words.pop().casefold() in _BY_INVOICE else "due"
    scope, customer, shown = ask.scope, None, " ".join(words)
    if words:
        narrowed = _owner(ask, words) if words[0].startswith(("@", "＠")) else _region(ask, words)
        if isinstance(narrowed, CommandReply):
            return narrowed
        if narrowed is not None:
            scope = scope.narrowed(narrowed)
        else:
            found = _customer(ask, words)
            if isinstance(found, CommandReply):
                return found
            customer, shown = found, found.name
    only = customer.id if customer else None
    rows = aging_rows(
        ask.work.session, ask.work.today, basis=basis, scope=scope, customer_id=only, largest=GROUPS_MAX
    )
    return _reply(ask, rows, basis, shown, customer)


def _owner(ask: Ask, words: list[str]) -> Scope | CommandReply:
    """Somebody whose customers are in sight; a name outside the scope is a name that nobody has."""
    typed = " ".join(words)[1:].strip()
    query = select(col(Person.id)).where(or_(col(Person.handle) == typed.casefold(), col(Person.handle) == typed,
                                             col(Person.name) == typed))  # fmt: skip
    ids = [row for row in ask.work.session.execute(query).scalars() if row is not None]
    if not ask.scope.all and not ask.scope.region:
        ids = [person_id for person_id in ids if person_id in ask.scope.owner_ids]
    if not ids or ask.scope.nothing:
        return ask.error("person.unknown", value=typed)
    return Scope(owner_ids=frozenset(ids))


def _region(ask: Ask, words: list[str]) -> Scope | None:
    typed = " ".join(words)
    query = select(col(Customer.id)).where(col(Customer.region) == typed, ask.scope.customers()).limit(1)
    return Scope(region=typed) if ask.work.session.execute(query).first() else None


def _customer(ask: Ask, words: list[str]) -> Customer | CommandReply:
    typed = Typed(ask.typed.name, tuple(words), ask.typed.text, ask.typed.quoted)
    name = named(Ask(ask.work, ask.person, ask.lang, typed, ask.usage))
    if isinstance(name, CommandReply):
        return name
    if name.rest:
        return ask.error("customer.unknown", value=" ".join(words))
    return name.one if len(name.customers) == 1 else pick(ask, name, " ".join(ask.typed.words[len(words) :]))


class Lines(Sequence[AgingLine]):
    """As long as there are groups; a line is made when a card shows it, and only of the largest."""

    def __init__(self, count: int, largest: Sequence[AgingRow], line: Callable[[AgingRow], AgingLine]) -> None:
        self._count, self._largest, self._line = count, largest, line

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, at: Any) -> Any:
        found = self._largest[at]
        return tuple(map(self._line, found)) if isinstance(at, slice) else self._line(found)


def _reply(ask: Ask, rows: list[AgingRow], basis: Basis, shown: str, customer: Customer | None) -> CommandReply:
    sums = totals(rows)
    preferred = (customer.currency if customer else "") or ask.work.company.currency
    currency = main_currency(preferred, {key: row.total for key, row in sums.items()})
    main = sums.get(currency) or Figures(currency=currency)
    called = names(ask.work.session, "customer", [row.key for row in rows if not row.smaller])
    listed = {key: [row for row in rows if row.currency == key and not row.smaller] for key in sums}  # largest first
    rest_of = {row.currency: row for row in rows if row.smaller}
    groups = listed.get(currency, [])
    left_out = rest_of[currency].smaller if currency in rest_of else 0

    def line(row: AgingRow) -> AgingLine:
        return AgingLine(key=called[row.key][1], **money(row, *BUCKETS, "unapplied", "total"))

    def money(row: Figures, *keys: str) -> dict[str, Money]:
        return {key: Money(getattr(row, key), row.currency) for key in keys}

    view = AgingView(
        today=ask.work.today, as_of=ask.work.today, basis="due" if basis == "due" else "issued", scope=shown,
        currency=currency,
        groups=Lines(len(groups) + left_out, groups, line),
        **money(main, *BUCKETS, "undated", "unapplied", "total"),
        others=tuple(Money(row.total, row.currency) for key, row in sorted(sums.items()) if key != currency),
    )  # fmt: skip

    def part(key: str) -> dict[str, Any]:
        row = sums.get(key) or main
        lines = [
            {"key": called[group.key][0], "name": called[group.key][1], "buckets": buckets(group), **_amounts(group)}
            for group in listed.get(key, ())
        ]
        rest = {}
        if key in rest_of:
            sum_of = rest_of[key]
            rest = {"rest": {"groups": sum_of.smaller, "buckets": buckets(sum_of), **_amounts(sum_of)}}
        return {"currency": key, "groups": lines, **rest, "buckets": buckets(row), **_amounts(row)}

    json = {
        "as_of": ask.work.today.isoformat(), "basis": basis, **part(currency),
        "others": [part(key) for key in sorted(sums) if key != currency],
    }  # fmt: skip
    return CommandReply(kind="reply.aging", view=view, json=json, customer_id=customer.id if customer else None)


def _amounts(row: Figures) -> dict[str, str]:
    return {key: format_major(getattr(row, key), row.currency) for key in ("undated", "unapplied", "overdue", "total")}


def overdue(ask: Ask) -> CommandReply:
    limit = OVERDUE_SHOWN
    if ask.typed.words:
        typed = "".join(ask.typed.words)
        number = "" if typed[0] in "-−－–—" else fold(typed).removeprefix("前").removeprefix("top").removesuffix("名")
        if not (number.isdecimal() and number.isascii() and len(number) < 7 and int(number)):
            return ask.error("command.rest", value=" ".join(ask.typed.words), usage=ask.usage)
        limit = min(int(number), OVERDUE_MAX)
    rows = overdue_ranking(ask.work.session, ask.work.today, ask.scope, limit + 1)
    cut = {key for key, many in Counter(row.currency for row in rows).items() if many > limit}
    last = {row.currency: at for at, row in enumerate(rows)}
    rows = [row for at, row in enumerate(rows) if row.currency not in cut or at != last[row.currency]]
    currency = main_currency(ask.work.company.currency, {row.currency: row.overdue for row in rows})
    wanted = sorted({row.customer_id for row in rows})
    query = (
        select(col(Customer.id), col(Customer.code), col(Customer.name), col(Person.name))
        .join(Person, col(Person.id) == col(Customer.owner_id), isouter=True)
        .where(col(Customer.id).in_(wanted))
    )
    called = {row[0]: row for row in ask.work.session.execute(query)} if wanted else {}
    lines = [
        OverdueLine(
            code=called[row.customer_id][1], name=called[row.customer_id][2], overdue=Money(row.overdue, row.currency),
            days_overdue_max=row.days_overdue_max, owner=called[row.customer_id][3] or "",
        )
        for row in rows
    ]  # fmt: skip
    sums: dict[str, int] = {}
    for row in rows:
        sums[row.currency] = sums.get(row.currency, 0) + row.overdue
    view = OverdueView(
        today=ask.work.today, as_of=ask.work.today, currency=currency,
        customers=tuple(line for line in lines if line.overdue.currency == currency),
        others=tuple(line for line in lines if line.overdue.currency != currency),
        total=tuple(Money(sums[key], key) for key in sorted(sums, key=lambda key: (key != currency, key))),
        cut=bool(cut),
    )  # fmt: skip

    def part(key: str) -> list[dict[str, Any]]:
        return [
            {"code": line.code, "name": line.name, "overdue": format_major(line.overdue.minor, key),
             "days_overdue_max": line.days_overdue_max, "owner": line.owner}
            for line in lines
            if line.overdue.currency == key
        ]  # fmt: skip

    json = {
        "as_of": ask.work.today.isoformat(), "currency": currency, "customers": part(currency),
        "others": [{"currency": key, "customers": part(key)} for key in sorted(sums) if key != currency],
    }  # fmt: skip
    return CommandReply(kind="reply.overdue", view=view, json=json)
