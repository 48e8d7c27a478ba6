"""A policy's `[credit.rating]`, `[credit.new]`, `[credit.grade]` and `[credit.proposals]`, with what is wrong in them."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from itertools import pairwise
from typing import Any

from core.credit.rules import METHODS, RATINGS, SCALES, Grade, ProposalRules, RatingRules, Scale
from core.dunning.ladder import ROLES, STAFF
from core.dunning.policy_values import Path, Values
from core.permissions import may

_CREDIT: Path = ("credit",)
_LONGEST_DAYS = 3650
_BIGGEST_FIGURE = Decimal("1e12")
_LONGEST_NAME = 40
_NO_SCALE = Scale(Decimal(0), Decimal(0))
_RATING, _PROPOSALS = RatingRules(), ProposalRules()
_SPANS = {
    "window_months": (1, 120), "min_paid": (1, 1000), "broken_promises_d": (1, 1000), "overdue_days_d": (0, _LONGEST_DAYS),
    "lift_after_on_time": (1, 1000),
}  # fmt: skip

APPROVERS = tuple(role for role in ROLES if may("credit.approve", [role]))
_NEVER = ("owner", *(f"role:{role}" for role in ROLES if role not in APPROVERS))  # the owner's orders are their own


# --- the rating -----------------------------------------------------------------------------------


def rating_rules(read: Values, owner: dict[str, Any]) -> RatingRules:
    path: Path = (*_CREDIT, "rating")
    table = read.table(owner, "rating", _CREDIT)
    read.known(table, path, [field.name for field in fields(RatingRules)])
    weights, points = _weights(read, table, path), _points(read, table, path)
    method = read.word(table, "method", path, METHODS) or _RATING.method
    if method == "score" and not weights and "weights" not in table:
        read.note((*path, "method"), "score_without_weights", known=list(SCALES))
    numbers = {
        key: read.whole(table, key, path, least, getattr(_RATING, key), most) for key, (least, most) in _SPANS.items()
    }
    return RatingRules(
        cuts_days=_cuts(read, table, path, "cuts_days", "cuts_not_rising", _LONGEST_DAYS),
        score_cuts=_cuts(read, table, path, "score_cuts", "cuts_not_falling", 100),
        method=method, weights=weights, points=points, **numbers,  # type: ignore[arg-type]
    )  # fmt: skip


def _cuts(read: Values, owner: dict[str, Any], parent: Path, key: str, wrong: str, most: int) -> dict[str, int]:
    """A letter's number; what is not given keeps its default. Days rise from A to C, scores fall."""
    default: Mapping[str, int] = getattr(_RATING, key)
    table, path = read.table(owner, key, parent), (*parent, key)
    before = len(read.problems)
    read.known(table, path, list(default))
    cuts = {letter: read.whole(table, letter, path, 0, cut, most) or 0 for letter, cut in default.items()}
    steps = [later - earlier for earlier, later in pairwise(cuts.values())]
    sound = all(step > 0 for step in steps) if wrong == "cuts_not_rising" else all(step < 0 for step in steps)
    if len(read.problems) == before and not sound:
        read.note(path, wrong, cuts=[f"{letter} = {cut}" for letter, cut in cuts.items()])
    return cuts


def _weights(read: Values, owner: dict[str, Any], parent: Path) -> dict[str, int]:
    table, path = read.table(owner, "weights", parent), (*parent, "weights")
    before = len(read.problems)
    others = _imported(owner, "points")
    read.known(table, path, [*SCALES, *others])
    weights = {name: read.whole(table, name, path, 0, 0, 100) or 0 for name in (*SCALES, *others) if name in table}
    if table and len(read.problems) == before and sum(weights.values()) != 100:
        read.note(path, "weights_not_hundred", sum=sum(weights.values()))
    return {name: weight for name, weight in weights.items() if weight}


def _points(read: Values, owner: dict[str, Any], parent: Path) -> dict[str, Scale]:
    table, path = read.table(owner, "points", parent), (*parent, "points")
    others = _imported(owner, "weights")
    read.known(table, path, [*SCALES, *others])
    found: dict[str, Scale] = {}
    for name in (*SCALES, *others):
        if name not in table:
            continue
        here: Path = (*path, name)
        given = read.table(table, name, path)
        read.known(given, here, ("best", "worst"))
        if name not in SCALES and not {"best", "worst"} <= given.keys():
            read.note(here, "figure_without_scale", name=name)
            continue
        usual = SCALES.get(name, _NO_SCALE)
        ends = [_figure(read, given, key, here, getattr(usual, key)) for key in ("best", "worst")]
        if ends[0] == ends[1]:
            read.note(here, "no_scale", name=name)
        else:
            found[name] = Scale(*ends)
    return found


