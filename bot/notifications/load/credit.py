"""Credit: the question to an approver, and what the rep and finance hear of an order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from sqlalchemy import select

from bot.notifications.load.facts import About, Cancel, Facts, Loaded, Message, phrase
from bot.notifications.load.proposals import rating_why
from bot.notifications.templates import templates
from bot.notifications.views import CreditView, OrderView, Phrase
from bot.notifications.views.credit import InsuredLine, in_place_of
from bot.notifications.views.ratings import letter_of
from core.credit import requests, seats
from core.credit.conditions import merged
from core.credit.decision import decision
from core.ledger.marks import NOBODY
from core.models import CreditRequest, CreditVote, Delivery, Order, OrderState, RequestState
from core.models.base import table_of
from core.money import Money

V = table_of(CreditVote)


def request(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """To whoever may release the order: on the figures that a tap is compared with."""
    session = facts.work.session
    row = session.get_one(CreditRequest, message.subject_id)
    order = session.get_one(Order, row.order_id)
    mine, reader = row.rungs[row.rung], message.person_id
    ended = _ended(facts, row, lang)
    if ended is None and reader not in seats.may_decide(mine):
        ended = _next_level(facts, row, lang) if _voted_before(row, reader) else _others_decide(facts, mine, lang)
    if ended is not None and not message.for_update:
        return Cancel(str(row.state))
    newer = ended is None and _newer(facts, message)
    if newer:
        ended = phrase("ended.superseded")
    about, shown = facts.about(row.customer_id), row.facts
    currency, limit, over = shown["currency"], shown["limit_minor"], shown["over_minor"]
    left = shown.get("available_minor", None if limit is None else limit - shown["used_minor"])  # an older one has none
    promise = max(about.promises, key=lambda p: p.id or 0, default=None)
    said = _votes(facts, row) if ended is None else []
    view = CreditView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        rating=letter_of(shown["rating"]),
        order=order.number,
        amount=Money(order.amount_minor, order.currency),
        prepaid=Money(order.prepaid_minor, order.currency) if order.prepaid_minor else None,
        rating_why=rating_why(facts, row.customer_id, shown["rating"]) if letter_of(shown["rating"]) else None,
        limit=None if limit is None else Money(limit, currency),
        limit_source=shown.get("limit_source", "own"),
        used=Money(shown["used_minor"], currency),
        available=None if left is None else Money(left, currency),
        over=Money(over, currency) if over else None,
        share_over=(over * 200 + limit) // (2 * limit) if over and limit else 0,  # half up, as in /credit
        **_group(shown.get("group")),
        insured=tuple(
            InsuredLine(amount=Money(minor, code), insurer=insurer, until=date.fromisoformat(until))
            for minor, code, insurer, until in shown.get("insured", ())
        ),
        overdue=tuple(Money(minor, code) for code, minor in shown["overdue_minor"].items()),
        days=shown["overdue_days"],
        promise_on=promise.due_on if promise is not None else None,
        promise_amount=Money(promise.amount_minor, promise.currency) if promise is not None else None,
        not_kept=about.not_kept,
        reasons=_reasons(shown["reasons"], lang),
        by=facts.name(row.asked_by_id),
        note=order.note,
        expires_at=facts.local(row.expires_at, message.person_id) if ended is None else None,
        changed=row.rev > 1 and shown.get("anew") != "moved",
        moved=row.rev > 1 and shown.get("anew") == "moved",
        anew="agreed" in shown,
        refused_by=facts.name(shown.get("rejected", {}).get("by")),
        refused_why=shown.get("rejected", {}).get("reason", ""),
        conditions=_agreed_so_far(row, said) if ended is None else None,
        agreed_by=tuple(facts.name(vote.person_id) for vote in said if vote.conditions),
        comments=_comments(facts, said),
        acts_for=tuple(facts.name(person) for person in seats.acts_for(mine, reader)),
        unanswered=tuple(facts.name(person) for person in seats.seats(mine)) if reader in mine.get("above", ()) else (),
        reminders=row.reminders,
        rung=row.rung + 1,
        of_rungs=len(row.rungs),
        ended=ended,
    )
    return Loaded(
        kind="credit.request", view=view, customer_code=about.code, severity="severe", over=ended is not None,
        shows={"rev": row.rev} | ({"newer": True} if newer else {}),
    )  # fmt: skip


def _group(shared: Mapping[str, Any] | None) -> dict[str, Any]:
    """The sums of the customer's group: who else belongs to it may not be the reader's to see."""
    if shared is None:
        return {}
    limit, used, over = (Money(shared[f"{name}_minor"], shared["currency"]) for name in ("limit", "used", "over"))
    return {"group": shared["name"], "group_limit": limit, "group_used": used, "group_over": over if over.minor else None}


def _newer(facts: Facts, message: Message) -> bool:
    """Whether its reader was sent the card once more."""
    if not message.for_update or message.delivery_id is None:
        return False
    D = table_of(Delivery)
    found = select(D.c.id).where(
        D.c.subject == message.subject, D.c.subject_id == message.subject_id, D.c.person_id == message.person_id,
        D.c.kind == message.kind, D.c.outbox_id.is_not(None), D.c.id > message.delivery_id,
    )  # fmt: skip
    return facts.work.session.execute(found.limit(1)).first() is not None


def _voted_before(row: CreditRequest, person_id: int | None) -> bool:
    return any(person_id in seats.may_decide(rung) for rung in row.rungs[: row.rung])


def _others_decide(facts: Facts, rung: seats.Rung, lang: str) -> Phrase:
    return phrase("ended.moved", who=("、" if lang == "zh" else ", ").join(_asked(facts, rung, lang)))


def _next_level(facts: Facts, row: CreditRequest, lang: str) -> Phrase:
    """For whoever was asked on a level that has agreed: nothing is decided yet."""
    who = ("、" if lang == "zh" else ", ").join(_asked(facts, row.rungs[row.rung], lang))
    return phrase("ended.next_level", text=f"{row.rung}/{len(row.rungs)}", who=who)


def _asked(facts: Facts, rung: seats.Rung, lang: str) -> list[str]:
    """Whose decision it waits for."""
    return [
        in_place_of(facts.name(person), [facts.name(seat) for seat in seats.acts_for(rung, person)], lang)
        for person in rung["people"]
    ]


def _votes(facts: Facts, row: CreditRequest) -> list[CreditVote]:
    """Everybody's word on what is shown now, the first one first."""
    if not row.rung and row.rungs[0]["need"] == "any":
        return []  # one word is all that there can be
    mine = select(CreditVote).where(V.c.request_id == row.id, V.c.request_rev == row.rev)
    return list(facts.work.session.execute(mine.order_by(V.c.rung, V.c.at, V.c.person_id)).scalars())


