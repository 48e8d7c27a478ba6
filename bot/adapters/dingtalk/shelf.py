"""Cards that stand on screens, as they were drawn last: to open a form of one, and to put it back afterwards."""

from dataclasses import dataclass

from sqlalchemy import Engine, select

from bot.card import Card, load
from core.db import reading
from core.models import Delivery
from core.models.base import table_of

D = table_of(Delivery)


@dataclass(frozen=True)
class Standing:
    card: Card
    rev: int
    user: str
    over: bool
    stands: str = ""  # CARD or TEXT, as it was drawn for; "" where nobody has noted it


def standing(engine: Engine, ref: str, delivery: int | None) -> Standing | None:
    """By our delivery, or by the message's name. Blocking. Errors: Unreachable."""
    which = D.c.id == delivery if delivery is not None else D.c.ref == ref
    query = select(D.c.card, D.c.rev, D.c.address, D.c.state).where(D.c.messenger == "dingtalk", which)
    with reading(engine) as session:
        found = session.execute(query.order_by(D.c.id.desc()).limit(1)).first()
    if found is None or not found.card.get("dump"):
        return None
    over, stands = found.state == "closed", str(found.card.get("stands", ""))
    return Standing(load(found.card["dump"]), found.rev, found.address, over, stands)
