"""What comes back from a messenger: an account's tap or typed line becomes a Person's action, exactly once.

Envelope (what the messenger vouches for) -> Person -> ActionRequest or command -> one transaction -> Reply.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError

from bot import commands, identity, kept, meant, questions
from bot.adapters.base import CARD, TEXT, Adapter, Address, Envelope, Reply
from bot.card import Action, Capabilities, Card, Lang, as_lang, card_json, dump, load
from bot.fit import PROFILES, ask_card, fit
from bot.inputs import about_which, canonical
from bot.notifications.load import Cancel, Message
from bot.notifications.load import load as load_view
from bot.notifications.load.facts import stopping
from bot.notifications.readers import address_of
from bot.notifications.templates import ACTION_IDS, render, templates
from bot.text import clean
from bot.transactions import TooLate, Transactions
from bot.words import days_in_words, not_saved, of_earlier, sentence, together
from core import actions
from core.actions import ActionRequest, Outcome, Result
from core.errors import DomainError
from core.models import Account, Customer, Delivery, InboundEvent, OutboxMessage, Person
from core.models.base import table_of
from core.money import Money, format_money
from core.waiting import waiting
from core.work import Work

D, A, P, E, O = (table_of(m) for m in (Delivery, Account, Person, InboundEvent, OutboxMessage))  # noqa: E741
OPENS, OPEN_TASK = "task.log", "task.open"
MAX_DIGITS = 15  # of an id that comes from outside

_PERSON = (
    select(Person)
    .join(Account, A.c.person_id == P.c.id)
    .where(A.c.messenger == bindparam("messenger"), A.c.user_id == bindparam("user"))
)
_DELIVERY = (
    select(Delivery)
    .where(D.c.messenger == bindparam("messenger"), D.c.ref == bindparam("ref"))
    .order_by(D.c.id.desc())
    .limit(1)
)


@dataclass(frozen=True)
class Door:
    """What a message from outside meets: the database, and the messengers that answers are drawn for."""

    transactions: Transactions
    adapters: dict[str, Adapter]


def receive(door: Door, envelope: Envelope, actor: str = "") -> Reply:
    """Handles one event of a messenger, in one transaction. A redelivered event gets the first answer again."""
    if envelope.looks:
        return _look(door, envelope)
    try:
        with door.transactions.work(envelope.at, channel=envelope.messenger, until=envelope.until) as work:
            person = person_of(work, envelope.messenger, envelope.user_id)
            if person is None:
                return _by_nobody(work, envelope)
            lang = as_lang(person.locale, work.company.lang)
            known = kept.answer_to(work, envelope)
            if known is not None:
                return known
            work = replace(work, person_id=person.id, actor=actor or person.handle)
            desk = Desk(door, work, person, lang, envelope)
            reply = desk.typed(clean(envelope.text)) if envelope.text else desk.tapped()
            kept.remember(work, envelope, reply)
            return reply
    except TooLate:
        return Reply("not_saved", not_saved(door.transactions.company.lang, typed=bool(envelope.text)))
    except IntegrityError as error:
        if "inbound_event" not in str(error.orig):
            raise
        with door.transactions.look(envelope.at) as work:  # the same event, handled by somebody else just now
            known = kept.answer_to(work, envelope)
        if known is None:
            raise
        return known


def _look(door: Door, envelope: Envelope) -> Reply:
    """What a line would be answered, in a transaction that cannot write. The buttons belong to no delivery."""
    with door.transactions.look(envelope.at) as work:
        person = person_of(work, envelope.messenger, envelope.user_id)
        if person is None:
            return Reply("not_allowed", sentence("account.unknown", {}, work.company.lang)[0])
        work = replace(work, person_id=person.id, actor=person.handle, channel=envelope.messenger)
        return Desk(door, work, person, as_lang(person.locale, work.company.lang), envelope).typed(clean(envelope.text))


def _by_nobody(work: Work, envelope: Envelope) -> Reply:
    """An account that is nobody's, until it is linked: brought again, that line would be somebody's, and refused."""
    reply = identity.unknown(work, envelope)
    if reply.outcome == "done":
        kept.remember(work, envelope, reply)
    return reply


def person_of(work: Work, messenger: str, user_id: str) -> Person | None:
    """The active person behind an account. The local messenger's user id is the handle."""
    person = work.session.execute(_PERSON, {"messenger": messenger, "user": user_id}).scalar_one_or_none()
    if person is None and messenger == "local":
        person = work.session.execute(select(Person).where(P.c.handle == user_id)).scalar_one_or_none()
    return person if person is not None and person.active else None


