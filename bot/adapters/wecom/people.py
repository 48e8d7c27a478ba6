"""What our database knows of a member and of a message on their screen. Reads only; blocking."""

from dataclasses import dataclass

from sqlalchemy import Engine, func, select

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
    linked: bool = False


@dataclass(frozen=True)
class Stored:
    """A message as it was last shown."""

    delivery_id: int
    rev: int
    card: Card
    open: bool


def member(engine: Engine, user_id: str, lang: str) -> Member:
    query = (
        select(A.c.user_id, A.c.text_only, P.c.locale)
        .join(P, P.c.id == A.c.person_id)
        .where(A.c.messenger == "wecom", func.lower(A.c.user_id) == user_id.lower(), P.c.active)
    )
    with reading(engine) as session:
        found = session.execute(query.order_by((A.c.user_id == user_id).desc()).limit(1)).first()
    if found is None:
        return Member(user_id, as_lang("", lang))
    return Member(found.user_id, as_lang(found.locale, lang), found.text_only, True)


def stored(engine: Engine, ref: str, user_id: str) -> Stored | None:
    """A message of this member; nobody else's."""
    number = keys.delivery_of(ref)
    query = select(D.c.id, D.c.rev, D.c.card, D.c.state, D.c.address).where(D.c.messenger == "wecom")
    query = query.where(D.c.id == number) if number is not None else query.where(D.c.ref == ref)
    with reading(engine) as session:
        found = session.execute(query.order_by(D.c.id.desc()).limit(1)).first()
    if found is None or found.address.lower() != user_id.lower():
        return None
    return Stored(found.id, found.rev, load(found.card["dump"]), found.state == "open")
