"""Raw rows -> checked values by canonical column, as far as one row can be checked on its own."""

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from core import names
from core.ingest import headers, values
from core.ingest.files import Table
from core.ingest.maps import COMPANY, REQUIRED, FileMap, Rule, columns_of
from core.ingest.reasons import Reject, refusal
from core.work import Profile

Parse = Callable[[Any], Any]
Row = dict[str, Any]  # canonical column -> value; a column that is missing or blank is not there

DATES = frozenset({
    "issued_on", "due_on", "event_on", "settled_on", "received_on", "away_from", "away_until", "happened_on", "shipped_on",
    "signed_on", "from_on", "until", "ordered_on", "as_of",
})  # fmt: skip
AMOUNTS = frozenset({"amount", "open_amount", "credit_limit", "limit", "value"})  # parsed when the currency is known
FLAGS = frozenset({"active", "preferred", "text_only", "no_letters"})
_LISTS = frozenset({"aliases", "tags"})
_MAILS = frozenset({"email", "finance_email", "business_email"})
_LIMITS = {
    "handle": 64, "name": 400, "messenger": 32, "user_id": 200, "address": 1000, "aliases": 1000, "tags": 1000, "source": 64,
    "text": 1000, "url": 1000, "note": 400, "terms": 400, "figure": 40,
}  # fmt: skip
_LIMIT = 200
_EXTRA = 400
_CODES = frozenset({"number", "code", "customer", "receivable", "order", "contract", "reverses"})

RECEIVABLE_KINDS = {
    "invoice": "invoice", "发票": "invoice", "credit_note": "credit_note", "credit note": "credit_note",
    "credit-note": "credit_note", "贷项通知单": "credit_note", "红字发票": "credit_note", "贷项": "credit_note",
    "debit_note": "debit_note", "debit note": "debit_note", "debit-note": "debit_note", "借项通知单": "debit_note",
    "借项": "debit_note",
}  # fmt: skip
RISK_KINDS = {
    "registration": "registration", "工商变更": "registration", "lawsuit": "lawsuit", "诉讼": "lawsuit",
    "dishonest": "dishonest", "失信": "dishonest", "失信被执行人": "dishonest", "blacklist": "blacklist",
    "黑名单": "blacklist", "other": "other", "其他": "other",
}  # fmt: skip
RISK_SEVERITIES = {
    "info": "info", "提示": "info", "warning": "warning", "警示": "warning", "major": "major", "重大": "major",
}  # fmt: skip
_LANGUAGES = {"zh": "zh", "en": "en", "中文": "zh", "英文": "en", "english": "en", "chinese": "zh"}


class RowParser:
    """Compiled once from the header and the map. `ours`: whose documents go in. `parse` raises Reject."""

    def __init__(self, table: Table, filemap: FileMap, lang: str, ours: Profile) -> None:
        self.width = len(table.columns)
        self.indexes = _indexes(table, filemap, lang)
        self.plan: list[tuple[str, int, Parse]] = []
        self.constants: list[tuple[str, Any, Parse]] = []
        for name, index in self.indexes.items():
            parse = _parser(name, filemap, ours)
            rule = filemap.rules.get(name)
            self.plan.append((name, index, _ruled(rule, parse) if rule else parse))
        for name, value in filemap.constants.items():
            self.constants.append((name, value, _parser(name, filemap, ours)))
        # What else the file says of an order is kept with it.
        self.extra = (
            [(c, i) for i, c in enumerate(table.columns) if c and c != "reason" and i not in self.indexes.values()]
            if filemap.kind == "orders"
            else []
        )
        self.required = REQUIRED[filemap.kind]
        self.needs_date = filemap.kind == "receivables"
        self.unused = (
            [c for i, c in enumerate(table.columns) if c and c != "reason" and i not in self.indexes.values()]
            if not filemap.columns and not self.extra
            else []
        )

    def parse(self, cells: list[Any]) -> Row:
        if len(cells) > self.width and any(cell not in ("", None) for cell in cells[self.width :]):
            raise Reject("too_many_cells")
        have = len(cells)
        row: Row = {}
        for name, index, parse in self.plan:
            if index < have:
                cell = cells[index]
                if cell != "" and cell is not None:
                    value = parse(cell)
                    if value is not None and value != "":
                        row[name] = value
        for name, constant, parse in self.constants:
            if name not in row:
                row[name] = parse(constant)
        row.pop(COMPANY, None)
        if self.extra and (extra := _extra(cells, self.extra)):
            row["extra"] = extra
        for name in self.required:
            if name not in row:
                raise Reject("missing_value", name)
        if self.needs_date and "issued_on" not in row and "due_on" not in row:
            raise Reject("no_date", "issued_on")
        return row

    def text(self, cells: list[Any], name: str) -> str:
        """One cell as `parse` would read it, for whoever looks at a column only."""
        for column, index, parse in self.plan:
            if column == name and index < len(cells):
                try:
                    if found := parse(cells[index]):
                        return str(found)
                except Reject:
                    return ""
        return next((str(parse(value)) for column, value, parse in self.constants if column == name), "")


def _extra(cells: list[Any], columns: list[tuple[str, int]]) -> dict[str, str]:
    found = {}
    for name, index in columns:
        if index < len(cells) and (text := values.clean(cells[index])):
            found[name] = values.limited(text, name, _EXTRA)
    return found


