"""Who: people who work here, their accounts in messengers, customers and the customers' contacts."""

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from core.models.base import foreign, json_dict, json_list, minor, primary


class Person(SQLModel, table=True):
    """Somebody of the own company. `roles` carry rights; other posts are labels without rights."""

    id: int | None = primary()
    handle: str = Field(unique=True, max_length=64)
    name: str = Field(max_length=200)
    roles: list[str] = json_list()
    manager_id: int | None = foreign("person", null=True)
    deputy_id: int | None = foreign("person", null=True, index=False)  # decides about credit while this person is away
    away_from: date | None = None
    away_until: date | None = None
    email: str = ""
    mobile: str = ""
    locale: str = ""  # "" = the company's language
    timezone: str = ""  # "" = the company's zone
    region: str = ""
    active: bool = True
    source: str = ""
    edited: list[str] = json_list()  # columns changed here, which win over the next import


class Account(SQLModel, table=True):
    """A person's identity in one messenger. The local messenger needs none: its user id is the handle."""

    __table_args__ = (UniqueConstraint("messenger", "user_id"),)
    id: int | None = primary()
    person_id: int = foreign("person")
    messenger: str = Field(max_length=32)
    user_id: str = Field(max_length=200)
    preferred: bool = False
    text_only: bool = False  # reads where cards don't show, such as WeCom's plug-in in WeChat


class LinkCode(SQLModel, table=True):
    """A one-time code with which a person links another account. Only its digest is kept."""

    __tablename__ = "link_code"
    id: int | None = primary()
    person_id: int = foreign("person")
    digest: str = Field(unique=True, max_length=64)
    expires_at: datetime
    used_at: datetime | None = None


class LinkTries(SQLModel, table=True):
    """Wrong codes of an unknown account since `since`: nobody guesses a code."""

    __tablename__ = "link_tries"
    messenger: str = Field(primary_key=True, max_length=32)
    user_id: str = Field(primary_key=True, max_length=200)
    since: datetime
    failed: int = 0


class Customer(SQLModel, table=True):
    id: int | None = primary()
    code: str = Field(unique=True, max_length=100)
    name: str = Field(max_length=400)
    short_name: str = ""
    aliases: list[str] = json_list()
    owner_id: int | None = foreign("person", null=True)
    region: str = Field(default="", index=True)
    type: str = ""
    group_name: str = Field(default="", index=True)
    tags: list[str] = json_list()
    rating: str = ""
    credit_limit_minor: int | None = minor(null=True)  # None = no limit, 0 = cash only
    terms: str = ""
    currency: str = Field(default="", max_length=3)  # "" = the company's
    language: str = ""
    no_letters: bool = False
    phone: str = ""
    tax_id: str = ""
    address: str = ""
    extra: dict[str, str] = json_dict()
    search: str = ""  # folded names, codes, pinyin and initials, one a line: see core.search
    source: str = ""
    edited: list[str] = json_list()


class Contact(SQLModel, table=True):
    """A person at the customer. `type` finance gets letters, business gets copies of stage 2."""

    __table_args__ = (UniqueConstraint("customer_id", "type"),)
    id: int | None = primary()
    customer_id: int = foreign("customer")
    type: str = Field(max_length=20)
    name: str = ""
    email: str = ""
    phone: str = ""
