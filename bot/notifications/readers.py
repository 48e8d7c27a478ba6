"""Who reads where: the accounts that messages go to, and whether a card may still be changed where it stands."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select

from bot.adapters.base import Adapter, Address
from bot.card import as_lang
from bot.notifications.load import Facts
from core.dunning.org import Member, Org
from core.models import Account, Customer, Delivery, OutboxMessage, Person
from core.models.base import table_of
from core.work import Work

O, D, A = (table_of(m) for m in (OutboxMessage, Delivery, Account))  # noqa: E741
MAIL = "mail"
# Rows, not objects of the session: nothing is changed in them, and that takes a fifth of the time.
_OF_ACCOUNT = [A.c.person_id, A.c.messenger, A.c.user_id, A.c.text_only, A.c.preferred]


class Readers:
    """Whose accounts messages go to and which cards they change, read at once. The session finds the cards while these are
    held."""

    def __init__(self, work: Work, messages: Sequence[Any]) -> None:
        execute = work.session.execute
        changed = {m.delivery_id for m in messages if m.op == "update"}
        self.cards = execute(select(Delivery).where(D.c.id.in_(changed))).scalars().all() if changed else ()
        sent_to = {m.person_id for m in messages if m.op != "update"} - {None}
        addresses = {card.address for card in self.cards}
        texts = select(A.c.messenger, A.c.user_id).where(A.c.user_id.in_(addresses), A.c.text_only)
        self._text_only = {(name, user) for name, user in execute(texts)} if addresses else set()
        owners = select(A.c.messenger, A.c.user_id, A.c.person_id).where(A.c.user_id.in_(addresses))
        self._owners = {(name, user): person for name, user, person in execute(owners)} if addresses else {}
        self.accounts: dict[int, list[Any]] = {i: [] for i in sent_to if i is not None}
        for account in accounts_of(work, sent_to) if sent_to else ():
            self.accounts[account.person_id].append(account)

    def may_read(self, delivery: Delivery, org: Org, *, over: bool) -> bool:
        """Whether the change of a card may be shown where it stands. `over`: it only closes, which who has left may
        see, too; what stands in an account that is not theirs any more stays as it is."""
        person = org.members.get(delivery.person_id or 0)
        if person is None:
            return True
        here = (delivery.messenger, delivery.address)
        return (person.active or over) and (delivery.messenger in ("local", MAIL) or self._owners.get(here) == person.id)

    def address(self, delivery: Delivery, lang: str) -> Address:
        text_only = (delivery.messenger, delivery.address) in self._text_only
        return Address(delivery.address, lang, text_only, stands_as(delivery))


def accounts_of(work: Work, people: Collection[int | None]) -> Sequence[Any]:
    """Their accounts, the preferred ones first."""
    query = select(*_OF_ACCOUNT).where(A.c.person_id.in_(people)).order_by(A.c.preferred.desc(), A.c.id)
    return work.session.execute(query).all()


def meant_for(work: Work, adapters: dict[str, Adapter], shared: Facts, busy: Collection[str]) -> ColumnElement[bool]:
    """What would go to one of these messengers."""
    accounts: dict[int, list[Any]] = {}
    for account in accounts_of(work, shared.org.members):
        accounts.setdefault(account.person_id, []).append(account)
    readers = []
    for person in shared.org.members.values():
        found = addresses_of(work, person, adapters, person.lang, accounts.get(person.id, ()))
        if found and found[0][0].name in busy:
            readers.append(person.id)
    shown = select(D.c.id).where(D.c.id == O.c.delivery_id, D.c.messenger.in_(busy))
    sent_to: ColumnElement[bool] = O.c.person_id.in_(readers)
    if MAIL in busy:
        sent_to |= O.c.person_id.is_(None)
    return or_(and_(O.c.op == "send", sent_to), and_(O.c.op == "update", shown.exists()))


def address_to(
    work: Work, message: Any, adapters: dict[str, Adapter], shared: Facts, readers: Readers
) -> tuple[Adapter, Address] | None:
    """Where a message goes: a letter to its mail address, a card to the person's preferred messenger that is on."""
    if message.person_id is None:
        customer = work.session.get_one(Customer, message.customer_id)
        lang = as_lang(customer.language, work.company.lang)
        return (adapters[MAIL], Address(message.address, lang)) if MAIL in adapters else None
    person = shared.org.members[message.person_id]
    if not person.active:
        return None
    lang = as_lang(person.lang)
    tried = message.data.get("tried", ())
    found = addresses_of(work, person, adapters, lang, readers.accounts[message.person_id])
    found = [where for where in found if where[0].name not in tried]
    if message.payload is not None or message.data.get("redelivered"):
        # It may stand there, whatever messenger the person prefers by now.
        found = [where for where in found if where[0].name == message.messenger] or found
    return found[0] if found else None


def addresses_of(
    work: Work, person: Person | Member, adapters: dict[str, Adapter], lang: str, accounts: Sequence[Any] | None = None
) -> list[tuple[Adapter, Address]]:
    """Where this person can be reached: the preferred messenger first, then in the company's order."""
    known = {a.messenger: a for a in reversed(accounts_of(work, [person.id]) if accounts is None else accounts)}
    order = sorted(work.company.messengers, key=lambda m: not (m in known and known[m].preferred))
    found = []
    for name in order:
        if name not in adapters:
            continue
        if name in known:
            found.append((adapters[name], Address(known[name].user_id, lang, known[name].text_only)))
        elif name == "local":
            found.append((adapters[name], Address(person.handle, lang)))
    return found


def stands_as(delivery: Delivery) -> str:
    """CARD or TEXT, as it was sent; "" for an answer that nobody has noted: it is what would be sent now."""
    return str(delivery.card.get("stands", ""))


def address_of(work: Work, delivery: Delivery, lang: str = "zh") -> Address:
    """Where this message stands, and as what: text can't be changed, and a card keeps what it has."""
    stands = stands_as(delivery)
    if stands or delivery.messenger in ("local", MAIL):  # no accounts there
        return Address(delivery.address, lang, stands=stands)
    query = select(A.c.text_only).where(A.c.messenger == delivery.messenger, A.c.user_id == delivery.address)
    return Address(delivery.address, lang, bool(work.session.execute(query).scalar()))
