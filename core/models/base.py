"""What every table shares: constraint names, key and money column types, and checked text states."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, CheckConstraint, ColumnElement, Integer, Table, bindparam
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# A BIGINT primary key would not be SQLite's rowid, and PostgreSQL's INTEGER ends at 2^31.
Key = BigInteger().with_variant(Integer(), "sqlite")


def primary() -> Any:
    return Field(default=None, primary_key=True, sa_type=Key)


def foreign(target: str, *, null: bool = False, index: bool = True) -> Any:
    """A foreign key to `table`. RESTRICT: nothing that money hangs on is ever deleted."""
    extra: dict[str, Any] = {"default": None} if null else {}
    return Field(foreign_key=f"{target}.id", sa_type=Key, index=index, nullable=null, **extra)


def minor(*, default: int | None = None, null: bool = False) -> Any:
    """An amount in minor units of the row's currency."""
    if null:
        return Field(default=None, sa_type=BigInteger, nullable=True)
    if default is None:
        return Field(sa_type=BigInteger, nullable=False)
    return Field(default=default, sa_type=BigInteger, nullable=False)


def _no_items() -> list[Any]:
    """pydantic asks for a default's signature each time; that of `list` itself takes it longer than the rest of a row."""
    return []


def json_list() -> Any:
    return Field(default_factory=_no_items, sa_type=JSON, nullable=False)


def json_dict() -> Any:
    return Field(default_factory=dict, sa_type=JSON, nullable=False)


def one_of(column: str, values: Iterable[str | StrEnum]) -> CheckConstraint:
    allowed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


def among(column: ColumnElement[int], keys: Iterable[int]) -> ColumnElement[bool]:
    """IN for hundreds of our own keys, written as numbers: as parameters, the driver takes longer than the database."""
    return column.in_(bindparam(None, sorted(keys), expanding=True, literal_execute=True))


def table_of(model: type[SQLModel]) -> Table:
    """The Core table of a model, for set-based statements."""
    return cast(Table, model.__table__)  # type: ignore[attr-defined]
