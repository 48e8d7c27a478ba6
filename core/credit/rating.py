"""Ratings A to D from payment behaviour: computed, imported or set by hand, each a version; the newest in force counts.

What stands is chosen in this order: an override until its last day; what payment behaviour says, once there is enough
of it; an imported rating; "new". `customer.rating` is a cache of it. A computed rating and an override mark it as
changed here (`customer.edited`), so an import with the old one doesn't bring that back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import BigInteger, bindparam, select, update
from sqlalchemy.orm.util import identity_key

from core import outbox
from core.credit import own_orders, proposals
from core.credit.inputs import Inputs, Item, Weighed, chunks, inputs, items
from core.credit.rules import RATINGS, RatingRules
from core.credit.score import Score, rating_of, score
from core.db import insert_many
from core.dunning.ladder import Policy
from core.errors import DomainError
from core.ledger.marks import mark
from core.models import Audit, Customer
from core.models.base import table_of
from core.models.credit import Rating
from core.work import Work

NEW = "new"  # the rating of who has too little history for another

C, T = table_of(Customer), table_of(Rating)
_LONGEST = getattr(T.c.value.type, "length", 0)
_WHOSE = bindparam("customers", expanding=True, literal_execute=True, type_=BigInteger)
_CUSTOMERS = select(C.c.id, C.c.rating, C.c.edited).where(C.c.id.in_(_WHOSE)).order_by(C.c.id)
_LOCKED = _CUSTOMERS.with_for_update(key_share=True)
_VERSIONS = (
    select(T.c.customer_id, T.c.version, T.c.value, T.c.source, T.c.until, T.c.reason, T.c.from_on)
    .where(T.c.customer_id.in_(_WHOSE))
    .order_by(T.c.customer_id, T.c.version)
)
_CACHE = (
    update(C)
    .where(C.c.id == bindparam("b_id", type_=BigInteger))
    .values(rating=bindparam("b_rating"), edited=bindparam("b_edited", type_=C.c.edited.type))
)


# --- the rule -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One rule that fits: its code, the rating after it, and the two figures that were compared.

    too_few_paid       receivables paid, and how many it takes
    score              the score, and from how many on the rating holds (D: below how many)
    average_days_late  the days, and up to how many the rating holds (D: above how many)
    broken_promises    how many in the window, and from how many on it is D
    overdue            days overdue of the oldest now, and above how many it is D
    on_time            paid on time in a row, and how many lift by one step
    """

    code: str
    value: str
    is_: str
    limit: int


@dataclass(frozen=True)
class Rated:
    """A rating, and the rules that made it, in their order: the last one has the final word."""

    value: str
    parts: tuple[Part, ...]


def rate(inputs: Inputs, rules: RatingRules) -> Rated:
    """A to D, or "new" with fewer paid receivables than the rules ask for: but one who is overdue for too long is a D
    from the first receivable on (decision 69). Compared exactly, shown to one decimal."""
    paid, weighed = inputs.paid.rows, inputs.weighed
    found = score(inputs, rules, parts=False) if rules.method == "score" else None
    frozen = inputs.overdue_days > rules.overdue_days_d
    overdue = [Part("overdue", "D", str(inputs.overdue_days), rules.overdue_days_d)] if frozen else []
    if paid < rules.min_paid or not weighed.minor:
        few = Part("too_few_paid", NEW, str(paid), rules.min_paid)
        return Rated("D" if frozen else NEW, (few, *overdue))
    parts = [_cut(weighed, rules.cuts_days)]
    if found is not None:
        parts = [Part("score", *_scored(found, rules))]
    if inputs.broken_promises >= rules.broken_promises_d:
        parts.append(Part("broken_promises", "D", str(inputs.broken_promises), rules.broken_promises_d))
    parts += overdue
    value = parts[-1].value
    if not frozen and value != RATINGS[0] and 0 < rules.lift_after_on_time <= inputs.on_time_run:
        better = RATINGS[RATINGS.index(value) - 1]
        parts.append(Part("on_time", better, str(inputs.on_time_run), rules.lift_after_on_time))
    return Rated(parts[-1].value, tuple(parts))


def _scored(found: Score, rules: RatingRules) -> tuple[str, str, int]:
    value, cut = rating_of(found, rules.score_cuts)
    return value, str(found.value), cut


def _cut(weighed: Weighed, cuts_days: Mapping[str, int]) -> Part:
    longest = 0
    for letter in RATINGS[:-1]:
        if letter in cuts_days:
            longest = cuts_days[letter]
            if weighed.minor_days <= longest * weighed.minor:
                return Part("average_days_late", letter, str(weighed.days), longest)
    return Part("average_days_late", RATINGS[-1], str(weighed.days), longest)


