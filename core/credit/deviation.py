"""How far the limits that are granted lie from what the model says (授信额度偏差率), for every customer in sight.

    model     = months of the rating x what was invoiced in the window / months of the window, rounded down
    deviation = (granted - model) / model, of customers who have both; each in the currency of its limit

What is granted is what counts for orders, without what is added for a while: 0 for ratings that pay cash.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import BigInteger, Integer, Select, cast, func, select

from core.credit.granted import of_rating
from core.credit.inputs import months_before
from core.credit.rules import CreditRules, ProposalRules
from core.models import Customer, Person, Receivable
from core.models.base import table_of
from core.permissions import Scope
from core.work import Work

MIN_MONTHS = 3  # of a customer that is known for less, an average month says nothing yet
C, R, P = table_of(Customer), table_of(Receivable), table_of(Person)


@dataclass(frozen=True)
class Deviation:
    """One customer, amounts in minor units of `currency`. `source`: see core.credit.granted."""

    customer_id: int
    code: str
    name: str
    owner: str
    rating: str
    currency: str
    granted_minor: int
    source: str
    model_minor: int
    monthly_minor: int  # invoiced in an average month
    is_off: bool  # beyond what the policy allows

    @property
    def share(self) -> Decimal | None:
        """To four decimals; None: the model gives nothing, and something is granted."""
        return _share(self.granted_minor, self.model_minor)


@dataclass(frozen=True)
class Total:
    """Of all that were compared in one currency."""

    currency: str
    customers: int
    granted_minor: int
    model_minor: int

    @property
    def share(self) -> Decimal | None:
        return _share(self.granted_minor, self.model_minor)


@dataclass(frozen=True)
class Report:
    """`off`: the customers beyond `allowed`, the farthest first. `without_limit` have none, `without_model` a rating for
    which the policy has no months, `too_new` have too few of their own: none of these is compared."""

    allowed: Decimal
    window_months: int
    off: tuple[Deviation, ...]
    compared: int
    without_limit: int
    without_model: int
    too_new: int  # known for less than MIN_MONTHS
    totals: tuple[Total, ...]  # the company's currency first


def report(work: Work, rules: CreditRules, scope: Scope) -> Report:
    """Of the customers that `scope` sees whole. One statement."""
    asked = rules.proposals or ProposalRules()
    months = rules.rating.window_months
    compared: list[Deviation] = []
    without_limit = without_model = too_new = 0
    known_by = months_before(work.today, MIN_MONTHS)
    by_policy: dict[tuple[str, str], int | None] = {}  # by rating and currency: asked once
    for row in work.session.execute(_customers(work, months, scope)):
        key = row.rating, row.currency
        if key not in by_policy:
            by_policy[key] = of_rating(*key, rules, work.company.currency)
        minor, source = _granted(row, rules, by_policy[key])
        factor = asked.model_months.get(row.rating)
        if minor is None:
            without_limit += 1
        elif factor is None:
            without_model += 1
        elif row.first_on is not None and row.first_on > known_by:
            too_new += 1
        else:
            model = factor * row.invoiced // months
            compared.append(Deviation(
                row.id, row.code, row.name, row.owner or "", row.rating, row.currency, minor, source, model,
                row.invoiced // months, abs(minor - model) > asked.deviation * model,
            ))  # fmt: skip
    off = sorted((one for one in compared if one.is_off), key=_farthest)
    totals = _totals(compared, work.company.currency)
    return Report(asked.deviation, months, tuple(off), len(compared), without_limit, without_model, too_new, totals)


def _granted(row: Any, rules: CreditRules, by_policy: int | None) -> tuple[int | None, str]:
    if row.rating in rules.cash_only:
        return 0, "cash_only"
    if row.credit_limit_minor is not None:
        return row.credit_limit_minor, "own"
    return by_policy, "new" if row.rating in ("", "new") else "grade"


def _customers(work: Work, months: int, scope: Scope) -> Select[Any]:
    since = months_before(work.today, months)
    currency = func.coalesce(func.nullif(C.c.currency, ""), work.company.currency)
    invoiced = (
        select(R.c.customer_id, R.c.currency, cast(func.sum(R.c.amount_minor), BigInteger).label("minor"))
        .where(R.c.issued_on > since, R.c.issued_on <= work.today)
        .group_by(R.c.customer_id, R.c.currency)
        .subquery("invoiced")
    )
    first = select(R.c.customer_id, func.min(R.c.issued_on).label("on")).group_by(R.c.customer_id).subquery("first")
    return (
        select(
            C.c.id, C.c.code, C.c.name, C.c.rating, currency.label("currency"), C.c.credit_limit_minor,
            P.c.name.label("owner"), func.coalesce(invoiced.c.minor, cast(0, Integer)).label("invoiced"),
            first.c.on.label("first_on"),
        )
        .select_from(
            C.outerjoin(invoiced, (invoiced.c.customer_id == C.c.id) & (invoiced.c.currency == currency))
            .outerjoin(first, first.c.customer_id == C.c.id)
            .outerjoin(P, P.c.id == C.c.owner_id)
        )
        .where(scope.customers_whole())
        .order_by(C.c.id)
    )  # fmt: skip


def _farthest(one: Deviation) -> tuple[bool, Decimal, int, int]:
    """Where the model gives nothing, first."""
    off = one.granted_minor - one.model_minor
    return one.share is not None, -abs(one.share or Decimal(0)), -abs(off), one.customer_id


def _totals(compared: list[Deviation], own: str) -> tuple[Total, ...]:
    sums: dict[str, list[int]] = {}
    for one in compared:
        mine = sums.setdefault(one.currency, [0, 0, 0])
        mine[0], mine[1], mine[2] = mine[0] + 1, mine[1] + one.granted_minor, mine[2] + one.model_minor
    return tuple(Total(code, *sums[code]) for code in sorted(sums, key=lambda code: (code != own, code)))


def _share(granted: int, model: int) -> Decimal | None:
    if model:
        return (Decimal(granted - model) / model).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    return None if granted else Decimal("0.0000")
