"""The order system of the stories about webhooks: it listens on a socket, and what is due is sent to it on demand."""

from typing import Any

from sqlalchemy import select

from bot import hooks
from bot.app import App
from core.models import WebhookEvent
from core.models.base import table_of
from tests.fakes.receiver import Receiver
from tests.harness import Harness

SECRET = "canary-of-the-webhooks"
W = table_of(WebhookEvent)


def takes_events(hk: Harness) -> Harness:
    """From now on somebody wants to hear what happens."""
    hk.company(webhooks=True)
    return hk


def receiver(hk: Harness, secret: str = SECRET) -> Receiver:
    """To be started; its clock is the story's."""
    return Receiver(secret, lambda: hk.now.timestamp())


def tell(hk: Harness, to: Receiver, app: App | None = None) -> hooks.Told:
    """Sends what is due."""
    app = app or hk.app
    app.receiver = hooks.Receiver(f"{to.url}/events", (SECRET,))
    return hk.run(app.tell())  # type: ignore[no-any-return]


def log(hk: Harness, *columns: str) -> list[Any]:
    """Every event as it stands in the log, in order; one column plain, several as rows."""
    with hk.look() as work:
        rows = work.session.execute(select(*(W.c[name] for name in columns)).order_by(W.c.id)).all()
        return [row[0] if len(columns) == 1 else tuple(row) for row in rows]
