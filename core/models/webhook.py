"""What other systems are told of by signed webhooks: the log that can be sent again."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from core.models.base import json_dict, one_of, primary


class WebhookEvent(SQLModel, table=True):
    """One event for the order system, as it was when it happened. Those of one `subject` go in the order of their ids.

    pending: to be sent, from `not_before` on. sending: on its way until `lease_until`. accepted: the receiver said yes.
    parked: given up after days of trying; sent again by hand.
    """

    __tablename__ = "webhook_event"
    __table_args__ = (
        one_of("state", ("pending", "sending", "accepted", "parked")),
        Index(
            "ix_webhook_event_waiting",
            "not_before",
            sqlite_where=text("state IN ('pending', 'sending')"),
            postgresql_where=text("state IN ('pending', 'sending')"),
        ),
        Index("ix_webhook_event_subject", "subject", "id"),
    )
    id: int | None = primary()
    key: str = Field(unique=True, max_length=200)
    kind: str = Field(max_length=64)
    subject: str = Field(max_length=100)  # order:7, customer:3
    body: dict[str, Any] = json_dict()
    at: datetime
    state: str = "pending"
    attempts: int = 0
    not_before: datetime
    lease_until: datetime | None = None
    last_status: int | None = None
    last_error: str = ""
    accepted_at: datetime | None = None
