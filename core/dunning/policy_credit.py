"""A policy's `[credit]`: from its tables to core.credit.rules, with what is wrong in them."""

from collections.abc import Mapping
from dataclasses import fields
from decimal import Decimal
from typing import Any

from core.credit.rules import (
    BELOW_COST,
    INSURED,
    LIMITED,
    NEED,
    ON_BLACKLIST_EVENT,
    PARTS,
    PREPAID,
    RATINGS,
    REASONS,
    RISK_ALERTS,
    CreditRules,
    Route,
    Rung,
)
from core.dunning.ladder import ROLES
from core.dunning.policy_rating import APPROVERS, approvers, grades, proposal_rules, rating_rules
from core.dunning.policy_values import Path, Values
from core.money import known_currency

RATED = (*RATINGS, "new")  # what a customer can be rated, see RatingRules

_DEFAULT = CreditRules()
_CREDIT: Path = ("credit",)
_LONGEST_DAYS, _LONGEST_HOURS = 3650, 2000
_SPANS = {
    "freeze_days_over": (0, _LONGEST_DAYS), "terms_days": (0, _LONGEST_DAYS), "expires_hours": (1, _LONGEST_HOURS),
    "remind_hours": (1, _LONGEST_HOURS), "escalate_at": (0, 100), "approval_good_days": (1, _LONGEST_DAYS),
    "unsigned_days": (0, _LONGEST_DAYS), "uninvoiced_days": (0, _LONGEST_DAYS),
}  # fmt: skip
_HOURS = ("remind_hours", "expires_hours")
_CONDITIONS = ("over_from", "over_share_from", "overdue_from", "overdue_days_from", "rating", "reasons")
_SMALLEST_RATE, _BIGGEST_RATE, _BIGGEST_SHARE = Decimal("1e-9"), Decimal("1e9"), 10


def credit_rules(read: Values, data: dict[str, Any]) -> CreditRules:
    """`data` is the whole document. What is missing, or wrong and noted, is as in CreditRules()."""
    table = read.table(data, "credit", ())
    keys = (field.name for field in fields(CreditRules) if field.name not in ("routes", "grades"))
    read.known(table, _CREDIT, [*keys, "route", "new", "grade"])
    numbers = _numbers(read, table, _CREDIT, _SPANS, _DEFAULT)
    if numbers["remind_hours"] >= numbers["expires_hours"]:
        key = "remind_hours" if "remind_hours" in table else "expires_hours"
        read.note((*_CREDIT, key), "reminder_too_late", warning=True, **{name: numbers[name] for name in _HOURS})
    return CreditRules(
        parts=_parts(read, table), part_limits=_part_limits(read, table),
        prepaid=read.word(table, "prepaid", _CREDIT, PREPAID) or _DEFAULT.prepaid,
        insured=read.word(table, "insured", _CREDIT, INSURED) or _DEFAULT.insured,
        net_unapplied=read.flag(table, "net_unapplied", _CREDIT, _DEFAULT.net_unapplied),
        hold_on_overdue=read.flag(table, "hold_on_overdue", _CREDIT, _DEFAULT.hold_on_overdue),
        ask_within=_role(read, table, "ask_within", "never_decides"),
        check_related=_role(read, table, "check_related", "never_checks"), cash_only=_cash_only(read, table),
        discount=read.share(table, "discount", _CREDIT, _DEFAULT.discount),
        below_cost=read.word(table, "below_cost", _CREDIT, BELOW_COST) or _DEFAULT.below_cost,
        on_blacklist_event=read.word(table, "on_blacklist_event", _CREDIT, ON_BLACKLIST_EVENT)
        or _DEFAULT.on_blacklist_event,
        risk_alerts=read.word(table, "risk_alerts", _CREDIT, RISK_ALERTS) or _DEFAULT.risk_alerts,
        rates=_rates(read, table), rating=rating_rules(read, table), grades=grades(read, table),
        proposals=proposal_rules(read, table), routes=_routes(read, table), **numbers,
    )  # fmt: skip


def _numbers(
    read: Values, table: dict[str, Any], path: Path, spans: Mapping[str, tuple[int, int]], default: CreditRules
) -> dict[str, Any]:
    return {key: read.whole(table, key, path, least, getattr(default, key), most) for key, (least, most) in spans.items()}


def _some(read: Values, table: dict[str, Any], key: str, path: Path, allowed: tuple[str, ...]) -> tuple[str, ...]:
    """In the order of `allowed`, so that two files that mean the same are equal."""
    words = read.words(table, key, path)
    for word in words:
        if word not in allowed:
            read.note((*path, key), "unknown_word", value=word, allowed=list(allowed))
    return tuple(word for word in allowed if word in words)


def _parts(read: Values, table: dict[str, Any]) -> tuple[str, ...]:
    if table.get("parts") in ([], ""):
        read.note((*_CREDIT, "parts"), "no_part", allowed=list(PARTS))
    if "parts" not in table:
        return _DEFAULT.parts
    parts = _some(read, table, "parts", _CREDIT, PARTS)
    if "orders" in parts and "shipments" not in parts:
        read.note((*_CREDIT, "parts"), "gap_between_parts", warning=True)
    return parts


def _part_limits(read: Values, owner: dict[str, Any]) -> dict[str, int]:
    """Each one amount, in the company's currency: what is in another one counts at internal rates."""
    path: Path = (*_CREDIT, "part_limits")
    table = read.table(owner, "part_limits", _CREDIT)
    read.known(table, path, LIMITED)
    found: dict[str, int] = {}
    for part in LIMITED:
        if isinstance(table.get(part), dict):
            read.note((*path, part), "not_an_amount", value=str(table[part]), currency=read.currency)
        elif amounts := read.amounts(table, part, path):
            found[part] = amounts[read.currency]
    return found


