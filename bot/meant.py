"""Which card a typed button is about: that of the order or customer which the line names, else the only one that waits with
such a button. Where several do, it says so: about money nothing is guessed. What a button has asked back is answered by its
number or its name, and right after the question by the answer alone."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

from sqlalchemy import func, select

from bot import conditions
from bot.card import Action, Input, Lang, load
from bot.commands.orders import may_see
from bot.notifications.load import Cancel, load_many
from bot.notifications.parcel import of_delivery
from bot.notifications.templates import ACTION_IDS, templates
from bot.plain import answers, begins_with_number, heads, parse_reply
from core.actions import Outcome, Result
from core.models import CreditRequest, Customer, Delivery, Order, Person
from core.models.base import table_of
from core.permissions import scope_of
from core.search import find_prefix
from core.work import Work

# What may be typed about an order by its number, card or not. A longer one goes before what it begins with.
VERBS: dict[str, tuple[str, ...]] = {
    "credit.approve_with": ("附条件批准", "conditions"),
    "credit.approve": ("批准", "approve"),
    "credit.reject": ("驳回", "reject"),
    "credit.withdraw": ("撤回申请", "撤回", "withdraw"),
    "credit.ask_again": ("重新申请", "ask again"),
    "credit.explain": ("补充说明", "explain"),
}
OPENS = "task.open"  # changes nothing, whichever list it stands on
MOST = 60  # of the latest open cards
ASKED = timedelta(minutes=15)  # for so long a number answers our last question, whatever was sent since
_LISTS = ("command", "todo")  # questions of ours, and answers
_STAYS = (*_LISTS, "digest")  # what lists others is never over
_GAPS = " ,:;。、!"  # NFKC has made ASCII of the full width
_NUMBER = re.compile(r"[0-9A-Za-z][0-9A-Za-z_./#-]*")
_LIKE_A_NUMBER = re.compile(r"[A-Za-z]+[-_/#.]?(?=[0-9A-Za-z_./#-]*\d)[0-9A-Za-z_./#-]+")
_COMMAND = re.compile(r"/?hk\s+|/", re.I)
D, O, Q, C = table_of(Delivery), table_of(Order), table_of(CreditRequest), table_of(Customer)  # noqa: E741


@dataclass(frozen=True)
class Hit:
    """A button of one card, with what was typed for its inputs. `question`: what we had asked, that this answers."""

    delivery: Delivery
    action: str
    given: dict[str, str]
    question: Delivery | None = None


@dataclass(frozen=True)
class Nowhere:
    """No open card is about what the line names. `order`: one that they may see; `action` and `rest` are what to do about
    it, "" where only a number says so. None: nobody knows such an order or customer, or it is not for them to know."""

    named: str
    order: Order | None = None
    action: str = ""
    rest: str = ""


Meant = Hit | Nowhere | Outcome | list[Hit] | None


@dataclass(frozen=True)
class _Begun:
    """A button with which the line may begin, and what follows."""

    delivery: Delivery
    action: Action
    rest: str
    question: Delivery | None = None


def is_verb(text: str) -> bool:
    """Whether the line begins with what may be done about any order by its number."""
    return _verb(_plain(text)) is not None


def read(work: Work, person: Person, messenger: str, text: str) -> Meant:
    """None: no button of theirs. A list: of these it might be any. What is written for people to read stays as it was
    typed."""
    found = _Line(work, person, messenger, _with_conditions(_plain(text))).meant()
    if isinstance(found, Hit):
        return _as_typed(found, text)
    return [_as_typed(hit, text) for hit in found] if isinstance(found, list) else found


def read_rest(action: Action, rest: str, text: str, lang: Lang) -> dict[str, str] | None:
    """What follows the number of an order, for a button of its card. `text`: the whole line as it was typed."""
    action = whole(action, lang)
    given = answers(action, rest)
    return as_typed(action, given, text) if given is not None else None


def as_typed(action: Action, given: dict[str, str], text: str) -> dict[str, str]:
    """Words for people, which end the line, with the punctuation and the width that they were typed in."""
    words = {item.name for item in action.inputs if item.type == "text" and not item.choices}
    return {name: _end_of(text, value) if name in words else value for name, value in given.items()}


def _as_typed(hit: Hit, text: str) -> Hit:
    if hit.action not in ACTION_IDS:
        return hit
    return replace(hit, given=as_typed(templates().action(hit.action, "zh"), hit.given, text))


def _end_of(text: str, value: str) -> str:
    """The end of `text` that reads as `value` once it is made plain; `value` where there is none."""
    plain, came_from = "", []
    for at, char in enumerate(text):
        for each in unicodedata.normalize("NFKC", char):
            if not each.isspace() or plain[-1:] != " ":
                plain += " " if each.isspace() else each
                came_from.append(at)
    start = plain.rfind(value) if value else -1
    if start < 0 or plain[start + len(value) :].strip(_GAPS):
        return value
    return text[came_from[start] :].strip()


def unread(order: Order, words: str) -> Outcome:
    """What follows the number of an order that does wait for them says nothing that is known."""
    return Outcome(Result.invalid, "credit.which_condition", {"number": order.number, "value": words})


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).strip()
    return _COMMAND.sub("", plain, count=1) if _COMMAND.match(plain) else plain


def _with_conditions(text: str) -> str:
    """“批准 A-12 预付 30%” is a yes on conditions."""
    verb = _verb(text)
    approves = verb is not None and verb[0] == "credit.approve" and conditions.written(verb[1])
    return f"{VERBS[conditions.APPROVE_WITH][0]} {verb[1]}" if verb is not None and approves else text


def _verb(text: str) -> tuple[str, str] | None:
    """(action, what follows)"""
    low = text.casefold()
    for action, words in VERBS.items():
        for word in words:
            if low.startswith(word) and not (word.isascii() and low[len(word) : len(word) + 1].isalpha()):
                return action, text[len(word) :].strip(_GAPS)
    return None


@dataclass
class _Line:
    work: Work
    person: Person
    messenger: str
    text: str

    def meant(self) -> Meant:
        answered = self._answered()
        if answered is not None:
            return answered
        begun, verb = self._begun(), _verb(self.text)
        if not begun and verb is None:
            return None
        rest = min([each.rest for each in begun] + ([verb[1]] if verb is not None else []), key=len)
        if verb is not None or any(each.action.id.startswith("credit.") for each in begun):
            named = self._order(begun, verb, rest)
            if named is not None:
                return named
        return self._customer(begun, rest) or self._only(begun) or self._unread(begun, rest)

    def _unread(self, begun: Sequence[_Begun], rest: str) -> Outcome | None:
        """“附条件批准 40”, where the line can be about nothing else: with the newest order, how to say it."""
        if not rest or {each.action.id for each in begun} != {conditions.APPROVE_WITH}:
            return None
        order = self.work.session.get(Order, next(iter(self._orders_of(begun).values()), 0))
        return unread(order, rest) if order is not None else None

    @cached_property
    def cards(self) -> list[Delivery]:
        mine = D.c.person_id == self.person.id, D.c.messenger == self.messenger, D.c.state == "open"
        query = select(Delivery).where(*mine).order_by(D.c.id.desc()).limit(MOST)
        return list(self.work.session.execute(query).scalars())

    @cached_property
    def _question(self) -> Delivery | None:
        """What a button has asked them, if no other answer of ours has come since. What is sent unasked may have."""
        card = next((card for card in self.cards if card.outbox_id is None), None)
        if card is None or "asks" not in card.card["data"]:
            return None
        return card if self._is_last(card) or self.work.now - card.at <= ASKED else None

    @cached_property
    def _last(self) -> int:
        """Of everything that they were sent, or answered."""
        mine = D.c.person_id == self.person.id, D.c.messenger == self.messenger
        return self.work.session.execute(select(func.max(D.c.id)).where(*mine)).scalar() or 0

    def _is_last(self, card: Delivery) -> bool:
        return card.outbox_id is None and card.id == self._last

    def _answered(self) -> Hit | None:
        """A question or a list of ours answers what is typed next, unless something has come in between."""
        if self._question is not None:
            return self._asked(self._question)
        card = self.cards[0] if self.cards else None
        if card is None or card.subject not in _LISTS or not self._is_last(card):
            return None
        if "which" in card.card["data"]:
            match = re.fullmatch(r"#?(\d{1,2})[.、)]?", self.text)
            return Hit(card, "reply.pick", {"pick": match[1]}) if match else None
        for action, rest in heads(load(card.card["dump"]), self.text):
            given = answers(action, rest)
            if given is not None:
                return Hit(card, action.id, given)
        return None

    def _asked(self, question: Delivery) -> Hit | None:
        """The answer to what a button has asked: after its number, or, right after the question, alone. Another card that
        has come since may mean the same number."""
        drawn, last = load(question.card["dump"]), self._is_last(question)
        if not begins_with_number(self.text):
            alone = last and _says_itself(drawn.actions[0])
            given = answers(drawn.actions[0], self.text) if alone else None
            return self._answering(question, drawn.actions[0], given) if given else None
        for action, rest in heads(drawn, self.text):
            given = answers(action, rest)
            if given is None or _is_number_of_ours(action, rest):
                continue
            if last or (given and not any(self._read_by(card) for card in self.cards if card.at > question.at)):
                return self._answering(question, action, given)
        return None

    def _read_by(self, card: Delivery) -> bool:
        return parse_reply(load(card.card["dump"]), self.text) is not None

    def _answering(self, question: Delivery, action: Action, given: dict[str, str]) -> Hit:
        return Hit(self.work.session.get_one(Delivery, question.card["data"]["asks"]), action.id, given, question)

    def _begun(self) -> list[_Begun]:
        """Of old questions and lists nothing, but to open what they list. What is over gives way to what is not."""
        found, verb = [], _verb(self.text)
        for card in self.cards:
            asked = card is self._question and not begins_with_number(self.text)
            if card.subject == "command" and not asked:
                continue
            drawn = load(card.card["dump"])
            ways = heads(drawn, self.text)
            if not ways and verb is not None:
                ways = [(action, verb[1]) for action in drawn.actions if action.id == verb[0]][:1]
            about = self.work.session.get_one(Delivery, card.card["data"]["asks"]) if asked else card
            found += [
                _Begun(about, whole(action, drawn.lang), rest.lstrip(_GAPS), card if asked else None)
                for action, rest in ways
            ]
        return self._not_over(found)

    def _not_over(self, begun: list[_Begun]) -> list[_Begun]:
        """Text stands as it was sent, and many a card can't be changed: whether it is over, only the books know."""
        cards = {each.delivery.id: each.delivery for each in begun if each.delivery.subject not in _STAYS}
        if len({(card.subject, card.subject_id) for card in cards.values()}) < 2:
            return begun
        now = load_many(self.work, [of_delivery(card) for card in cards.values()], "zh")
        over = {number for number, view in zip(cards, now, strict=True) if not isinstance(view, Cancel) and view.over}
        return [each for each in begun if each.delivery.id not in over] or begun

    # --- what it names ---

    def _order(self, begun: Sequence[_Begun], verb: tuple[str, str] | None, rest: str) -> Meant:
        """The first number that the line names is the one; others stand in what is said about it."""
        numbers = _numbers(rest)
        named = self._named_orders([each for each in numbers if len(each) > 3 or not each.isdecimal()][:20])
        about = self._orders_of(begun)
        order = next((order for order in named if order.id in about.values()), next(iter(named), None))
        if order is None:
            first = _NUMBER.match(rest)
            return Nowhere(first[0]) if first is not None and _LIKE_A_NUMBER.fullmatch(first[0]) else None
        words = [order.number, *self._names_of([order.customer_id])[order.customer_id]]
        unknown = _unknown(rest, words)
        if unknown:
            return Nowhere(unknown)
        mine = [each for each in begun if about.get(each.delivery.id or 0) == order.id]
        if mine:
            return self._only(mine, words) or unread(order, _without(mine[0].rest, words))
        action, said = verb if verb is not None else ("", rest)
        return Nowhere(order.number, order, action, _without(said, words))

    def _named_orders(self, numbers: Sequence[str]) -> list[Order]:
        """Those that they may see of the first number that any of these has, spelled like that before others: several
        sources may have it. One that waits goes before others, the newest before older ones."""
        if not numbers:
            return []
        spelled: dict[str, tuple[int, bool]] = {}
        for at, each in enumerate(numbers):
            spelled.setdefault(each, (at, False))
            spelled.setdefault(each.upper(), (at, True))
        found = self.work.session.execute(select(Order).where(O.c.number.in_(sorted(spelled)))).scalars().all()
        scope = scope_of(self.work.session, self.person.id or 0)
        mine = [order for order in found if may_see(self.work, self.person.id or 0, scope, order)]
        first = min((spelled[order.number] for order in mine), default=None)
        same = (order for order in mine if spelled[order.number] == first)
        return sorted(same, key=lambda order: (order.state != "held", -(order.id or 0)))

    def _orders_of(self, begun: Sequence[_Begun]) -> dict[int, int]:
        """By card, the order that it is about."""
        cards = {each.delivery.id or 0: each.delivery for each in begun}
        asked = {card.subject_id for card in cards.values() if card.subject == "credit"}
        of = dict(self.work.session.execute(select(Q.c.id, Q.c.order_id).where(Q.c.id.in_(sorted(asked)))).all())
        found = {number: card.subject_id for number, card in cards.items() if card.subject == "order"}
        return found | {number: of[card.subject_id] for number, card in cards.items() if card.subject == "credit"}

    def _names_of(self, customer_ids: Collection[int]) -> dict[int, tuple[str, ...]]:
        rows = self.work.session.execute(select(C.c.id, C.c.code, C.c.name, C.c.short_name).where(C.c.id.in_(customer_ids)))
        return {row.id: tuple(name for name in (row.name, row.short_name, row.code) if name) for row in rows}

    def _customer(self, begun: Sequence[_Begun], rest: str) -> Meant:
        """Of their cards' customers any that is named; somebody else's name is no reason either, if the line begins with
        it."""
        if not rest or not begun:
            return None
        names = self._names_of({each.delivery.customer_id for each in begun if each.delivery.customer_id is not None})
        said = {each: [name for name in spelled if _says(rest, name)] for each, spelled in names.items()}
        longest = max((len(name) for each in said.values() for name in each), default=0)
        meant = {each for each, spelled in said.items() if any(len(name) == longest for name in spelled)}
        if meant:
            words = [name for each in meant for name in names[each]]
            return self._only([each for each in begun if each.delivery.customer_id in meant], words)
        words_of = tuple(rest.replace(",", " ").split())
        found = find_prefix(self.work.session, scope_of(self.work.session, self.person.id or 0), words_of[:6])
        spelled = " ".join(words_of[: found.words])
        one = found.customers[0] if found.exact and len(found.customers) == 1 else None
        if one is not None and spelled.casefold() in (one.code.casefold(), one.name.casefold(), one.short_name.casefold()):
            return Nowhere(one.short_name or one.name)
        return None

    # --- among the cards ---

    def _only(self, begun: Sequence[_Begun], names: Sequence[str] = ()) -> Hit | list[Hit] | None:
        """One hit a subject, the newest first; what they have just opened goes before everything else."""
        hits: dict[tuple[str, int], Hit] = {}
        for each in begun:
            given = answers(each.action, _without(each.rest, names))
            if given is not None:
                hit = Hit(each.delivery, each.action.id, given, each.question)
                hits.setdefault((each.delivery.subject, each.delivery.subject_id), hit)
        found = list(hits.values())
        if not found:
            return None
        newest = found[0].question or found[0].delivery
        if len(found) == 1 or found[0].action == OPENS or (not names and self._is_last(newest)):
            return found[0]
        found = [hit for hit in found if hit.action != OPENS and hit.delivery.subject not in _LISTS]
        return found[0] if len(found) == 1 else found