class Desk:
    """One person's event while it is handled. `act` does what a button asks for."""

    def __init__(
        self, door: Door, work: Work, person: Person, lang: Lang, envelope: Envelope,
        act: Callable[[Work, ActionRequest], Outcome] = actions.execute,
    ) -> None:  # fmt: skip
        self.door, self.work, self.person, self.lang, self.envelope = door, work, person, lang, envelope
        self._act = act

    @property
    def capabilities(self) -> Capabilities:
        """Of the messenger, for a new message to this account."""
        here, user = self.envelope.messenger, self.envelope.user_id
        query = select(A.c.text_only).where(A.c.messenger == here, A.c.user_id == user)
        to = Address(user, self.lang, bool(self.work.session.execute(query).scalar()))
        return self.door.adapters[here].capabilities(to)

    # --- typed lines ---

    def typed(self, text: str, *, confirmed: bool = False, delivery: Delivery | None = None) -> Reply:
        if delivery is None and not self.envelope.looks and not commands.is_command(text):
            pressed = self._button(text)
            if pressed is not None:
                return pressed
        answered = commands.handle(self.work, self.person, text, lang=self.lang, confirmed=confirmed)
        holds = stopping(self.work, answered.customer_id) if answered.outcome == "done" else ()
        card = render(answered.kind, answered.view, self.lang, holds)
        mine = questions.buttons(self.work, answered.order_id, self.person.id, self.lang)
        card = self._fit(card if mine is None else mine.on(card))
        outcome = answered.outcome or "done"
        message = "" if outcome == "done" else card.text or card.title
        delivery_id = None
        if answered.pending is not None and not confirmed:
            delivery_id = self._keep(card, "command", 0, {"text": answered.pending, "who": self.person.handle})
        elif mine is not None and not self.envelope.looks:
            about, kept_as = mine.message, replace(card, kind=mine.message.kind)  # which is what it is drawn anew as
            delivery_id = self._keep(
                kept_as, about.subject, about.subject_id, {}, customer_id=about.customer_id, shows=mine.shows
            )
        elif card.actions and answered.pending is None and not self.envelope.looks:
            delivery_id = self._keep(card, "todo", 0, {})
        if delivery is not None:
            self._close(delivery)
        return Reply(outcome, message, card, answered.json, delivery_id)

    def _button(self, text: str) -> Reply | None:
        """“2 7-15”, “驳回 SO-3 太高” press a button of the card that is meant: the floor under every messenger."""
        read = meant.read(self.work, self.person, self.envelope.messenger, text)
        found = self._without_card(read) if isinstance(read, meant.Nowhere) else read
        if isinstance(found, Outcome):
            return self._said(found)
        if isinstance(found, list):
            asked, those = questions.which(self.work, found, text, self.lang)
            card = self._fit(asked)
            return Reply("done", "", card, {}, self._keep(card, "command", 0, those))
        return self._press(found) if found is not None else None

    def _press(self, hit: meant.Hit) -> Reply:
        delivery = hit.delivery
        self.envelope = replace(
            self.envelope, delivery_id=delivery.id, ref="", action=hit.action, input=hit.given, seen_rev=delivery.rev
        )
        reply = self._about(self.tapped(), delivery)
        if hit.question is not None and reply.outcome != "invalid":
            self._close(hit.question)
        return reply

    def _without_card(self, named: meant.Nowhere) -> meant.Hit | Outcome:
        """The card of an order that they name, as an answer of now; or why there is none."""
        if named.order is None:
            code = "order.unknown" if any(char.isdigit() for char in named.named) else "customer.no_card"
            return Outcome(Result.invalid, code, {"number": named.named, "customer": named.named})
        one = self.work.session.get_one(Customer, (order := named.order).customer_id)
        none = Outcome(Result.invalid, "order.no_card", {"number": order.number, "customer": one.short_name or one.name})
        message = questions.about_order(self.work, order, named.action, self.person.id)
        card = self._opened(message, message.data) if message is not None else None
        if card is None or card.delivery_id is None:
            return none
        delivery = self.work.session.get_one(Delivery, card.delivery_id)
        button = next((a for a in load(delivery.card["dump"]).actions if a.id == named.action), None)
        if button is None:
            return none
        given = meant.read_rest(button, named.rest, self.envelope.text, self.lang)
        return meant.Hit(delivery, named.action, given) if given is not None else meant.unread(order, named.rest)

    def _about(self, reply: Reply, delivery: Delivery) -> Reply:
        """A line, or a link above which others have come, doesn't say whom it is about: the answer does."""
        named = questions.named(self.work, delivery, self.lang)
        prefix = f"{named}：" if self.lang == "zh" else f"{named}: "
        if not named or not reply.message or reply.message.startswith(prefix):  # a typed line, answered apart: once
            return reply
        return replace(reply, message=f"{prefix}{reply.message}")

    # --- buttons ---

    def tapped(self) -> Reply:
        listed = self.envelope.action == OPEN_TASK and not self.envelope.ref and self.envelope.delivery_id is None
        if listed:  # in a list that is no message; what is opened is looked for among the person's own
            return self._open(clean(self.envelope.input.get("task", "")))
        delivery = self._delivery()
        if delivery is None or delivery.messenger != self.envelope.messenger or not self._may_press(delivery):
            # Our numbers mean something at the command line only; whether there is such a card is nobody's to learn.
            here = self.envelope.messenger == "local"
            facts = {"delivery": self.envelope.delivery_id} if here else {}
            return self._said(Outcome(Result.invalid, "delivery.unknown" if here else "delivery.not_yours", facts))
        if delivery.kind == questions.KIND:
            return self._sure(delivery)
        if delivery.subject == "command":
            return self._command(delivery)
        action = clean(self.envelope.action)
        given = {clean(name): clean(str(value)) for name, value in self.envelope.input.items()}
        if action == OPEN_TASK:
            return self._open(given.get("task", ""), delivery)
        if action == OPENS:
            result = given.pop("result", "")
            if not result:
                return self._ask(delivery, templates().action(OPENS, self.lang))
            action = f"task.{result}"
        if action not in actions.TABLE or action not in ACTION_IDS:  # some are only typed
            return self._said(Outcome(Result.invalid, "action.unknown", {"action": action}))
        refused = actions.elsewhere(self.work, action)
        if refused is not None:  # before anybody fills in a form
            return self._said(refused)
        if self.envelope.opens or (self._must_ask(action, given) and delivery.state == "open"):
            return self._ask(delivery, templates().action(action, self.lang))
        try:
            read = canonical(self.work, given, delivery)
        except DomainError as error:
            outcome = Outcome(Result.invalid, error.code, error.facts)
        else:
            request = ActionRequest(
                self.person.id or 0, action, read, delivery_id=delivery.id, seen_rev=self.envelope.seen_rev
            )
            asked = self._question(delivery, request)
            if asked is not None:
                return asked
            outcome = self._act(self.work, request)
        said = replace(self._said(outcome, delivery), wrong=about_which(outcome, given))
        return self._about(said, delivery) if self.envelope.apart and outcome.result != Result.not_allowed else said

    def _delivery(self) -> Delivery | None:
        if not self.envelope.ref:
            return self.work.session.get(Delivery, self.envelope.delivery_id or 0)
        asked = {"messenger": self.envelope.messenger, "ref": self.envelope.ref}
        return self.work.session.execute(_DELIVERY, asked).scalar()

    def _may_press(self, delivery: Delivery) -> bool:
        """Whoever was sent the card; somebody else only within their scope, and otherwise it does not exist."""
        if delivery.person_id == self.person.id:
            return True
        from core.permissions import may_see_customer, scope_of

        if delivery.customer_id is None or delivery.subject == "command":
            return False
        return may_see_customer(self.work.session, scope_of(self.work.session, self.person.id or 0), delivery.customer_id)

    def _must_ask(self, action: str, given: Mapping[str, str]) -> bool:
        return not given and any(i.required for i in templates().action(action, self.lang).inputs)

    def _ask(self, delivery: Delivery, action: Action) -> Reply:
        """The button has a question: the card that asks it, drawn in place, without changing what is stored."""
        if delivery.state == "closed":
            return self._said(Outcome(Result.already, "card.closed"), delivery)
        stored = load(delivery.card["dump"])
        # A card brings choices of its own: whom to hand over to, which receivable to allocate to.
        own = {i.name: i.choices for a in stored.actions if a.id == action.id for i in a.inputs if i.choices}
        action = replace(action, inputs=tuple(replace(i, choices=own.get(i.name, i.choices)) for i in action.inputs))
        confirm = next((a.confirm for a in stored.actions if a.id == action.id), None)
        # What a picker on the card has no room for, a form has.
        capabilities = self.door.adapters[delivery.messenger].capabilities(address_of(self.work, delivery, self.lang))
        if capabilities.has_form:
            capabilities = replace(capabilities, max_inline=0)
        action = replace(action, confirm=confirm)
        card, _ = ask_card(stored, action, capabilities, today=self.work.today)
        if self.envelope.text or self.envelope.apart:  # then the answer may be typed
            asked = ask_card(stored, action, PROFILES["text"], today=self.work.today)[0]
            self._keep(replace(asked, kind=questions.ASKS), "command", 0, {"asks": delivery.id})
        return Reply("done", "", card, {}, delivery.id, delivery.rev, asks=True)

    def _open(self, item: str, listed: Delivery | None = None) -> Reply:
        """A line of the digest opens what it is about: its card as an answer, with buttons of its own.

        `item` is a task's id, or another subject such as `case:12`. `listed`: the message that lists it.
        """
        subject, _, number = item.rpartition(":")
        subject = subject or "task"
        if not number.isdecimal() or len(number) > MAX_DIGITS:
            return self._said(Outcome(Result.invalid, "task.none"))
        found = self.work.session.execute(
            select(O.c.kind, O.c.customer_id, O.c.data)
            .where(O.c.subject == subject, O.c.subject_id == int(number), O.c.person_id == self.person.id, O.c.op == "send")
            .where(O.c.kind.not_like("note.%"))
            .order_by(O.c.id.desc())
            .limit(1)
        ).first()
        if found is not None:
            kind, customer_id, data = found.kind, found.customer_id, found.data
        else:  # /todo lists what waits for somebody before its card goes out
            row = next((w for w in waiting(self.work, self.person.id or 0) if w.item == item), None)
            if row is None:
                return self._said(Outcome(Result.invalid, "task.none"))
            kind, customer_id, data = row.kind, row.customer_id, {}
        message = Message(
            kind=kind, subject=subject, subject_id=int(number), person_id=self.person.id, customer_id=customer_id, data=data
        )
        return self._opened(message, data) or self._over(message, listed)

    def _over(self, message: Message, listed: Delivery | None) -> Reply:
        """What a list still has and is over: how it ended, and the list as it is now."""
        said = questions.ended(self.work, replace(message, for_update=True), self.lang)
        reply = self._said(Outcome(Result.already, "card.closed"))
        reply = replace(reply, message=said) if said else reply
        if listed is None or listed.kind != "reply.todo" or not self.capabilities.has_buttons:
            return reply
        answered = commands.handle(self.work, self.person, "/todo", lang=self.lang)
        card = self._fit(render(answered.kind, answered.view, self.lang))
        listed.card = {**listed.card, **card_json(card), "dump": dump(card)}
        listed.rev, listed.updated_at = listed.rev + 1, self.work.now
        return replace(reply, card=card, delivery_id=listed.id, rev=listed.rev)

    def _opened(self, message: Message, data: dict[str, Any]) -> Reply | None:
        """The card as an answer; None where it is over."""
        loaded = load_view(self.work, message, self.lang)
        if isinstance(loaded, Cancel):
            return None
        card = self._fit(loaded.card(self.lang))
        delivery_id = self._keep(
            card, message.subject, message.subject_id, data, customer_id=message.customer_id, code=loaded.customer_code,
            shows=loaded.shows,
        )  # fmt: skip
        return Reply("done", "", card, {}, delivery_id)

    def _command(self, delivery: Delivery) -> Reply:
        if delivery.state == "closed":
            return self._said(Outcome(Result.already, "card.closed"), delivery)
        if "which" in delivery.card["data"]:
            return self._picked(delivery)
        pending = delivery.card["data"].get("text", "")  # none in what a button asked: that is answered at the button
        if pending and self.envelope.action == "reply.pick":
            pending = commands.picked(pending, clean(self.envelope.input.get("pick", "")))
        elif not pending or self.envelope.action != "reply.confirm":
            return self._said(Outcome(Result.invalid, "action.unknown", {"action": self.envelope.action}))
        return self.typed(pending, confirmed=True, delivery=delivery)

    def _picked(self, question: Delivery) -> Reply:
        """Which of several cards was meant: that button is pressed, and asked about like any line."""
        number = clean(self.envelope.input.get("pick", ""))
        those = question.card["data"]["which"]
        if self.envelope.action != "reply.pick" or not (number.isdecimal() and 0 < int(number[:3]) <= len(those)):
            return self._said(Outcome(Result.invalid, "action.unknown", {"action": self.envelope.action}))
        one = those[int(number) - 1]
        self._close(question)
        self.envelope = replace(self.envelope, apart=True)
        return self._press(meant.Hit(self.work.session.get_one(Delivery, one["delivery"]), one["action"], one["input"]))

    def _question(self, delivery: Delivery, request: ActionRequest) -> Reply | None:
        """Where the messenger could not ask “are you sure?” itself: beside a link, and before a number."""
        typed = bool(self.envelope.text) or self.envelope.apart
        if not typed and request.action not in questions.ALWAYS:
            return None
        asked = questions.question(self.work, delivery, request, self.lang)
        if asked is None:
            return None
        card = self._fit(asked[0])
        return Reply("done", "", card, {}, self._keep(card, "command", 0, asked[1]))

    def _sure(self, question: Delivery) -> Reply:
        """The answer to it, once: of two at the same time the second sees what the first did."""
        self.work.session.refresh(question, with_for_update=True)
        request = questions.tap_of(question, self.person.id or 0)
        delivery = self.work.session.get_one(Delivery, request.delivery_id)
        if self.envelope.action not in (questions.YES, questions.NO):
            return self._said(Outcome(Result.invalid, "action.unknown", {"action": self.envelope.action}))
        if question.state == "closed":
            outcome = Outcome(Result.already, "card.closed")
        elif self.envelope.action == questions.NO:
            outcome = Outcome(Result.done, "question.cancelled")
        else:
            outcome = self._act(self.work, request)
        self._close(question)
        reply = self._said(outcome, delivery)
        ended = questions.ending(self.work, delivery, self.lang) if outcome.result == Result.already else ""
        if outcome.result != Result.not_allowed:
            reply = replace(reply, message=ended) if ended else self._about(reply, delivery)
        if not self.capabilities.has_buttons:
            return reply
        over = replace(load(question.card["dump"]), title=reply.message, text="", fields=(), actions=(), closed=True)
        return Reply(reply.outcome, reply.message, self._fit(over), {}, question.id)

    # --- drawing ---

    def _fit(self, card: Card) -> Card:
        return fit(card, self.capabilities, today=self.work.today)[0]

    def _keep(
        self,
        card: Card,
        subject: str,
        subject_id: int,
        data: dict[str, Any],
        *,
        customer_id: int | None = None,
        code: str = "",
        shows: Mapping[str, Any] | None = None,
    ) -> int:
        """An answer with buttons is a delivery, so that they mean something when they are pressed. `shows`: what a tap is
        compared with."""
        facts: dict[str, Any] = {
            "customer": code,
            "task": subject_id if subject == "task" else None,
            "receivables": [],
            "severity": card.tone,
            **({"shows": shows} if shows else {}),
        }
        stands = CARD if self.capabilities.has_buttons else TEXT
        delivery = Delivery(
            messenger=self.envelope.messenger,
            address=self.envelope.user_id,
            person_id=self.person.id,
            customer_id=customer_id,
            kind=card.kind,
            subject=subject,
            subject_id=subject_id,
            at=self.work.now,
            on_date=self.work.today,
            updated_at=self.work.now,
            card={**card_json(card), **facts, "dump": dump(card), "data": data, "stands": stands},
        )
        self.work.session.add(delivery)
        self.work.session.flush()
        return delivery.id or 0

    def _close(self, delivery: Delivery) -> None:
        """A question that was answered has no buttons any more."""
        delivery.state = "closed"
        delivery.updated_at = self.work.now

    def _said(self, outcome: Outcome, delivery: Delivery | None = None) -> Reply:
        told = days_in_words(outcome.facts, self.work.today, self.lang)
        facts: dict[str, Any] = {k: self._shown(v) for k, v in told.items()}
        if outcome.code.startswith("promise."):
            facts |= of_earlier(outcome.facts, self.work.today, self.lang)
        message, hint = sentence(f"outcome.{outcome.code}", facts, self.lang)
        if outcome.result in (Result.invalid, Result.not_allowed):
            message, hint = sentence(outcome.code, facts, self.lang)
        if outcome.result == Result.not_allowed:
            delivery = None  # whoever may not press a button isn't shown the card either
        return Reply(
            str(outcome.result), together(message, hint, self.lang), None, {},
            delivery.id if delivery is not None else None, delivery.rev if delivery is not None else 0,
        )  # fmt: skip

    def _shown(self, value: Any) -> Any:
        """Amounts come as [[minor, currency], …]."""
        if isinstance(value, list) and value and isinstance(value[0], list):
            return "、".join(format_money(Money(minor, currency), self.lang) for minor, currency in value)
        return value
