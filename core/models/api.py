"""Who may speak to the REST API: tokens of other systems. A token itself is never stored."""

from datetime import date, datetime

from sqlmodel import Field, SQLModel

from core.models.base import json_list, primary


class ApiToken(SQLModel, table=True):
    """A system that may call. `digest`: SHA-256 of the token, in hex. `source`: where its orders come from."""

    __tablename__ = "api_token"
    id: int | None = primary()
    name: str = Field(unique=True, max_length=64)
    digest: str = Field(unique=True, max_length=64)
    source: str = Field(default="", max_length=64)
    scopes: list[str] = json_list()
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_on: date | None = None