def whole(action: Action, lang: Lang) -> Action:
    """With all that the button asks: a card may have had no room for it, a line has."""
    if action.id not in ACTION_IDS or action.draw in ("preset", "reply"):
        return action
    mine = {item.name: item for item in action.inputs}

    def asked(item: Input) -> Input:  # a card brings choices of its own; days that it offered are not all that there are
        own = mine.get(item.name)
        return own if own is not None and own.choices and item.type != "date" else item

    return replace(action, inputs=tuple(asked(item) for item in templates().action(action.id, lang).inputs))


def _says_itself(action: Action) -> bool:
    """Whether its answer can be told from any other line: a day, an amount, a choice. Words might be anything."""
    first = next((item for item in action.inputs if item.name not in dict(action.given)), None)
    return first is not None and (bool(first.choices) or first.type not in ("text", "person"))


def _is_number_of_ours(action: Action, rest: str) -> bool:
    """“1 3” to a question for a day: no day is written like that, but an answer that the card offers."""
    dated = any(item.type == "date" and item.required for item in action.inputs[:1])
    return dated and rest.isdecimal() and len(rest) < 3


def _numbers(rest: str) -> list[str]:
    """What may be an order's number, as the line goes on: words, and what of them is letters and digits."""
    found = [(match.start(), match[0]) for match in _NUMBER.finditer(rest)]
    found += [(match.start(), match[0].strip(_GAPS)) for match in re.finditer(r"\S+", rest)]
    return list(dict.fromkeys(text for _, text in sorted(found) if text))