def _imported(owner: dict[str, Any], beside: str) -> list[str]:
    """Names that only this table has beside another: of figures that are imported. Whoever mistypes one names it once."""
    table = owner.get(beside)
    return [name for name in table if name not in SCALES and len(name) <= _LONGEST_NAME] if isinstance(table, dict) else []


def _figure(read: Values, owner: dict[str, Any], key: str, path: Path, default: Decimal) -> Decimal:
    if key not in owner:
        return default
    found = read.number(owner[key])
    if found is None or abs(found) > _BIGGEST_FIGURE:
        read.note((*path, key), "not_a_figure", value=str(owner[key]))
        return default
    return found


# --- what a rating is worth -----------------------------------------------------------------------


def grades(read: Values, owner: dict[str, Any]) -> dict[str, Grade]:
    """`[credit.new]` and `[credit.grade.A]` to D, by rating."""
    found: dict[str, Grade] = {}
    by_letter = read.table(owner, "grade", _CREDIT)
    read.known(by_letter, (*_CREDIT, "grade"), RATINGS)
    for rating in RATINGS:
        if rating in by_letter:
            found[rating] = _grade(read, by_letter, rating, (*_CREDIT, "grade"))
    if "new" in owner:
        found["new"] = _grade(read, owner, "new", _CREDIT)
    return found


def _grade(read: Values, owner: dict[str, Any], key: str, parent: Path) -> Grade:
    table, path = read.table(owner, key, parent), (*parent, key)
    read.known(table, path, ("limit", "terms_days"))
    return Grade(read.amounts(table, "limit", path), read.whole(table, "terms_days", path, 0, None, _LONGEST_DAYS))


def approvers(read: Values, table: dict[str, Any], path: Path) -> tuple[str, ...]:
    """The `audience` that decides about credit: at least one, and none of them who never may."""
    audience = read.audience(table, "audience", path, STAFF, "no_approver", APPROVERS)
    for one in audience:
        if one in _NEVER:
            use = [*(who for who in STAFF if who not in _NEVER), *(f"role:{role}" for role in APPROVERS), "person:…"]
            read.note((*path, "audience"), "never_decides", value=one, allowed=use)
    return audience


# --- proposals ------------------------------------------------------------------------------------


def proposal_rules(read: Values, owner: dict[str, Any]) -> ProposalRules | None:
    if "proposals" not in owner:
        return None
    table, path = read.table(owner, "proposals", _CREDIT), (*_CREDIT, "proposals")
    names = [field.name for field in fields(ProposalRules) if field.name != "raise_by"]
    read.known(table, path, ["raise", *names])
    audience = approvers(read, table, path) if "audience" in table else _PROPOSALS.audience
    return ProposalRules(
        raise_by=read.share(table, "raise", path, _PROPOSALS.raise_by),
        months=read.whole(table, "months", path, 1, _PROPOSALS.months, 24) or _PROPOSALS.months,
        shrink=_by_letter(read, table, path, "shrink", _share),
        audience=audience,
        days=read.whole(table, "days", path, 1, _PROPOSALS.days, 250) or _PROPOSALS.days,
        model_months=_by_letter(read, table, path, "model_months", _months),
        deviation=read.share(table, "deviation", path, _PROPOSALS.deviation),
    )  # fmt: skip


def _by_letter(read: Values, owner: dict[str, Any], parent: Path, key: str, value: Any) -> dict[str, Any]:
    """What is given replaces the default as a whole: a letter that is left out has none."""
    if key not in owner:
        return dict(getattr(_PROPOSALS, key))
    table, path = read.table(owner, key, parent), (*parent, key)
    read.known(table, path, _letters(key))
    return {letter: value(read, table, letter, path) for letter in _letters(key) if letter in table}


def _letters(key: str) -> Sequence[str]:
    """No rating is worse than another one where it is an A."""
    return RATINGS[1:] if key == "shrink" else RATINGS


def _share(read: Values, table: dict[str, Any], letter: str, path: Path) -> Decimal:
    return read.share(table, letter, path, Decimal(0))


def _months(read: Values, table: dict[str, Any], letter: str, path: Path) -> int:
    return read.whole(table, letter, path, 0, 0, 36) or 0
