"""A request's body, counted while it comes in, as JSON of which there is only one reading."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from starlette.requests import Request

from core.errors import DomainError

MAX_BYTES, MAX_DEPTH = 1_000_000, 32
_JSON = re.compile(r"application/[a-z0-9.-]+\+json")


async def read(request: Request) -> bytes:
    """Errors: api.content_type; api.too_large, also where nobody said beforehand how much would come."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and not (kind == "application/json" or _JSON.fullmatch(kind)):
        raise DomainError("api.content_type", value=kind[:80])
    said = request.headers.get("content-length", "")
    if said.isdecimal() and (len(said) > 15 or int(said) > MAX_BYTES):
        raise DomainError("api.too_large", most=MAX_BYTES)
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise DomainError("api.too_large", most=MAX_BYTES)
        parts.append(part)
    return b"".join(parts)


def decode(raw: bytes) -> Any:
    """Errors: api.not_utf8, api.not_json, api.too_deep, order.field_twice."""
    try:
        data = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
        if _too_deep(data):
            raise DomainError("api.too_deep")
        json.dumps(data, ensure_ascii=False).encode()  # half of a pair of surrogates is no text
    except UnicodeError:
        raise DomainError("api.not_utf8") from None
    except RecursionError:
        raise DomainError("api.too_deep") from None
    except ValueError as error:
        raise DomainError("api.not_json", detail=str(error)[:100]) from None
    return data


def _too_deep(data: Any) -> bool:
    level = [data]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two amounts nobody knows which one is meant."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            # A key may hold half of a pair of surrogates, which no answer can.
            raise DomainError("order.field_twice", field=name[:80].encode("utf-8", "replace").decode())
        found[name] = value
    return found


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