def _unknown(rest: str, known: Sequence[str]) -> str:
    """What looks like an order's number and stands before `known`, an order's number and its customer's names; "" if there
    is none."""
    number, *names = (unicodedata.normalize("NFKC", name).casefold() for name in known)
    end = len(rest) if _NUMBER.fullmatch(number) else rest.casefold().find(number)
    for match in _NUMBER.finditer(rest[: max(0, end)]):
        if match[0].casefold() == number:
            break
        around = rest[max(0, match.start() - 1) : match.start()] + rest[match.end() : match.end() + 1]
        like = _LIKE_A_NUMBER.fullmatch(match[0]) and (len(match[0]) > 3 or not around.strip(_GAPS))
        if like and match[0].casefold() not in names:
            return match[0]
    return ""


def _says(rest: str, name: str) -> bool:
    """As a word of its own; a Chinese name also among other words."""
    low, name = rest.casefold(), unicodedata.normalize("NFKC", name).casefold()
    if len(name) > 1 and not name.isascii() and name in low:
        return True
    return re.search(rf"(?:^|[\s,:;。、]){re.escape(name)}(?:$|[\s,:;。、])", low) is not None


def _without(rest: str, names: Sequence[str]) -> str:
    """What follows the names with which it begins."""
    spelled = sorted((unicodedata.normalize("NFKC", name).casefold() for name in names), key=lambda name: -len(name))
    while True:
        rest = rest.lstrip(_GAPS)
        name = next((each for each in spelled if each and _begins(rest, each)), None)
        if name is None:
            return rest
        rest = rest[len(name) :]


def _begins(rest: str, name: str) -> bool:
    if not rest.casefold().startswith(name):
        return False
    following = rest[len(name) : len(name) + 1]
    if len(name) == 1 and not name.isascii():
        return not following or following in _GAPS
    return not (following and name[-1:].isascii() and following.isascii() and (following.isalnum() or following in "-_"))
