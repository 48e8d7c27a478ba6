"""The map: how a file's columns become ours."""

import codecs
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.ingest.reasons import refusal

KINDS = (
    "people", "accounts", "customers", "receivables", "receipts", "orders", "shipments", "risk-events", "insurance",
    "group-limits", "figures",
)  # fmt: skip

COLUMNS: dict[str, tuple[str, ...]] = {
    "people": (
        "handle", "name", "roles", "manager", "email", "mobile", "locale", "timezone", "region", "active", "deputy",
        "away_from", "away_until",
    ),
    "accounts": ("person", "messenger", "user_id", "preferred", "text_only"),
    "customers": (
        "code", "name", "short_name", "aliases", "owner", "region", "type", "group", "tags", "rating", "credit_limit",
        "terms", "currency", "language", "no_letters", "finance_contact", "finance_email", "business_contact",
        "business_email", "phone", "tax_id", "address",
    ),
    "receivables": (
        "number", "customer", "kind", "issued_on", "due_on", "amount", "open_amount", "currency", "order", "contract",
        "product", "region", "owner", "terms", "event", "event_on", "disputed", "settled_on", "tags",
    ),
    "receipts": (
        "number", "customer", "received_on", "amount", "currency", "receivable", "order", "contract", "payer",
        "reference", "reverses",
    ),
    "orders": ("number", "customer", "amount", "currency", "ordered_on", "terms", "prepaid", "note", "asked_by"),
    "shipments": ("number", "customer", "order", "amount", "currency", "shipped_on", "signed_on"),
    "risk-events": ("source", "key", "customer", "kind", "severity", "happened_on", "text", "url"),
    "insurance": ("customer", "insurer", "amount", "currency", "from_on", "until"),
    "group-limits": ("group", "limit", "currency"),
    "figures": ("customer", "figure", "value", "source", "as_of"),
}  # fmt: skip

# Besides, a document may name the own company that it is of: one database is one company's.
COMPANY = "company"
_DOCUMENTS = frozenset({"receivables", "receipts", "orders", "shipments"})


def columns_of(kind: str) -> tuple[str, ...]:
    """What a file or a row of another system may have."""
    return (*COLUMNS[kind], COMPANY) if kind in _DOCUMENTS else COLUMNS[kind]


REQUIRED: dict[str, tuple[str, ...]] = {
    "people": ("handle", "name"),
    "accounts": ("person", "messenger", "user_id"),
    "customers": ("code", "name"),
    "receivables": ("number", "customer", "amount"),
    "receipts": ("customer", "received_on", "amount"),
    "orders": ("number", "customer", "amount"),
    "shipments": ("number", "customer", "order", "amount", "shipped_on"),
    "risk-events": ("key", "customer", "kind", "severity", "happened_on"),
    "insurance": ("customer", "insurer", "amount", "from_on", "until"),
    "group-limits": ("group", "limit"),
    "figures": ("customer", "figure", "value", "as_of"),
}

_KEYS = (
    "kind", "source", "mode", "create_customers", "date_order", "rounding", "encoding", "sheet",
    "columns", "constants", "values",
)  # fmt: skip
_OPTIONS = ("strip", "pad", "upper", "lower")

Rule = Callable[[str], str]


@dataclass(frozen=True)
class FileMap:
    kind: str
    source: str = ""
    mode: str = "upsert"
    create_customers: bool = False
    date_order: str = ""
    rounding: bool = False
    encoding: str = ""
    sheet: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    rules: dict[str, Rule] = field(default_factory=dict)


def load_map(path: Path | None, kind: str, lang: str) -> FileMap:
    """The map of that file, or the one that changes nothing."""
    if path is None:
        return FileMap(kind)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise refusal("map_not_found", lang, config=True, where=path, detail=error.strerror or "") from None
    except (tomllib.TOMLDecodeError, UnicodeError) as error:
        raise refusal("map_syntax", lang, config=True, where=path, detail=str(error)) from None
    return _Checker(path, kind, lang).read(data)


