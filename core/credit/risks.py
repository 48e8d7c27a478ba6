"""What others report of a customer: lawsuits, registration changes, lists of dishonest debtors, blacklists. Nothing of it is
computed here; it says who reports it, and since when.

A report is told when it is major (or a warning, by policy), or a blacklisting; by policy this stops orders as well.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import bindparam, select

from core import outbox
from core.credit import holds, locks
from core.credit.rules import CreditRules
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.org import Org
from core.models import Customer, RiskEvent
from core.models.base import table_of
from core.work import Work

KINDS = ("registration", "lawsuit", "dishonest", "blacklist", "other")
SEVERITIES = ("info", "warning", "major")
SHOWN = 5
C, K = table_of(Customer), table_of(RiskEvent)
_KNOWN = select(RiskEvent).where(
    K.c.source.in_(bindparam("sources", expanding=True)), K.c.key.in_(bindparam("keys", expanding=True))
)
_LATEST = (
    select(RiskEvent)
    .where(K.c.customer_id == bindparam("customer"), K.c.happened_on > bindparam("after"))
    .order_by(K.c.happened_on.desc(), K.c.id.desc())
    .limit(SHOWN)
)
_CONTENT = ("kind", "severity", "happened_on", "text", "url")


@dataclass(frozen=True)
class NewEvent:
    """`key`: its number at the source. `kind`: one of KINDS. `severity`: one of SEVERITIES."""

    source: str
    key: str
    customer_id: int
    kind: str
    severity: str
    happened_on: date
    text: str = ""
    url: str = ""


def record(work: Work, policy: Policy, events: Sequence[NewEvent]) -> list[str]:
    """Writes each once by (source, key), and has told what is to be told. What became of each, in order: `created`,
    `updated`, `unchanged`, or `other_customer`: it is known of another one, and stays that one's.

    Errors: credit.group_moved.
    """
    known = _known(work, events)
    outcomes: list[str] = []
    fresh: list[RiskEvent] = []
    told: list[RiskEvent] = []
    listed: list[RiskEvent] = []
    for event in events:
        row = known.get((event.source, event.key))
        before = (row.kind, row.severity) if row is not None else ("", "")
        if row is not None and row.customer_id != event.customer_id:
            outcomes.append("other_customer")
            continue
        if row is not None and all(getattr(row, name) == getattr(event, name) for name in _CONTENT):
            outcomes.append("unchanged")
            continue
        outcomes.append("updated" if row is not None else "created")
        row = known[event.source, event.key] = _written(work, row, event)
        if outcomes[-1] == "created":
            fresh.append(row)
        if is_told(policy.credit, row.kind, row.severity) and not is_told(policy.credit, *before):
            told.append(row)
        if row.kind == "blacklist" != before[0]:
            listed.append(row)
    work.session.flush()
    for row in fresh:
        work.audit(
            "risk.recorded", "risk", row.id, row.customer_id, kind=row.kind, severity=row.severity, source=row.source,
            key=row.key,
        )  # fmt: skip
    _stop(work, policy.credit, listed)
    _tell(work, policy, told)
    return outcomes


def is_told(rules: CreditRules, kind: str, severity: str) -> bool:
    return kind == "blacklist" or (
        severity in SEVERITIES and SEVERITIES.index(severity) >= SEVERITIES.index(rules.risk_alerts)
    )


def latest(work: Work, customer_id: int, after: date) -> list[RiskEvent]:
    """What happened after that day, the newest first, at most SHOWN."""
    return list(work.session.execute(_LATEST, {"customer": customer_id, "after": after}).scalars())


def as_json(row: RiskEvent) -> dict[str, str]:
    return {
        "source": row.source, "key": row.key, "kind": row.kind, "severity": row.severity,
        "happened_on": row.happened_on.isoformat(), "text": row.text, "url": row.url,
    }  # fmt: skip


def _known(work: Work, events: Collection[NewEvent]) -> dict[tuple[str, str], RiskEvent]:
    if not events:
        return {}
    asked = {"sources": sorted({event.source for event in events}), "keys": sorted({event.key for event in events})}
    return {(row.source, row.key): row for row in work.session.execute(_KNOWN, asked).scalars()}


def _written(work: Work, row: RiskEvent | None, event: NewEvent) -> RiskEvent:
    values = {name: getattr(event, name) for name in _CONTENT}
    if row is None:
        row = RiskEvent(
            source=event.source, key=event.key, customer_id=event.customer_id, recorded_at=work.now, **values
        )
        work.session.add(row)
        return row
    before = {name: str(getattr(row, name)) for name, value in values.items() if getattr(row, name) != value}
    for name, value in values.items():
        setattr(row, name, value)
    after = {name: str(values[name]) for name in before}
    work.audit("risk.updated", "risk", row.id, row.customer_id, key=row.key, before=before, after=after)
    return row


def _tell(work: Work, policy: Policy, rows: Sequence[RiskEvent]) -> None:
    if not rows:
        return
    org = load_org(work)
    asked = select(C.c.id, C.c.owner_id, C.c.region).where(C.c.id.in_({row.customer_id for row in rows}))
    customers = {row.id: row for row in work.session.execute(asked)}
    outbox.enqueue(work, [
        outbox.row(
            work, key=f"risk:{row.id}:{row.kind}:{row.severity}:{person}", kind="risk.event", subject="risk",
            subject_id=row.id or 0, customer_id=row.customer_id, person_id=person,
            not_before=outbox.outside_quiet(work, policy.windows, org.members.get(person)),
        )
        for row in rows
        for person in _people(org, customers[row.customer_id].owner_id, customers[row.customer_id].region)
    ])  # fmt: skip


def _people(org: Org, owner_id: int | None, region: str) -> list[int]:
    """Risk, else whoever decides about credit; and whoever looks after the customer."""
    found = (org.holders(role, region) for role in ("risk", "finance_director", "finance_manager"))
    risk = next(filter(None, found), [])
    return list(dict.fromkeys([*risk, *([owner_id] if owner_id is not None and org.active(owner_id) else [])]))


def _stop(work: Work, rules: CreditRules, rows: Sequence[RiskEvent]) -> None:
    """By the ids of the customers, as everybody locks them."""
    if rules.on_blacklist_event == "alert":
        return
    locks.lock_many(work, {row.customer_id for row in rows})
    for row in sorted(rows, key=lambda row: row.customer_id):
        reason = " ".join(filter(None, (row.source, row.happened_on.isoformat(), row.text)))[:400]
        if rules.on_blacklist_event == "blacklist":
            holds.blacklist(work, row.customer_id, reason)
        else:
            holds.hold(work, row.customer_id, reason)
