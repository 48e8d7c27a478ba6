"""What our database knows of a member and of a message on their screen. Reads only; blocking."""

from dataclasses import dataclass

from sqlalchemy import Engine, bindparam, func, select
from sqlmodel import Session

from bot.adapters.wecom import keys
from bot.card import Card, Lang, as_lang, load
from core.db import reading
from core.models import Account, Delivery, Person
from core.models.base import table_of

A, P, D = table_of(Account), table_of(Person), table_of(Delivery)


@dataclass(frozen=True)
class Member:
    user_id: str  # as it is linked; WeCom compares without case, we don't
    lang: Lang
    text_only: bool = False
    person_id: int | None = None

    @property
    def linked(self) -> bool:
        """To somebody who has not left."""
        return self.person_id is not None


@dataclass(frozen=True)
class Stored:
    """A message as it was last shown."""

    delivery_id: int
    rev: int
    card: Card
    open: bool


_MESSENGER = "wecom"
_MEMBER = (
    select(A.c.user_id, A.c.text_only, A.c.person_id, P.c.locale)
    .join(P, P.c.id == A.c.person_id)
    .where(A.c.messenger == _MESSENGER, P.c.active)
)
_AS_GIVEN = _MEMBER.where(A.c.user_id == bindparam("user"))
_WITHOUT_CASE = _MEMBER.where(func.lower(A.c.user_id) == bindparam("user")).order_by(A.c.id).limit(1)
_CARD = select(D.c.id, D.c.rev, D.c.card, D.c.state, D.c.address, D.c.person_id).where(D.c.messenger == _MESSENGER)
_BY_NUMBER = _CARD.where(D.c.id == bindparam("id"))
_BY_REF = _CARD.where(D.c.ref == bindparam("ref")).order_by(D.c.id.desc()).limit(1)


def member(engine: Engine, user_id: str, lang: str) -> Member:
    with reading(engine) as session:
        return _member(session, user_id, lang)


def tapped(engine: Engine, ref: str, user_id: str, lang: str) -> tuple[Member, Stored | None]:
    """Who taps, and the message, if it was sent to the person who has this account now: they hand over, and leave."""
    with reading(engine) as session:
        found = _member(session, user_id, lang)
        number = keys.delivery_of(ref)
        shown = session.execute(*((_BY_REF, {"ref": ref}) if number is None else (_BY_NUMBER, {"id": number}))).first()
    if shown is None or not found.linked or shown.address.lower() != user_id.lower():
        return found, None
    if shown.person_id not in (None, found.person_id):
        return found, None
    return found, Stored(shown.id, shown.rev, load(shown.card["dump"]), shown.state == "open")


def _member(session: Session, user_id: str, lang: str) -> Member:
    found = session.execute(_AS_GIVEN, {"user": user_id}).first()
    if found is None:
        found = session.execute(_WITHOUT_CASE, {"user": user_id.lower()}).first()
    if found is None:
        return Member(user_id, as_lang("", lang))
    return Member(found.user_id, as_lang(found.locale, lang), found.text_only, found.person_id)