def _cash_only(read: Values, table: dict[str, Any]) -> tuple[str, ...]:
    return _some(read, table, "cash_only", _CREDIT, RATED) if "cash_only" in table else _DEFAULT.cash_only


def _role(read: Values, table: dict[str, Any], key: str, never: str) -> str:
    """One role, "" for nobody. `never`: what is wrong with one that may not."""
    usual: str = getattr(_DEFAULT, key)
    role = read.text(table, key, _CREDIT, usual).removeprefix("role:")
    if role and role not in ROLES:
        read.note((*_CREDIT, key), "unknown_role", value=role, allowed=list(APPROVERS))
        return usual
    if role and role not in APPROVERS:
        read.note((*_CREDIT, key), never, value=role, allowed=list(APPROVERS))
    return role


def _rates(read: Values, table: dict[str, Any]) -> dict[str, Decimal]:
    """Company currency for one unit of each other currency."""
    found: dict[str, Decimal] = {}
    for code, value in read.table(table, "rates", _CREDIT).items():
        path: Path = (*_CREDIT, "rates", code)
        rate = read.number(value)
        if not known_currency(code):
            read.note(path, "unknown_currency", value=code)
        elif code == read.currency:
            read.note(path, "own_rate", value=code)
        elif rate is None or not _SMALLEST_RATE <= rate <= _BIGGEST_RATE:
            read.note(path, "not_a_rate", value=str(value), currency=code, own=read.currency)
        else:
            found[code] = rate
    return found


# --- the routes ---


def _routes(read: Values, owner: dict[str, Any]) -> tuple[Route, ...]:
    if "route" not in owner:
        return _DEFAULT.routes
    tables = read.tables(owner, "route", _CREDIT)
    names: set[str] = set()
    sound: list[Route] = []  # of a route with a mistake in it nobody knows what it would fit
    routes: list[Route] = []
    for number, table in enumerate(tables):
        path: Path = (*_CREDIT, "route", number)
        before = len(read.problems)
        route = _route(read, table, path, number)
        if route.name in names:
            read.note((*path, "name"), "same_route", value=route.name)
        names |= {route.name} - {""}
        routes.append(route)
        if len(read.problems) == before:
            if earlier := next((other for other in sound if _covers(other, route)), None):
                read.note(path, "route_unreachable", warning=True, name=route.name, before=earlier.name)
            sound.append(route)
    if all(set(_CONDITIONS) & table.keys() for table in tables) and isinstance(owner["route"], list):
        last: Path = (*_CREDIT, "route", len(tables) - 1) if tables else (*_CREDIT, "route")
        read.note(last, "no_route_for_rest")
    return tuple(routes)


def _route(read: Values, table: dict[str, Any], path: Path, number: int) -> Route:
    read.known(table, path, ("name", "rungs", *_CONDITIONS))
    name = read.text(table, "name", path)
    if not name:
        read.note((*path, "name"), "no_route_name", n=number + 1)
    for key in _CONDITIONS:
        if table.get(key) in ([], {}, ""):
            read.note((*path, key), "empty_condition", key=key)
    return Route(
        name=name, rungs=_rungs(read, table, path), over_from=read.amounts(table, "over_from", path),
        over_share_from=_share_over(read, table, path), overdue_from=read.amounts(table, "overdue_from", path),
        overdue_days_from=read.whole(table, "overdue_days_from", path, 0, None, _LONGEST_DAYS),
        rating=_some(read, table, "rating", path, RATED), reasons=_some(read, table, "reasons", path, REASONS),
    )  # fmt: skip


def _share_over(read: Values, table: dict[str, Any], path: Path) -> Decimal | None:
    """Of the limit; an order can exceed it by more than the whole of it."""
    if table.get("over_share_from", "") == "":
        return None
    share = read.number(table["over_share_from"])
    if share is None or not 0 <= share <= _BIGGEST_SHARE:
        read.note((*path, "over_share_from"), "not_a_share_over", value=str(table["over_share_from"]), most=_BIGGEST_SHARE)
        return None
    return share


def _rungs(read: Values, owner: dict[str, Any], path: Path) -> tuple[Rung, ...]:
    if not owner.get("rungs"):
        read.note((*path, "rungs"), "no_rung")
    rungs: list[Rung] = []
    for number, table in enumerate(read.tables(owner, "rungs", path)):
        here: Path = (*path, "rungs", number)
        read.known(table, here, ("audience", "need"))
        audience = approvers(read, table, here)
        rungs.append(Rung(audience, read.word(table, "need", here, NEED) or "any"))
    return tuple(rungs)


def _covers(one: Route, other: Route) -> bool:
    """Whether every order that fits `other` fits `one`: each condition of `one` is in `other`, as strict or stricter."""
    return (
        _at_least(one.over_share_from, other.over_share_from)
        and _at_least(one.overdue_days_from, other.overdue_days_from)
        and _among(one.rating, other.rating)
        and _among(one.reasons, other.reasons)
        and _amounts_at_least(one.over_from, other.over_from)
        and _amounts_at_least(one.overdue_from, other.overdue_from)
    )


def _at_least(one: Decimal | int | None, other: Decimal | int | None) -> bool:
    return one is None or (other is not None and other >= one)


def _among(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return not one or (bool(other) and set(other) <= set(one))


def _amounts_at_least(one: Mapping[str, int], other: Mapping[str, int]) -> bool:
    """A currency that a route doesn't name doesn't fit it."""
    return not one or (bool(other) and all(code in one and minor >= one[code] for code, minor in other.items()))