# --- what stands ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Standing:
    """A customer's rating as it is stored: the cache, and its versions, oldest first."""

    shown: str
    edited: list[str]
    versions: list[Any]

    @property
    def last(self) -> Any:
        return self.versions[-1] if self.versions else None

    def override(self, today: date) -> Any:
        """The version that was set by hand and still runs, or None."""
        last = self.last
        runs = last is not None and last.source == "override" and (last.until is None or last.until >= today)
        return last if runs else None

    @property
    def unrecorded(self) -> str:
        """An imported rating that is no version yet, "" without one."""
        return self.shown if self.shown != (self.last.value if self.last else "") and "rating" not in self.edited else ""

    @property
    def imported(self) -> str:
        """The rating that an import brought since anything was computed, "" without one."""
        if self.unrecorded:
            return self.unrecorded
        for version in reversed(self.versions):
            if version.source != "override":
                return str(version.value) if version.source == "import" else ""
        return ""

    def target(self, computed: str, today: date) -> tuple[str, str]:
        """The rating that should stand, and its source."""
        if (override := self.override(today)) is not None:
            return str(override.value), "override"
        if computed == NEW and self.imported:
            return self.imported, "import"
        return computed, "computed"


def _standings(work: Work, customer_ids: Collection[int], *, lock: bool = False) -> dict[int, _Standing]:
    asked = {"customers": sorted(customer_ids)}
    found = {
        id_: _Standing(shown, edited, [])
        for id_, shown, edited in work.session.execute(_LOCKED if lock else _CUSTOMERS, asked).all()
    }
    for version in work.session.execute(_VERSIONS, asked).all():
        if version.customer_id in found:
            found[version.customer_id].versions.append(version)
    return found


@dataclass(frozen=True)
class _Change:
    customer_id: int
    standing: _Standing
    value: str
    source: str
    facts: tuple[Inputs, Rated, RatingRules] | None = None  # of a computed one
    reason: str = ""
    until: date | None = None
    by_hand: bool = False

    @property
    def inputs(self) -> dict[str, Any]:
        if self.facts is None:
            return {}
        figures, rated, rules = self.facts
        found = score(figures, rules)
        scored = {"score": found.json()} if found is not None else {}
        return figures.as_json() | {"parts": [vars(part) for part in rated.parts]} | scored

    @property
    def is_version(self) -> bool:
        """Without one, only the cache was wrong. An import's own words for a rating may be too long for a version."""
        last = self.standing.last
        same = last is not None and (last.value, last.source) == (self.value, self.source)
        return self.by_hand or (not same and len(self.value) <= _LONGEST)

    @property
    def edited(self) -> list[str]:
        edited = self.standing.edited
        others = [name for name in edited if name != "rating"] if edited else []
        ours = self.source == "override" or (self.source == "computed" and self.value != NEW)
        return [*others, "rating"] if ours else others

    @property
    def needed(self) -> bool:
        kept = self.standing.shown == self.value and sorted(self.edited) == sorted(self.standing.edited)
        return self.is_version or not kept


# --- computing ------------------------------------------------------------------------------------


def refresh(work: Work, policy: Policy, customer_ids: Collection[int] | None = None) -> int:
    """Computes ratings as of `work.today`, of all customers or these; how many versions that made.

    A version is written where the value changed, or what it comes from. The cards of those customers are drawn anew,
    and other limits proposed where the policy says so.
    Every CHUNK customers take a fixed number of statements, and lock only whom they change, in the order of their ids.
    A job over everybody gives them in `chunks`, a transaction each: SQLite's other writers don't wait that long.
    """
    rules = policy.credit.rating
    if customer_ids is None:
        customer_ids = work.session.scalars(select(C.c.id)).all()
    made = 0
    for some in chunks(customer_ids):
        figures = inputs(work, some, rules.window_months, rules.imported)
        rated = {id_: rate(facts, rules) for id_, facts in figures.items()}
        changed = _changes(work, _standings(work, some), figures, rated, rules)
        if changed:  # what another transaction did since then is seen under the lock
            locked = _standings(work, [change.customer_id for change in changed], lock=True)
            written = _changes(work, locked, figures, rated, rules)
            made += _write(work, written)
            computed = [c for c in written if c.source == "computed" and c.value != c.standing.shown]
            proposals.after_ratings(
                work, policy, [proposals.Rerated(c.customer_id, c.standing.shown, c.value) for c in computed]
            )
    return made


def _changes(
    work: Work, standings: dict[int, _Standing], figures: dict[int, Inputs], rated: dict[int, Rated], rules: RatingRules
) -> list[_Change]:
    found = []
    for id_, standing in standings.items():
        if id_ not in rated:
            continue
        value, source = standing.target(rated[id_].value, work.today)
        facts = (figures[id_], rated[id_], rules) if source == "computed" else None
        change = _Change(id_, standing, value, source, facts)
        if change.needed:
            found.append(change)
    return found


