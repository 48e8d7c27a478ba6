"""Payment terms as they stand in contracts and ERPs -> the due date."""

import re
import unicodedata
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache


@dataclass(frozen=True)
class Terms:
    """`days` after the issue date, after the end of its month, or after an event."""

    days: int
    month_end: bool = False
    event: str = ""


_EVENTS = {
    "发货": "shipment", "出货": "shipment", "shipment": "shipment", "delivery": "delivery", "到货": "delivery",
    "货到": "delivery", "收货": "delivery", "签收": "delivery", "验收": "acceptance", "acceptance": "acceptance",
    "安装": "installation", "installation": "installation", "上线": "go-live",
}  # fmt: skip
_ISSUE = r"(?:开票|发票|票到|见票|收票|invoice|issue)"
_EVENT = f"({'|'.join(_EVENTS)})"
_DAYS = r"(\d{1,3})\s*(?:天|日|days?|d)?"
_NET = re.compile(rf"(?:net|n/?|账期|{_ISSUE}(?:日)?后?)?\s*{_DAYS}(?:\s*(?:after|from)\s+{_ISSUE}(?:\s*date)?|\s*net)?")
_MONTH = re.compile(r"(?:月结|eom\s*\+?|(?:net\s*)?)\s*(\d{1,3})?\s*(?:天|日|days?)?\s*(eom)?")
_AFTER_EVENT = re.compile(rf"{_EVENT}(?:日)?(?:之?后)?\s*{_DAYS}(?:内)?(?:付款)?")
_DAYS_AFTER = re.compile(rf"{_DAYS}\s*(?:after|from)\s+{_EVENT}")
_AT_ONCE = frozenset({"现结", "现款", "预付", "款到发货", "cash", "prepaid", "due on receipt", "immediate", "立即付款"})


@lru_cache(maxsize=1024)
def parse_terms(text: str) -> Terms | None:
    """None: not understood."""
    folded = " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip("。.")
    if folded in _AT_ONCE:
        return Terms(0)
    if folded in ("货到付款", "cod", "cash on delivery"):
        return Terms(0, event="delivery")
    if found := _NET.fullmatch(folded):
        return Terms(int(found[1]))
    if ("月结" in folded or "eom" in folded) and (found := _MONTH.fullmatch(folded)):
        return Terms(int(found[1] or 0), month_end=True)
    if found := _AFTER_EVENT.fullmatch(folded):
        return Terms(int(found[2]), event=_EVENTS[found[1]])
    if found := _DAYS_AFTER.fullmatch(folded):
        return Terms(int(found[1]), event=_EVENTS[found[2]])
    return None


def due_date(terms: Terms, issued_on: date, event_on: date | None) -> date | None:
    """None while the event has not happened."""
    start: date | None = issued_on
    if terms.event:
        start = event_on
    elif terms.month_end:
        start = issued_on.replace(day=monthrange(issued_on.year, issued_on.month)[1])
    return start + timedelta(days=terms.days) if start else None
