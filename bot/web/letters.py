"""Letters of demand, opened from the page: the file that a card names, for a reader who may see its customer."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from sqlalchemy import select
from sqlmodel import Session

from core.models import Audit, Person
from core.models.base import table_of
from core.permissions import may_see_customer, scope_of

U, P = table_of(Audit), table_of(Person)
_NAME = re.compile(r"letter-of-demand_[\w-]+_\d{4}-\d\d-\d\d_(\d{1,15})\.html")
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def letter_file(session: Session, folder: Path, handle: str, name: str) -> Path | None:
    """None for whatever this person can't open: no such file, no such letter, a customer out of their sight."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    person = session.execute(select(P.c.id).where(P.c.handle == handle, P.c.active.is_(True))).scalar()
    rendered = select(U.c.customer_id, U.c.data).where(U.c.action == "letter.rendered", U.c.subject == "letter")
    for customer_id, data in session.execute(rendered.where(U.c.subject_id == int(match[1]))):
        if person is None or data.get("file") != name or customer_id is None:
            continue
        path = folder / name
        if may_see_customer(session, scope_of(session, person), customer_id) and path.is_file() and not path.is_symlink():
            return path
    return None


def policy_of(page: str) -> str:
    """What a browser may do with a letter: show it, in its own one style sheet. Nothing runs, nothing is loaded."""
    style = _STYLE.search(page)
    digest = b64encode(sha256(style[1].encode()).digest()).decode() if style else ""
    styles = f"style-src 'sha256-{digest}'; " if digest else ""
    return f"default-src 'none'; {styles}base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
