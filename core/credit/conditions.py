"""On which conditions approvers say yes: {prepay_percent?, terms? (days), until? (ISO date)}. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

STRICTER = {"prepay_percent": max, "terms": min, "until": min}


def merged(several: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """What holds if all of them hold: the largest prepayment, the shortest terms, the earliest day."""
    found: dict[str, Any] = {}
    for given in several:
        for name, value in given.items():
            found[name] = STRICTER[name](found[name], value) if name in found else value
    return found