def _indexes(table: Table, filemap: FileMap, lang: str) -> dict[str, int]:
    """Where each canonical column stands: by the map if it names columns, else by its own name or a usual one."""
    found = {column: index for index, column in enumerate(table.columns) if column}
    folded = {column.casefold(): index for column, index in found.items()}
    listed = ", ".join(found)

    def place(column: str) -> int | None:
        return found.get(column, folded.get(column.casefold()))

    indexes: dict[str, int] = {}
    for name in columns_of(filemap.kind):
        if filemap.columns:
            column = filemap.columns.get(name)
            if column is None:
                continue
            index = place(column.strip())
            if index is None:
                key = f"columns.{name}"
                raise refusal(
                    "mapped_column_missing", lang, where=table.path, column=column, key=key, found=listed
                )
        else:
            index = place(name)
            if index is None:
                index = headers.place(filemap.kind, name, found)
        if index is not None:
            indexes[name] = index
    needed = list(REQUIRED[filemap.kind])
    have = indexes.keys() | filemap.constants.keys()
    if filemap.kind == "receivables" and not have & {"issued_on", "due_on"}:
        needed.append("issued_on")
    for name in needed:
        if name not in have:
            raise refusal(
                "missing_column", lang, where=table.path, column=name, found=listed,
                usual=headers.usual(filemap.kind, name, lang),
            )  # fmt: skip
    return indexes


def _ruled(rule: Rule, parse: Parse) -> Parse:
    def ruled(cell: Any) -> Any:
        text = rule(values.clean(cell))
        return parse(text) if text else None

    return ruled


def _parser(name: str, filemap: FileMap, ours: Profile) -> Parse:
    if name in DATES:
        order = filemap.date_order
        return lambda cell: values.day(cell, name, order) if cell.__class__ is not str or cell.strip() else None
    if name in AMOUNTS:
        return lambda cell: cell.strip() if isinstance(cell, str) else cell
    if name in FLAGS:
        return _after_cleaning(lambda text: values.flag(text, name))
    if name in _MAILS:
        return _after_cleaning(lambda text: values.email(text, name))
    if name in _LISTS:
        return _after_cleaning(lambda text: values.words(values.limited(text, name, _LIMITS[name])))
    special = {
        "roles": _roles,
        "messenger": _messenger,
        "kind": _risk_kind if filemap.kind == "risk-events" else _receivable_kind,
        "severity": lambda text: _one_of(text, "severity", RISK_SEVERITIES, "info, warning, major"),
        "url": _url,
        "language": lambda text: _language(text, "language"),
        "locale": lambda text: _language(text, "locale"),
        "timezone": _timezone,
        "currency": lambda text: text.upper(),
        "handle": _handle,
        COMPANY: lambda text: _own(text, ours),
    }
    if name in special:
        return _after_cleaning(special[name])
    limit = _LIMITS.get(name, 100 if name in _CODES else _LIMIT)
    if name == "name" and filemap.kind == "people":
        limit = 200

    def text(cell: Any) -> str:
        cleaned = values.clean(cell)
        return cleaned if len(cleaned) <= limit else values.limited(cleaned, name, limit)

    return text


def _after_cleaning(parse: Callable[[str], Any]) -> Parse:
    def cleaned(cell: Any) -> Any:
        text = values.clean(cell)
        return parse(text) if text else None

    return cleaned


def _one_of(text: str, column: str, names: dict[str, str], allowed: str) -> str:
    found = names.get(text.casefold())
    if found is None:
        raise Reject("bad_value", column, text, allowed=allowed)
    return found


def _own(text: str, ours: Profile) -> str:
    """The own company by one of its names: what is another's is not booked here."""
    if text.casefold() not in {values.clean(name).casefold() for name in (ours.name, ours.name_en) if name}:
        raise Reject("other_company" if ours.name else "company_unnamed", COMPANY, text, ours=ours.name)
    return text


def _receivable_kind(text: str) -> str:
    return _one_of(text, "kind", RECEIVABLE_KINDS, "invoice, credit_note, debit_note")


def _risk_kind(text: str) -> str:
    return _one_of(text, "kind", RISK_KINDS, "registration, lawsuit, dishonest, blacklist, other")


def _url(text: str) -> str:
    """It is shown as a link: nothing but a page."""
    if not text.lower().startswith(("https://", "http://")) or any(char.isspace() for char in text):
        raise Reject("bad_value", "url", text, allowed="https://…")
    return values.limited(text, "url", _LIMITS["url"])


def _roles(text: str) -> list[str]:
    for separator in ",，、/":
        text = text.replace(separator, ";")
    return list(dict.fromkeys(names.role(word) for word in values.words(text)))


def _messenger(text: str) -> str:
    found = names.messenger(text)
    if found is None:
        raise Reject("bad_value", "messenger", text, allowed=names.messengers())
    return found


def _language(text: str, column: str) -> str:
    return _one_of(text.casefold().replace("-", "_").split("_")[0], column, _LANGUAGES, "zh, en")


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise Reject("bad_timezone", "timezone", text)
    return ZoneInfo(text).key


def _handle(text: str) -> str:
    text = text.removeprefix("@")
    if not text or any(char.isspace() for char in text):
        raise Reject("bad_handle", "handle", text)
    return values.limited(text, "handle", 64)
