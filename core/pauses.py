"""Pauses: no dunning for a customer up to and including a date. They end by themselves.

proposed -> active | rejected      longer than a rep may set, or a second one: a manager decides
active -> ended
"""

from datetime import date

from sqlalchemy import func, select

from core import outbox
from core.dunning.ladder import Policy
from core.dunning.load import load_org
from core.dunning.state import Event
from core.errors import DomainError
from core.models import Pause, PauseState, Receivable
from core.models.base import table_of
from core.work import Work

Z = table_of(Pause)


def start(work: Work, policy: Policy, customer_id: int, until: date, reason: str) -> Pause:
    """Pauses a customer until the end of `until`. Errors: pause.past, pause.reason, pause.running, pause.no_manager."""
    if until < work.today:
        raise DomainError("pause.past", on=until)
    if not reason.strip():
        raise DomainError("pause.reason")
    earlier = work.session.execute(
        select(func.count()).where(Z.c.customer_id == customer_id, Z.c.state.in_((PauseState.active, PauseState.ended)))
    ).scalar_one()
    running = work.session.execute(
        select(Z.c.id).where(Z.c.customer_id == customer_id, Z.c.state == PauseState.active, Z.c.until >= until)
    ).first()
    if running:
        raise DomainError("pause.running")
    limits = policy.limits
    needs = (
        "too_long" if (until - work.today).days > limits.pause_max_days else "again" if earlier >= limits.pause_max else ""
    )
    pause = Pause(
        customer_id=customer_id,
        reason=reason.strip(),
        from_on=work.today,
        until=until,
        state=PauseState.proposed if needs else PauseState.active,
        made_by_id=work.person_id,
        made_at=work.now,
    )
    work.session.add(pause)
    work.session.flush()
    work.audit("pause.set", "pause", pause.id, customer_id, until=until.isoformat(), reason=reason, needs=needs)
    if needs:
        org = load_org(work)
        approver = next(iter(org.chain(work.person_id)), None)
        if approver is None:
            raise DomainError("pause.no_manager")
        outbox.enqueue(
            work,
            [
                outbox.row(
                    work,
                    key=f"pause:{pause.id}:approval:{approver}",
                    kind="pause.approval",
                    subject="pause",
                    subject_id=pause.id or 0,
                    customer_id=customer_id,
                    person_id=approver,
                    data={"needs": needs},
                    not_before=outbox.outside_quiet(work, policy.windows, org.members[approver]),
                )
            ],
        )
    return pause


def decide(work: Work, pause: Pause, *, approve: bool) -> None:
    """The manager's word. Errors: pause.decided, pause.past."""
    if pause.state != PauseState.proposed:
        raise DomainError("pause.decided", state=str(pause.state))
    if approve and pause.until < work.today:
        raise DomainError("pause.past", on=pause.until)
    pause.state = PauseState.active if approve else PauseState.rejected
    work.audit(f"pause.{'approved' if approve else 'rejected'}", "pause", pause.id, pause.customer_id)
    work.session.flush()
    outbox.touch(work, "pause", [pause.id or 0])


def stop(work: Work, customer_id: int) -> list[Event]:
    """Ends the customer's pauses by hand. Errors: pause.none."""
    rows = (
        work.session.execute(select(Pause).where(Z.c.customer_id == customer_id, Z.c.state == PauseState.active))
        .scalars()
        .all()
    )
    if not rows:
        raise DomainError("pause.none")
    return [event for pause in rows for event in _end(work, pause)]


def end_due(work: Work) -> list[Event]:
    """Ends the pauses whose last day has passed."""
    rows = work.session.execute(
        select(Pause).where(Z.c.state == PauseState.active, Z.c.until < work.today).order_by(Z.c.id)
    ).scalars()
    return [event for pause in rows.all() for event in _end(work, pause)]


def _end(work: Work, pause: Pause) -> list[Event]:
    pause.state, pause.ended_at = PauseState.ended, work.now
    work.audit("pause.ended", "pause", pause.id, pause.customer_id)
    work.session.flush()
    R = table_of(Receivable)
    currencies = work.session.execute(
        select(R.c.currency).where(R.c.customer_id == pause.customer_id, R.c.open_minor > 0).distinct()
    ).scalars()
    return [
        Event("pause.ended", pause.customer_id, currency, None, {"reason": pause.reason}) for currency in sorted(currencies)
    ]