def _write(work: Work, changes: list[_Change]) -> int:
    """Versions, caches and audit; of customers that are locked."""
    versions = [change for change in changes if change.is_version]
    session, today = work.session, work.today
    rows = [
        (
            c.customer_id, c.standing.last.version + 1 if c.standing.last else 1, c.value, c.source, c.inputs, c.reason,
            work.person_id if c.by_hand else None, today, c.until, work.now,
        )
        for c in versions
    ]  # fmt: skip
    columns = "customer_id", "version", "value", "source", "inputs", "reason", "made_by_id", "from_on", "until", "at"
    insert_many(session, T, columns, rows)
    if not changes:
        return 0
    session.execute(_CACHE, [{"b_id": c.customer_id, "b_rating": c.value, "b_edited": c.edited} for c in changes])
    for change in changes:
        held = session.identity_map.get(identity_key(Customer, change.customer_id))
        if held is not None:
            session.expire(held, ["rating", "edited"])
    _audit(work, versions)
    rated = [c.customer_id for c in changes if c.value != c.standing.shown]
    mark(work, rated)
    outbox.touch_customers(work, rated)
    return len(versions)


def _audit(work: Work, versions: list[_Change]) -> None:
    rows = []
    for c in versions:
        data: dict[str, str | None] = {"before": c.standing.shown, "after": c.value, "source": c.source}
        if c.by_hand:
            data |= {"reason": c.reason, "until": c.until.isoformat() if c.until else None}
        action = "rating.overridden" if c.by_hand else "rating.changed"
        rows.append(
            (work.now, work.actor, work.person_id, work.channel, action, "customer", c.customer_id, c.customer_id, data)
        )
    columns = "at", "actor", "person_id", "channel", "action", "subject", "subject_id", "customer_id", "data"
    insert_many(work.session, table_of(Audit), columns, rows)


# --- by hand --------------------------------------------------------------------------------------


def override(work: Work, customer_id: int, value: str, reason: str, until: date) -> None:
    """Sets a rating from A to D by hand; it stands through `until`, whatever is computed or imported meanwhile.

    Errors: rating.unknown_customer, rating.unknown_value, rating.no_reason, rating.until_past, credit.own_order(number).
    """
    value, reason = value.strip().upper(), reason.strip()
    if value not in RATINGS:
        raise DomainError("rating.unknown_value", value=value, values=", ".join(RATINGS))
    if not reason:
        raise DomainError("rating.no_reason")
    if until < work.today:
        raise DomainError("rating.until_past", until=until)
    standing = _standings(work, [customer_id], lock=True).get(customer_id)
    if standing is None:
        raise DomainError("rating.unknown_customer", id=customer_id)
    own_orders.refuse(work, [customer_id])
    if (imported := standing.unrecorded) and len(imported) <= _LONGEST:
        # Kept as a version: it comes back when the override has ended and there is still no history.
        _write(work, [_Change(customer_id, standing, imported, "import")])
        standing = _standings(work, [customer_id])[customer_id]
    _write(work, [_Change(customer_id, standing, value, "override", None, reason, until, by_hand=True)])


# --- why ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explained:
    """A customer's rating, where it comes from, and what payment behaviour says today, down to the receivables.

    `value` stands since `from_on`; `source` is "" where nothing was computed, set or imported yet. `reason` and `until`
    are an override's. `rated` and `inputs` are of today and may differ from what stands: `current` says whether the next
    refresh leaves it.
    """

    customer_id: int
    value: str
    source: str
    version: int
    from_on: date | None
    reason: str
    until: date | None
    rated: Rated
    score: Score | None
    inputs: Inputs
    items: list[Item]
    current: bool


def explain(work: Work, policy: Policy, customer_id: int) -> Explained:
    """Errors: rating.unknown_customer."""
    rules = policy.credit.rating
    standing = _standings(work, [customer_id]).get(customer_id)
    if standing is None:
        raise DomainError("rating.unknown_customer", id=customer_id)
    figures = inputs(work, [customer_id], rules.window_months, rules.imported)[customer_id]
    rated = rate(figures, rules)
    last = standing.last
    if standing.unrecorded:
        last = None
    by_hand = last is not None and last.source == "override"
    return Explained(
        customer_id=customer_id,
        value=standing.shown,
        source=last.source if last else "import" if standing.shown else "",
        version=last.version if last else 0,
        from_on=last.from_on if last else None,
        reason=last.reason if by_hand else "",
        until=last.until if by_hand else None,
        rated=rated,
        score=score(figures, rules),
        inputs=figures,
        items=items(work, figures),
        current=not _changes(work, {customer_id: standing}, {customer_id: figures}, {customer_id: rated}, rules),
    )