class _Checker:
    def __init__(self, path: Path, kind: str, lang: str) -> None:
        self.path = path
        self.kind = kind
        self.lang = lang

    def read(self, data: dict[str, Any]) -> FileMap:
        self._known("", data, _KEYS)
        if data.get("kind", self.kind) != self.kind:
            raise refusal("map_kind", self.lang, config=True, where=self.path, value=data["kind"], kind=self.kind)
        columns = self._texts("columns", data.get("columns", {}))
        constants = self._texts("constants", data.get("constants", {}))
        values = self._table("values", data.get("values", {}))
        return FileMap(
            kind=self.kind,
            source=self._text("source", data),
            mode=self._choice("mode", data, ("upsert", "open-items") if self.kind == "receivables" else ("upsert",)),
            create_customers=self._flag("create_customers", data),
            date_order=self._choice("date_order", data, ("", "YMD", "DMY", "MDY")),
            rounding=self._flag("rounding", data),
            encoding=self._encoding(data),
            sheet=self._text("sheet", data),
            columns=columns,
            constants=constants,
            rules={column: self._rule(column, table) for column, table in values.items()},
        )

    def _error(self, key: str, value: object, allowed: str) -> ConfigError:
        made = refusal(
            "map_bad_value", self.lang, config=True, where=self.path, key=key, value=str(value), allowed=allowed
        )
        assert isinstance(made, ConfigError)
        return made

    def _known(self, prefix: str, data: dict[str, Any], allowed: tuple[str, ...]) -> None:
        for key in data:
            if key not in allowed:
                raise refusal(
                    "map_unknown_key", self.lang, config=True, where=self.path, key=prefix + key,
                    allowed=", ".join(allowed),
                )  # fmt: skip

    def _table(self, key: str, table: Any) -> dict[str, Any]:
        if not isinstance(table, dict):
            raise self._error(key, table, "[table]")
        self._known(f"{key}.", table, columns_of(self.kind))
        return table

    def _texts(self, key: str, table: Any) -> dict[str, str]:
        checked = {}
        for name, value in self._table(key, table).items():
            if isinstance(value, (dict, list, float)) or (key == "columns" and not isinstance(value, str)):
                raise self._error(f"{key}.{name}", value, '"text"')
            checked[name] = ("yes" if value else "no") if isinstance(value, bool) else str(value)
        return checked

    def _text(self, key: str, data: dict[str, Any]) -> str:
        value = data.get(key, "")
        if not isinstance(value, str) or len(value) > 64:
            raise self._error(key, value, '"text"')
        return value.strip()

    def _choice(self, key: str, data: dict[str, Any], allowed: tuple[str, ...]) -> str:
        value = data.get(key, allowed[0])
        if value not in allowed:
            raise self._error(key, value, ", ".join(a for a in allowed if a))
        return str(value)

    def _flag(self, key: str, data: dict[str, Any]) -> bool:
        value = data.get(key, False)
        if not isinstance(value, bool):
            raise self._error(key, value, "true, false")
        return value

    def _encoding(self, data: dict[str, Any]) -> str:
        name = self._text("encoding", data)
        if name:
            try:
                codecs.lookup(name)
            except LookupError:
                raise self._error("encoding", name, "utf-8, gb18030, big5, ...") from None
        return name

    def _rule(self, column: str, table: Any) -> Rule:
        """Explicit replacements are every key that is not an option."""
        key = f"values.{column}"
        if not isinstance(table, dict):
            raise self._error(key, table, "[table]")
        options = {name: table[name] for name in _OPTIONS if name in table and not isinstance(table[name], str)}
        replacements = {name: value for name, value in table.items() if name not in options}
        for name, value in replacements.items():
            if not isinstance(value, str):
                raise self._error(f"{key}.{name}", value, '"text"')
        width = options.get("pad", 0)
        if isinstance(width, bool) or not isinstance(width, int) or not 0 <= width <= 100:
            raise self._error(f"{key}.pad", width, "1 ... 100")
        for name in ("strip", "upper", "lower"):
            if not isinstance(options.get(name, False), bool):
                raise self._error(f"{key}.{name}", options[name], "true, false")
        strip, upper, lower = (options.get(name, False) for name in ("strip", "upper", "lower"))

        def rule(text: str) -> str:
            if strip:
                text = text.strip()
            if upper:
                text = text.upper()
            if lower:
                text = text.lower()
            text = replacements.get(text, text)
            return text.rjust(width, "0") if width and text else text

        return rule