def _agreed_so_far(row: CreditRequest, said: Iterable[CreditVote]) -> Phrase | None:
    """What those who have said yes already ask for, and those of an earlier yes that came to nothing."""
    agreed = merged([row.facts.get("agreed", {}), *(vote.conditions for vote in said if vote.approve)])
    return phrase("credit.conditions", **_said(agreed)) if agreed else None


def _comments(facts: Facts, said: Iterable[CreditVote]) -> tuple[Phrase, ...]:
    return tuple(phrase("credit.comment", who=facts.name(vote.person_id), text=vote.reason) for vote in said if vote.reason)


def words_on(facts: Facts, row: CreditRequest) -> tuple[Phrase, ...]:
    """What was written beside a decision: on every level, with names where several had a say."""
    said = _votes(facts, row) if row.state in (RequestState.approved, RequestState.rejected) else []
    if len(said) > 1:
        return _comments(facts, said)
    return (phrase("credit.comment", text=row.reason),) if row.reason else ()


def _decider(facts: Facts, row: CreditRequest, lang: str) -> str:
    whom = [facts.name(person) for person in seats.acts_for(row.rungs[row.rung], row.decided_by_id)]
    return in_place_of(facts.name(row.decided_by_id), whom, lang)


def _ended(facts: Facts, row: CreditRequest, lang: str) -> Phrase | None:
    who = _decider(facts, row, lang)
    match row.state:
        case RequestState.pending:
            return None
        case RequestState.approved if row.conditions:
            return phrase("ended.approved_with", who=who, **conditions_of(row))
        case RequestState.approved:
            return phrase("ended.approved", who=who)
        case RequestState.rejected:
            return phrase("ended.rejected", who=who, text=row.reason)
        case RequestState.expired:
            return phrase("ended.request_expired")
        case RequestState.withdrawn:
            return phrase("ended.withdrawn", who=who, text=row.reason)
        case _:
            return phrase("ended.obsolete")


def conditions_of(row: CreditRequest) -> dict[str, Any]:
    return _said(row.conditions)


def _said(conditions: Mapping[str, Any]) -> dict[str, Any]:
    until, terms = conditions.get("until"), conditions.get("terms")
    return {
        "n": int(conditions.get("prepay_percent") or 0), "on": date.fromisoformat(until) if until else None,
        "text": "" if terms is None else str(terms),
    }  # fmt: skip


