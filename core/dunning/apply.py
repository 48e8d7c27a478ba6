"""Writes what was planned: cases, tasks, messages, holds and firings of a chunk of customers.

Bulk statements only; everything of one chunk is one transaction of the caller's.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import BindParameter, bindparam, insert, or_, select, update

from core import outbox
from core.credit import events
from core.db import insert_many
from core.dunning import mailing
from core.dunning.decide import Decision
from core.dunning.facts import worse
from core.dunning.ladder import Policy
from core.dunning.org import Org
from core.dunning.state import NOTICES, CustomerPlan, CustomerState, Event, PlannedTask
from core.models import (
    Audit,
    Case,
    Firing,
    Hold,
    OutboxMessage,
    Task,
    TaskReceivable,
    TaskState,
)
from core.models.base import among, table_of
from core.models.collection import BLOCKING
from core.models.receivable import Receivable
from core.work import Work

R, F, T, TR = table_of(Receivable), table_of(Firing), table_of(Task), table_of(TaskReceivable)
K, H, O = table_of(Case), table_of(Hold), table_of(OutboxMessage)  # noqa: E741

_IDS = 5000  # keys in one statement
_FIRING = (
    "receivable_id", "due_on", "step", "occurrence", "audience", "case_id", "customer_id", "ladder", "offset_days",
    "action", "kind", "severity", "stage", "fired_on", "recorded_at", "outcome", "reason", "was", "to",
    "task_id", "outbox_id", "facts",
)  # fmt: skip
_AUDIT = ("at", "actor", "person_id", "channel", "action", "subject", "subject_id", "customer_id", "data")
_WHICH: BindParameter[Any] = bindparam("b_ids", expanding=True, literal_execute=True)
_LOOK = update(R).where(R.c.id.in_(_WHICH)).values(next_step_on=bindparam("b_look"))


class Chunk:
    """The plans of some customers on their way into the database."""

    def __init__(
        self,
        work: Work,
        policy: Policy,
        policy_id: int,
        org: Org,
        decisions: Sequence[Decision],
        states: dict[int, CustomerState],
        plans: Sequence[CustomerPlan],
    ) -> None:
        self.work, self.policy, self.policy_id, self.org = work, policy, policy_id, org
        self.decisions, self.states, self.plans = decisions, states, plans
        self.case_ids: dict[tuple[int, str], int] = {}
        self.task_ids: dict[tuple[int, int], int] = {}  # (customer, person)
        self.messages: list[dict[str, Any]] = []
        self.letters: dict[tuple[int, str], int] = {}  # (customer, currency) -> outbox id

    def write(self) -> None:
        self._cases()
        self._receivables()
        self._tasks()
        self._alerts()
        self.letters = mailing.write(self.work, self.plans, self.states, self.case_ids)
        self._holds()
        outbox.enqueue(self.work, self.messages)
        self._firings()
        self._audit()

    def _cases(self) -> None:
        fresh: list[dict[str, Any]] = []
        for decision in self.decisions:
            case, key = decision.case, (decision.case.customer_id, decision.case.currency)
            if case.case_id is not None:
                self.case_ids[key] = case.case_id
            elif decision.hits:
                fresh.append(
                    {
                        "customer_id": case.customer_id,
                        "currency": case.currency,
                        "state": "open",
                        "severity": "due_soon",
                        "opened_on": self.work.today,
                        "policy_id": self.policy_id,
                    }
                )
        if fresh:
            ids = self.work.session.execute(insert(K).returning(K.c.id, sort_by_parameter_order=True), fresh).scalars().all()
            self.case_ids.update({(row["customer_id"], row["currency"]): i for row, i in zip(fresh, ids, strict=True)})
        before = {d.case.case_id: d.case.case_severity for d in self.decisions if d.case.case_id is not None}
        worst: dict[str, list[int]] = defaultdict(list)
        for plan in self.plans:
            for currency, severity in plan.severities.items():
                case_id = self.case_ids[plan.customer_id, currency]
                worst[worse(severity, before.get(case_id) or "due_soon")].append(case_id)
        for severity, case_ids in worst.items():
            unlike = or_(K.c.severity != severity, K.c.state != "open")
            self.work.session.execute(
                update(K).where(among(K.c.id, case_ids), unlike).values(severity=severity, state="open")
            )

    def _receivables(self) -> None:
        """Case, ladder and shift of what fired for the first time, and the next look at everything: a day at a time."""
        fired = []
        looks: dict[date | None, list[int]] = defaultdict(list)
        for decision in self.decisions:
            case_id = self.case_ids.get((decision.case.customer_id, decision.case.currency))
            ladders = {hit.receivable.id: hit.ladder for hit in decision.hits}
            for r in decision.case.receivables:
                look = decision.next_looks.get(r.id)
                if look != r.next_step_on:
                    looks[look].append(r.id)
                if r.id in ladders:
                    now = case_id, ladders[r.id], decision.shifts.get(r.id, r.age_shift_days)
                    if now != (r.case_id, r.ladder, r.age_shift_days):
                        fired.append((*now, r.id))
        if fired:
            self.work.session.connection().execute(
                update(R)
                .where(R.c.id == bindparam("b_id"))
                .values(case_id=bindparam("b_case"), ladder=bindparam("b_ladder"), age_shift_days=bindparam("b_shift")),
                [dict(zip(("b_case", "b_ladder", "b_shift", "b_id"), row, strict=True)) for row in fired],
            )
        for look, ids in looks.items():
            for start in range(0, len(ids), _IDS):
                self.work.session.execute(_LOOK, {"b_look": look, "b_ids": ids[start : start + _IDS]})

    def _tasks(self) -> None:
        new: list[tuple[int, PlannedTask]] = []
        changed: list[tuple[int, PlannedTask]] = []
        for plan in self.plans:
            for task in plan.tasks:
                (new if task.id is None else changed).append((plan.customer_id, task))
        if new:
            rows = [self._new_task(customer_id, task) for customer_id, task in new]
            ids = self.work.session.execute(insert(T).returning(T.c.id, sort_by_parameter_order=True), rows).scalars().all()
            for (customer_id, task), task_id in zip(new, ids, strict=True):
                self.task_ids[customer_id, task.person_id] = task_id
                if task.card == "adopt":
                    outbox.adopt(
                        self.work, customer_id, task.person_id,
                        subject="task", subject_id=task_id, kind=task.message, data={},
                    )  # fmt: skip
                else:
                    self._card(customer_id, task, task_id, 0)
                if task.note:
                    self._note(customer_id, task.person_id, "task", task_id, task.severity)
        touched = []
        updates = []
        for customer_id, task in changed:
            assert task.id is not None
            before = self.states[customer_id].tasks[task.person_id]
            self.task_ids[customer_id, task.person_id] = task.id
            reminders = before.reminders + (task.card == "remind")
            updates.append(
                {
                    "b_id": task.id,
                    "b_owner": task.as_owner,
                    "b_severity": task.severity,
                    "b_message": task.message,
                    "b_days": task.answer_days,
                    "b_reminders": reminders,
                    "b_events": [*before.events, *task.events],
                }
            )
            if task.card == "remind":
                self._card(customer_id, task, task.id, reminders)
            if task.card in ("remind", "update"):
                touched.append(task.id)
            if task.note:
                self._note(customer_id, task.person_id, "task", task.id, task.severity)
        if updates:
            self.work.session.execute(
                update(T)
                .where(T.c.id == bindparam("b_id"))
                .values(
                    as_owner=bindparam("b_owner"),
                    severity=bindparam("b_severity"),
                    message=bindparam("b_message"),
                    answer_days=bindparam("b_days"),
                    reminders=bindparam("b_reminders"),
                    events=bindparam("b_events"),
                    rev=T.c.rev + 1,
                ),
                updates,
            )
        links = [
            (self.task_ids[customer_id, task.person_id], r)
            for customer_id, task in (*new, *changed)
            for r in sorted(task.receivables)
        ]
        insert_many(self.work.session, TR, ("task_id", "receivable_id"), links)
        escalated = [{"b_id": i} for plan in self.plans for i in plan.escalated]
        if escalated:
            self.work.session.execute(
                update(T)
                .where(T.c.id == bindparam("b_id"))
                .values(escalations=T.c.escalations + 1, escalated_on=self.work.today),
                escalated,
            )
            touched += [row["b_id"] for row in escalated]  # their cards say that it has been reported
        outbox.touch(self.work, "task", touched)

    def _new_task(self, customer_id: int, task: PlannedTask) -> dict[str, Any]:
        return {
            "kind": "collect", "customer_id": customer_id, "person_id": task.person_id, "severity": task.severity,
            "message": task.message, "as_owner": task.as_owner, "state": TaskState.open.value,
            "opened_at": self.work.now, "rev": 1, "events": task.events,
            "answer_days": task.answer_days, "reminders": 0, "snoozes": 0, "escalations": 0,
            "silent_task_id": task.silent_task_id, "result": {}, "closed_by": "", "waiting_on": "",
        }  # fmt: skip

    def _card(self, customer_id: int, task: PlannedTask, task_id: int, number: int) -> None:
        self.messages.append(
            outbox.task_card(
                self.work,
                self.policy.windows,
                self.org.members[task.person_id],
                task_id=task_id,
                person_id=task.person_id,
                customer_id=customer_id,
                kind=task.message,
                number=number,
            )
        )

    def _note(self, customer_id: int, person_id: int, subject: str, subject_id: int, severity: str) -> None:
        self.messages.append(
            outbox.rise(
                self.work,
                self.policy.windows,
                self.org.members[person_id],
                subject=subject,
                subject_id=subject_id,
                customer_id=customer_id,
                severity=severity,
            )
        )

    def _alerts(self) -> None:
        touched = []
        for plan in self.plans:
            for alert in plan.alerts:
                case_id = self.case_ids[plan.customer_id, alert.currency]
                if alert.note:
                    self._note(plan.customer_id, alert.person_id, "case", case_id, alert.severity)
                data = {"severity": alert.severity}
                if alert.card == "update":
                    touched.append(plan.customer_id)  # the card may be that of another currency's case
                elif alert.card == "adopt":
                    outbox.adopt(
                        self.work, plan.customer_id, alert.person_id,
                        subject="case", subject_id=case_id, kind=alert.kind, data=data,
                    )  # fmt: skip
                else:
                    key = f"alert:{case_id}:{alert.person_id}:{self.work.today.isoformat()}"
                    self._bare(
                        plan.customer_id, alert.person_id, key, alert.kind, subject="case", subject_id=case_id, data=data
                    )
            for notice in plan.notices:
                if notice.update:
                    touched.append(plan.customer_id)
                else:
                    self._notice(plan.customer_id, notice.person_id, notice.event)
        outbox.touch_customers(self.work, touched)

    def _notice(self, customer_id: int, person_id: int, event: Event) -> None:
        kind = NOTICES[event.kind]
        about, _, what = kind.partition(".")  # promise.due is about a promise
        key = f"{about}:{event.data[about]}:{what}:{person_id}"
        data = {"events": [event.told(self.work.today)]}
        self._bare(
            customer_id, person_id, key, kind, subject=about, subject_id=event.data[about], data=data
        )

    def _bare(
        self, customer_id: int, person_id: int, key: str, kind: str, *, subject: str, subject_id: int, data: dict[str, Any]
    ) -> None:
        """A card without a task."""
        self.messages.append(
            outbox.row(
                self.work,
                key=key,
                kind=kind,
                subject=subject,
                subject_id=subject_id,
                customer_id=customer_id,
                person_id=person_id,
                data=data,
                windowed=True,
                not_before=outbox.in_work_window(self.work, self.policy.windows, self.org.members[person_id]),
            )
        )

    def _holds(self) -> None:
        wanted: dict[tuple[int, str, str], dict[str, Any]] = {}
        for plan in self.plans:
            for currency, kind, hit in plan.holds:
                wanted.setdefault(
                    (plan.customer_id, currency, kind),
                    {
                        "customer_id": plan.customer_id,
                        "currency": currency,
                        "kind": kind,
                        "case_id": self.case_ids[plan.customer_id, currency],
                        "step": hit.step.id,
                        "offset_days": hit.offset,
                        "reason": hit.reason,
                        "from_on": self.work.today,
                        "ended_by": "",
                    },
                )
        if not wanted:
            return
        running = self.work.session.execute(
            select(H.c.customer_id, H.c.currency, H.c.kind).where(
                H.c.customer_id.in_({key[0] for key in wanted}), H.c.ended_on.is_(None)
            )
        )
        for row in running:
            wanted.pop((row.customer_id, row.currency, row.kind), None)
        if wanted:
            self.work.session.execute(insert(H), list(wanted.values()))
            events.customers_changed(self.work, {customer for customer, _, kind in wanted if kind in BLOCKING})

    def _firings(self) -> None:
        keys: dict[tuple[str, int, int], int] = {}
        subjects = {*self.task_ids.values(), *self.case_ids.values()}
        if subjects:
            rows = self.work.session.execute(
                select(O.c.subject, O.c.subject_id, O.c.customer_id, O.c.person_id, O.c.id).where(
                    among(O.c.customer_id, [p.customer_id for p in self.plans]),
                    O.c.subject.in_(("task", "case")),
                    O.c.op == "send",
                    O.c.kind != "note.rise",
                    O.c.state.in_(outbox.WAITING),
                )
            )
            for row in rows:
                keys[row.subject, row.subject_id, row.person_id] = row.id
                if row.subject == "case":  # one card for all currencies of the customer
                    keys.setdefault(("alert", row.customer_id, row.person_id), row.id)
        today, now = self.work.today, self.work.now
        told: dict[tuple[Any, ...], list[str]] = {}
        firings = []
        for plan in self.plans:
            customer_id = plan.customer_id
            for f in plan.firings:
                hit, r = f.hit, f.hit.receivable
                step = hit.step
                case_id = self.case_ids[customer_id, f.currency]
                task_id = next((self.task_ids[customer_id, p] for p in f.to if (customer_id, p) in self.task_ids), None)
                outbox_id = None
                if f.outcome == "acted" and f.addresses:
                    outbox_id = self.letters.get((customer_id, f.currency))
                elif f.outcome == "acted" and f.to:
                    person = f.to[0]
                    outbox_id = (
                        keys.get(("task", task_id or 0, person))
                        or keys.get(("case", case_id, person))
                        or keys.get(("alert", plan.customer_id, person))
                    )
                to = f.to or f.addresses
                if to not in told:
                    told[to] = [self.org.members[p].handle for p in f.to] or list(f.addresses)
                facts = {"open": r.open_minor, "chaseable": r.chaseable_minor, "age": r.age(today)}
                firings.append((
                    r.id, r.due_on, step.id, hit.occurrence, hit.audience, case_id, customer_id, hit.ladder, hit.offset,
                    step.action, f.kind, step.severity or "", step.stage, today, now, f.outcome, f.reason, "", told[to],
                    task_id, outbox_id, facts,
                ))  # fmt: skip
        insert_many(self.work.session, F, _FIRING, firings)

    def _audit(self) -> None:
        rows = []
        for plan in self.plans:
            steps: dict[str, int] = defaultdict(int)
            for f in plan.firings:
                steps[f.hit.step.id] += 1
            if not (steps or plan.escalated):
                continue
            rows.append((
                self.work.now, self.work.actor, self.work.person_id, self.work.channel, "dunning.fired", "customer",
                plan.customer_id, plan.customer_id, {"steps": dict(steps), "silent_tasks": plan.escalated},
            ))  # fmt: skip
        insert_many(self.work.session, table_of(Audit), _AUDIT, rows)
