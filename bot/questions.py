"""Taps that ask once more before they take effect, where the messenger itself can't: a link, a line that is typed. And what
a line is asked back that might mean several cards.

The question is a card of its own, kept as a delivery for the one who tapped. It holds the tap as it was read, with what the
tapped card showed then: a yes does that and nothing else, and is stale if the card has changed meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from bot.card import Action, Card, Field, Lang, day_words, load
from bot.meant import Hit, whole
from bot.notifications.load import Cancel, Message
from bot.notifications.load import load as load_view
from bot.notifications.parcel import of_delivery
from bot.notifications.templates import render, templates
from bot.notifications.views import ChoiceView, Line, Option, SureView
from bot.words import sentence
from core import actions
from core.actions import ActionRequest, Result
from core.credit import lines as lines_
from core.credit import prepayment, requests, shown, votes
from core.credit.conditions import merged
from core.dunning.load import load_org
from core.dunning.stored import active
from core.models import CreditRequest, Customer, Delivery, Order
from core.money import Money, format_money
from core.work import Work

KIND, WHICH, ASKS = "reply.sure", "reply.choice", "reply.asks"
ALWAYS = frozenset({"credit.approve_with"})  # of no button can a messenger know what its conditions come to
_ASKED = ALWAYS | {"credit.reject"}
YES, NO = "reply.confirm", "reply.cancel"


def question(
    work: Work, delivery: Delivery, request: ActionRequest, lang: Lang
) -> tuple[Card, dict[str, Any]] | None:
    """What to ask before this is done, and the tap to be kept with it; None where the button asks nothing, or nothing would
    be done anyway: a tap in vain is told so at once."""
    action = next((a for a in load(delivery.card["dump"]).actions if a.id == request.action), None)
    if action is None or not (action.confirm or request.action in _ASKED):
        return None
    action = whole(action, lang)
    kept = _to_json(request, delivery)  # as of what the question says: after the lock the card may be another
    if actions.would(work, request).result != Result.done:
        return None
    if request.action in _ASKED:
        asked, given = _about_order(work, delivery, action, request.input, lang)
    else:
        asked, given = action.confirm or "", _details(action, request.input, work.today, lang)
    view = SureView(today=work.today, what=action.label, question=asked, details=given)
    return render(KIND, view, lang), {"tap": kept}


def which(
    work: Work, hits: Sequence[Hit], text: str, lang: Lang
) -> tuple[Card, dict[str, Any]]:
    """The cards that a line might mean, to pick one by its number, and what each of them would be told."""
    options = []
    for number, hit in enumerate(hits, start=1):
        drawn = load(hit.delivery.card["dump"])
        label = next((action.label for action in drawn.actions if action.id == hit.action), hit.action)
        order, name = order_of(work, hit.delivery), named(work, hit.delivery, lang)
        what = format_money(Money(order.amount_minor, order.currency), lang) if order is not None else drawn.title
        options.append(Option(value=str(number), label=" · ".join(part for part in (label, name, what) if part)))
    view = ChoiceView(today=work.today, asked=text, options=tuple(options), waiting=True)
    kept = [{"delivery": hit.delivery.id, "action": hit.action, "input": hit.given} for hit in hits]
    return render(WHICH, view, lang), {"which": kept}


def named(work: Work, delivery: Delivery | Message, lang: Lang) -> str:
    """The customer that a card is about, and the order."""
    customer = work.session.get(Customer, delivery.customer_id) if delivery.customer_id is not None else None
    if customer is None:
        return ""
    short, order = customer.short_name or customer.name, order_of(work, delivery)
    if order is None:
        return short
    return f"{short} 订单 {order.number}" if lang == "zh" else f"{short}, order {order.number}"


def order_of(work: Work, delivery: Delivery | Message) -> Order | None:
    if delivery.subject == "credit":
        return work.session.get_one(Order, work.session.get_one(CreditRequest, delivery.subject_id).order_id)
    return work.session.get_one(Order, delivery.subject_id) if delivery.subject == "order" else None


def about_order(work: Work, order: Order, action: str, person_id: int | None) -> Message | None:
    """The card that has this button for an order, as if it had been sent to this person; None where nothing waits."""
    kind = next((kind for kind, has in _CARDS.items() if action in has), None)
    if kind is None:
        return None
    subject, subject_id = "order", order.id or 0
    if kind == "credit.request":
        pending = requests.pending(work, subject_id)
        if pending is None:
            return None
        subject, subject_id = "credit", pending.id or 0
    return Message(kind=kind, subject=subject, subject_id=subject_id, person_id=person_id, customer_id=order.customer_id)


_TWICE = {"金额", "Amount"}  # the order's: the card of whoever decides calls it “this order”


@dataclass(frozen=True)
class Buttons:
    """What somebody may press about an order, and the card that these buttons are of."""

    message: Message
    shows: Mapping[str, Any]
    actions: tuple[Action, ...]
    fields: tuple[Field, ...] = ()  # the figures on which whoever is asked decides

    def on(self, card: Card) -> Card:
        """An answer about the order, with these buttons."""
        told = {field.label for field in self.fields} | (_TWICE if self.fields else set())
        others = tuple(field for field in card.fields if field.label not in told)
        return replace(card, actions=self.actions, fields=(*self.fields, *others))


def buttons(work: Work, order_id: int | None, person_id: int | None, lang: Lang) -> Buttons | None:
    """Whoever decides about it, or asked for it, has theirs; everybody else none."""
    order = work.session.get(Order, order_id) if order_id is not None else None
    last = requests.latest(work, order.id or 0) if order is not None else None
    if order is None or last is None:
        return None
    asks = person_id in (order.asked_by_id, last.asked_by_id, requests.rep_of(work, order, load_org(work)))
    for kind, has in _CARDS.items():
        message = about_order(work, order, has[0], person_id)
        if message is None or (kind == "order.held" and not asks):
            continue
        loaded = load_view(work, message, lang)
        card = render(loaded.kind, loaded.view, lang) if not isinstance(loaded, Cancel) else None
        if card is not None and not isinstance(loaded, Cancel) and card.actions and not card.closed:
            return Buttons(message, loaded.shows, card.actions, card.fields if kind == "credit.request" else ())
    return None


_CARDS = {
    "credit.request": ("credit.approve", "credit.approve_with", "credit.reject"),
    "order.held": ("credit.withdraw", "credit.explain"), "order.decided": ("credit.ask_again",),
}  # fmt: skip


def _about_order(
    work: Work, delivery: Delivery, action: Action, given: Mapping[str, str], lang: Lang
) -> tuple[str, tuple[Line, ...]]:
    """What no card can say beforehand: which order it is, and what the conditions mean in money."""
    order, lines = order_of(work, delivery), _details(action, given, work.today, lang)
    customer = work.session.get(Customer, delivery.customer_id)
    assert order is not None and customer is not None
    facts = {"short": customer.short_name or customer.name, "order": order.number,
             "amount": Money(order.amount_minor, order.currency)}  # fmt: skip
    asked = sentence(f"question.{action.id.rpartition('.')[2]}", facts, lang)[0]
    return asked, lines if action.id not in ALWAYS else _in_money(work, delivery, order, action, given, lang)


def _in_money(
    work: Work, delivery: Delivery, order: Order, action: Action, given: Mapping[str, str], lang: Lang
) -> tuple[Line, ...]:
    """What the conditions come to, with those of whoever has said yes before."""
    request, policy = work.session.get_one(CreditRequest, delivery.subject_id), active(work)[1]
    mine = {"prepay_percent": int(given["prepay_percent"].rstrip("%"))} if given.get("prepay_percent") else {}
    others = {name: given[name] for name in ("until",) if given.get(name)} | ({"terms": 0} if given.get("terms") else {})
    agreed = votes.agreed_so_far(work, request)
    prepay = Money(prepayment.agreed_minor(order, merged([agreed, mine]) | others), order.currency)
    promised = Money(prepayment.promised_minor(order), order.currency)

    def say(code: str, **facts: object) -> str:
        return sentence(f"question.approve_with_{code}", facts, lang)[0]

    lines = []
    over, unit = shown.over_of(request.facts)
    if over:
        lines.append(Line(label=say("over_label"), value=format_money(Money(over, unit), lang)))
    for item in action.inputs:
        line = next(iter(_details(replace(action, inputs=(item,)), given, work.today, lang)), None)
        if line is None:
            continue
        if item.name == "prepay_percent":
            line = replace(line, value=say("share", percent=line.value, amount=prepay))
        elif item.name == "until":
            more = Money(lines_.addition(work, policy, request, order), request.facts["currency"])
            line = replace(line, value=say("line" if more.minor else "no_line", until=line.value, amount=more))
        lines.append(line)
    if promised.minor and "prepay_percent" not in {**agreed, **mine}:
        lines.append(Line(label=say("kept_label"), value=say("kept" if prepay.minor else "less", amount=promised)))
    elif promised.minor > prepay.minor:
        lines.append(Line(label=say("kept_label"), value=say("less", amount=promised)))
    return tuple(lines)


def _details(action: Action, given: Mapping[str, str], today: date, lang: Lang) -> tuple[Line, ...]:
    lines = []
    for item in action.inputs:
        if value := given.get(item.name, ""):
            label = next((choice.label for choice in item.choices if choice.value == value), value)
            if item.name == "terms" and label == value and value.isdecimal():
                label = sentence("question.approve_with_days", {"days": value}, lang)[0]
            if item.type == "date":
                label = day_words(date.fromisoformat(value), today, lang)
            lines.append(Line(label=item.label, value=label))
    return tuple(lines)


def _to_json(request: ActionRequest, delivery: Delivery) -> dict[str, Any]:
    rev = request.seen_rev if request.seen_rev is not None else delivery.rev
    shown = delivery.card.get("shows", {})
    return {"delivery": delivery.id, "action": request.action, "input": dict(request.input), "rev": rev, "shows": shown}


def tap_of(question: Delivery, person_id: int) -> ActionRequest:
    """What a yes to it does."""
    kept = question.card["data"]["tap"]
    return ActionRequest(
        person_id, kept["action"], kept["input"], delivery_id=kept["delivery"], seen_rev=kept["rev"], shown=kept["shows"]
    )


def ending(work: Work, delivery: Delivery, lang: Lang) -> str:
    """What a card says that is over: who decided, and what. "" while it isn't."""
    return ended(work, of_delivery(delivery), lang)


def ended(work: Work, message: Message, lang: Lang) -> str:
    """The same of a message that may have no card."""
    loaded = load_view(work, message, lang)
    if isinstance(loaded, Cancel):
        return ""
    card, how = render(loaded.kind, loaded.view, lang), getattr(loaded.view, "ended", None)
    if not card.closed or how is None:
        return card.title if card.closed else ""
    name, said = named(work, message, lang), templates().phrase(how, lang, work.today)
    return (f"{name}：{said}" if lang == "zh" else f"{name}: {said}") if name else card.title