def _reasons(stored: Iterable[Mapping[str, Any]], lang: str) -> tuple[Phrase, ...]:
    """Reasons of a verdict in words; see core.credit.verdict for what each says."""
    found = []
    for reason in stored:
        said: dict[str, Any] = {}
        if "amount" in reason:
            said["amount"] = (Money(*reason["amount"]),)
        if "days" in reason:
            said["n"] = reason["days"]
        if "limit" in reason:
            said["limit"] = Money(*reason["limit"])
        text = reason.get("allowed", reason.get("currency", reason.get("group", reason.get("part", ""))))
        if "role" in reason:
            text = templates().word(str(reason["role"]), "role", "zh" if lang == "zh" else "en")
        said["text"] = "、".join(reason["lines"][:3]) if "lines" in reason else str(text)
        found.append(phrase(f"credit.{reason['code']}", **said))
    return tuple(found)


def order(facts: Facts, message: Message, lang: str) -> Loaded | Cancel:
    """What became of an order, as the message says it. Of that changes only whether somebody may still ask again; and the
    card of a held order."""
    row = facts.work.session.get_one(Order, message.subject_id)
    asked = requests.latest(facts.work, row.id or 0)
    about = facts.about(row.customer_id)
    if message.kind == "order.held":
        return _held(facts, message, row, asked, about, lang)
    state, ended = _outcome(row, asked), None
    if message.for_update and state not in _ASKABLE:
        waits = state == "held" and asked is not None
        ended = phrase("ended.asked_again") if waits else _closed_by(facts, row, asked, lang)
        state = "expired"
    return _told(facts, message, row, about, state, asked, lang, ended=ended)


_ASKABLE = ("expired", "withdrawn", "rejected", NOBODY)


def _closed_by(facts: Facts, row: Order, asked: CreditRequest | None, lang: str) -> Phrase:
    if row.state == OrderState.held and NOBODY in row.facts:
        return phrase("ended.nobody")
    return (_ended(facts, asked, lang) if asked is not None else None) or phrase("ended.resolved")


def _held(
    facts: Facts, message: Message, row: Order, asked: CreditRequest | None, about: About, lang: str
) -> Loaded | Cancel:
    """It waits, or is closed: what has become of it says a card of its own, with which it may be asked again."""
    if row.state != OrderState.held and not message.for_update:
        return Cancel(str(row.state))
    waits = row.state == OrderState.held and asked is not None and asked.state == RequestState.pending
    ended = None if waits else _closed_by(facts, row, asked, lang)
    return _told(facts, message, row, about, "held", asked, lang, ended=ended)


def _outcome(row: Order, asked: CreditRequest | None) -> str:
    if row.state != OrderState.held:
        return str(row.state)
    if NOBODY in row.facts:
        return NOBODY
    if asked is not None and asked.state == RequestState.approved:
        return "conditions"
    return str(asked.state) if asked is not None and asked.state in _ASKABLE else "held"


def _may_ask(facts: Facts, row: Order, asked: CreditRequest | None, reader: int | None) -> bool:
    """Whose order it is, who follows it by now, who asked last, and their managers."""
    rep = requests.rep_of(facts.work, row, facts.org)
    askers = {row.asked_by_id, rep, asked.asked_by_id if asked is not None else None} - {None}
    return reader in askers or any(reader in facts.org.above(asker) for asker in askers)


def _told(
    facts: Facts, message: Message, row: Order, about: About, state: str, asked: CreditRequest | None, lang: str,
    *, ended: Phrase | None = None,
) -> Loaded:  # fmt: skip
    over = row.facts.get("over_minor", 0)
    pending = asked is not None and asked.state == RequestState.pending
    rung = asked.rungs[asked.rung] if asked is not None and pending else {"people": ()}
    decided = decision(row, asked)
    may_ask = ended is None and state in _ASKABLE and _may_ask(facts, row, asked, message.person_id)
    view = OrderView(
        today=facts.today,
        customer=about.name,
        short=about.short,
        code=about.code,
        order=row.number,
        amount=Money(row.amount_minor, row.currency),
        state=state,
        prepaid=Money(row.prepaid_minor, row.currency) if row.prepaid_minor else None,
        over=Money(over, asked.facts["currency"]) if over and asked is not None else None,
        reasons=_reasons(row.reasons, lang),
        asked=tuple(_asked(facts, rung, lang)),
        until=facts.local(asked.expires_at, message.person_id) if asked is not None and pending else None,
        by=_decider(facts, decided, lang) if decided is not None else "",
        why=words_on(facts, decided) if decided is not None else (),
        conditions=_conditions_of(row, decided),
        note=row.note,
        may_ask=may_ask,
        ended=ended,
    )
    return Loaded(
        kind=message.kind, view=view, customer_code=about.code, severity="overdue",
        over=ended is not None or (message.kind == "order.decided" and not may_ask),
    )  # fmt: skip


def _conditions_of(row: Order, decided: CreditRequest | None) -> Phrase | None:
    if decided is None or not decided.conditions:
        return None
    prepay = row.conditions.get("prepay_minor")
    amount = (Money(prepay, row.currency),) if prepay else ()
    return phrase("credit.conditions", **conditions_of(decided), amount=amount)
