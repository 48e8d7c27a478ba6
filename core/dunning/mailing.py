"""Writes the letters that were planned: their rows, their messages, and what became of the firings that waited for them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from core import outbox
from core.dunning.ladder import LETTER_KINDS
from core.dunning.letters import FINAL, LetterFacts, LetterPlan
from core.dunning.state import CustomerPlan, CustomerState
from core.dunning.states import RELEASED
from core.models import Firing, FiringOutcome, Letter, LetterState, OutboxMessage
from core.models.base import table_of
from core.work import Work

F, L, O = table_of(Firing), table_of(Letter), table_of(OutboxMessage)  # noqa: E741
Key = tuple[int, str]  # (customer, currency)


def write(
    work: Work, plans: Sequence[CustomerPlan], states: Mapping[int, CustomerState], case_ids: Mapping[Key, int]
) -> dict[Key, int]:
    """The letters that go now. Returns the outbox id of each that is mailed."""
    _still_waiting(work, plans, case_ids)
    going = {
        (plan.customer_id, currency): letter
        for plan in plans
        for currency, letter in plan.letters.items()
        if isinstance(letter, LetterPlan)
    }
    if not going:
        return {}
    known = {key: states[key[0]].letters.get(key[1], states[key[0]].new_letters) for key in going}
    rows = [_letter(work, key, letter, known[key]) for key, letter in going.items()]
    ids = work.session.execute(insert(L).returning(L.c.id, sort_by_parameter_order=True), rows).scalars().all()
    mailed = {key: i for (key, letter), i in zip(going.items(), ids, strict=True) if letter.stage != FINAL}
    outbox.enqueue(
        work,
        [
            outbox.row(
                work,
                key=f"letter:{letter_id}",
                kind=LETTER_KINDS[going[key].stage],
                subject="letter",
                subject_id=letter_id,
                customer_id=key[0],
                address=known[key].to,
                not_before=work.now,
            )
            for key, letter_id in mailed.items()
        ],
    )
    messages = select(O.c.subject_id, O.c.id).where(O.c.subject == "letter", O.c.subject_id.in_(mailed.values()))
    by_letter = {letter_id: outbox_id for letter_id, outbox_id in work.session.execute(messages)}
    outbox_ids = {key: by_letter[letter_id] for key, letter_id in mailed.items()}
    for key, letter in going.items():
        work.session.execute(
            update(F)
            .where(
                F.c.customer_id == key[0],
                F.c.receivable_id.in_(letter.receivables),
                F.c.stage <= letter.stage,
                F.c.outcome == FiringOutcome.deferred,
            )
            .values(
                outcome=FiringOutcome.acted,
                was=FiringOutcome.deferred,
                changed_at=work.now,
                outbox_id=outbox_ids.get(key),
            )
        )
    return outbox_ids


def _letter(work: Work, key: Key, letter: LetterPlan, known: LetterFacts) -> dict[str, Any]:
    final = letter.stage == FINAL
    return {
        "customer_id": key[0],
        "currency": key[1],
        "stage": letter.stage,
        "to": "" if final else known.to,
        "cc": [known.cc] if letter.cc else [],
        # The final letter is a file: a human sends it, and it counts for the gap from now on.
        "state": (LetterState.sent if final else LetterState.queued).value,
        "created_at": work.now,
        "sent_on": work.today if final else None,
        "receivables": list(letter.receivables) if final else [],
        "subject": "",
        "text": "",
    }


def _still_waiting(work: Work, plans: Sequence[CustomerPlan], case_ids: Mapping[Key, int]) -> None:
    """A letter that has got its contact may have to be reviewed now: the reason says what it waits for today."""
    waiting: dict[str, list[int]] = defaultdict(list)
    for plan in plans:
        for currency, why in plan.letters.items():
            case_id = case_ids.get((plan.customer_id, currency))
            if isinstance(why, str) and why and case_id is not None:
                waiting[why].append(case_id)
    for why, ids in waiting.items():
        work.session.execute(
            update(F)
            .where(
                F.c.case_id.in_(ids),
                F.c.outcome == FiringOutcome.deferred,
                F.c.stage.is_not(None),
                F.c.reason.not_in((why, RELEASED)),
            )
            .values(reason=why)
        )
