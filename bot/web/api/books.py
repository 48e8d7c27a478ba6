"""/api/v1/customers, /receivables, /receipts, /shipments, /risk-events: rows of another system, as an import takes them; and
what credit a customer has."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Security
from fastapi.security import HTTPBearer
from sqlalchemy import bindparam, select
from starlette.responses import Response

from bot.commands.credit import as_json
from bot.web.api import body, schemas
from bot.web.api.auth import Caller, Callers, Host, looked
from bot.web.api.errors import answer, language
from bot.web.api.once import KEY_HEADER, Asked, key_of, once
from bot.web.api.schemas import fails
from bot.web.api.writers import Writers
from bot.words import explain
from core.errors import DomainError
from core.ingest import rows as ingest
from core.models import Customer
from core.models.base import table_of
from core.work import Work

# kind of import -> the scope that it takes
SCOPES = {
    "customers": "customers:write", "receivables": "receivables:write", "receipts": "receipts:write",
    "shipments": "shipments:write", "risk-events": "risk:write",
}  # fmt: skip
_CUSTOMER = select(Customer).where(table_of(Customer).c.code == bindparam("code"))
Code = Annotated[str, Path(examples=["C001"])]
KINDS = tuple(SCOPES)


@dataclass(frozen=True)
class Sent:
    """What a request brings. `as_of`: receipts are complete through that day."""

    rows: list[Any]
    as_of: date | None
    fingerprint: str


class NothingIn(Exception):
    """No row could go in; the report says why."""

    def __init__(self, report: dict[str, Any]) -> None:
        super().__init__()
        self._report = report

    def as_json(self, lang: str) -> dict[str, Any]:
        error = DomainError("api.nothing_in", n=len(self._report["rejected"]))
        return {"error": explain(error, lang), **self._report}


def books_router(host: Host, writers: Writers) -> APIRouter:
    router = APIRouter(tags=["books"], dependencies=[Security(HTTPBearer(auto_error=False))])
    callers = Callers(host)
    for kind in KINDS:
        router.add_api_route(
            f"/{kind}",
            _taking(host, writers, callers, kind),
            methods=["POST"],
            operation_id=f"take_{kind.replace('-', '_')}",
            summary=f"Up to {ingest.MAX_ROWS} rows of {kind}; those that can't go in are told, the others are in",
            responses={200: {"model": schemas.Report}, **fails(400, 409, 413, 415), 422: {"model": schemas.NothingIn}},
            openapi_extra={"requestBody": schemas.rows_body(kind), "parameters": [KEY_HEADER]},
        )

    @router.get(
        "/customers/{code:path}/credit",
        summary="A customer's limit, what uses it up, its holds and orders, as they are now",
        responses={200: {"model": schemas.Credit}, **fails(404)},
    )
    async def credit(request: Request, code: Code) -> Response:
        who = await callers.of(request, "credit:read")
        return answer(await asyncio.to_thread(_credit, host, who, code))

    return router


def _credit(host: Host, who: Caller, code: str) -> dict[str, Any]:
    """Errors: customer.not_found."""
    with host.transactions.look(host.clock()) as work:
        found = work.session.execute(_CUSTOMER, {"code": code}).scalar_one_or_none() if "\0" not in code else None
        if found is None:
            raise DomainError("customer.not_found", value=code[:100])
        shown = as_json(work, found, who.source)
    looked(host, who)
    return shown


def _taking(host: Host, writers: Writers, callers: Callers, kind: str) -> Callable[[Request], Awaitable[Response]]:
    async def take(request: Request) -> Response:
        who = await callers.of(request, SCOPES[kind])
        key = key_of(request)
        raw = await body.read(request)
        lang = language(request.headers.get("accept-language", ""), host.company.lang)
        try:
            found = await writers.do(_take, host, who, kind, raw, key, lang)
        except NothingIn as nothing:
            return answer(nothing.as_json(lang), 422)
        host.follow()
        return answer(found)

    return take


def _take(host: Host, who: Caller, kind: str, raw: bytes, key: str, lang: str) -> dict[str, Any]:
    """The report. Errors: those of body.decode, read and once; NothingIn."""
    sent = read(kind, body.decode(raw), host.company.calendar.business_date(host.clock()))

    def act(work: Work) -> dict[str, Any]:
        report = ingest.load(work, kind, sent.rows, source=_source(who, kind), lang=lang, as_of=sent.as_of)
        shown = report.to_json()
        if report.rejected and not (report.created or report.updated or report.unchanged):
            raise NothingIn(shown)
        return shown

    return once(host, Asked(who, key, sent.fingerprint, act))


def _source(who: Caller, kind: str) -> str:
    """A risk event says who reports it, whatever the token is for."""
    return who.source or (who.name if kind == "risk-events" else "")


def read(kind: str, data: object, today: date) -> Sent:
    """Errors: api.rows, api.too_many_rows, time.bad_date."""
    known = ("rows", "as_of") if kind == "receipts" else ("rows",)
    if not isinstance(data, Mapping) or not isinstance(data.get("rows"), list) or set(data) - set(known):
        raise DomainError("api.rows", fields=", ".join(known))
    if len(data["rows"]) > ingest.MAX_ROWS:
        raise DomainError("api.too_many_rows", n=len(data["rows"]), most=ingest.MAX_ROWS)
    as_of = _day(data["as_of"], today) if data.get("as_of") is not None else None
    said = json.dumps([kind, data], sort_keys=True, ensure_ascii=False)
    return Sent(data["rows"], as_of, hashlib.sha256(said.encode()).hexdigest())


def _day(value: object, today: date) -> date:
    """Nobody knows what will come in tomorrow."""
    try:
        found = date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        found = None
    if found is None or found > today:
        raise DomainError("time.bad_date", value=str(value)[:40])
    return found
