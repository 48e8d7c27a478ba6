"""What the API answers where something can't be done: a status, the code, and words in the caller's language."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from sqlalchemy.exc import TimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from bot.words import explain
from core.errors import ConfigError, DomainError, Unreachable

log = logging.getLogger(__name__)

RETRY_SECONDS = 5
STATUS = {
    "api.not_utf8": 400, "api.not_json": 400, "api.too_deep": 400, "order.field_twice": 400, "api.bad_key": 400,
    "api.no_token": 401, "api.no_scope": 403, "order.unknown": 404, "customer.not_found": 404, "api.not_found": 404,
    "api.method": 405,
    "order.conflict": 409, "order.ended": 409, "order.other": 409, "order.below_done": 409, "api.key_conflict": 409,
    "api.too_large": 413, "api.content_type": 415,
    "api.unavailable": 503, "credit.group_moved": 503, "internal": 500,
}  # fmt: skip
OTHERWISE = 422
# Chat takes names as well; other systems say codes.
FIELDS = {
    "customer.unknown": ("customer", "这里是客户编号，不是名称", "Here it is the customer's code, not its name"),
    "person.unknown": ("asked_by", "这里是工号", "Here it is the person's handle"),
}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def install(api: FastAPI, company_lang: str) -> None:
    def refused(request: Request, error: DomainError, headers: Mapping[str, str] | None = None) -> Response:
        lang = language(request.headers.get("accept-language", ""), company_lang)
        said = explain(error, lang)
        if error.code in FIELDS:
            said |= {"where": FIELDS[error.code][0], "hint": FIELDS[error.code][1 if lang == "zh" else 2]}
        return answer({"error": said}, STATUS.get(error.code, OTHERWISE), {**_headers(error), **(headers or {})})

    async def domain(request: Request, error: Exception) -> Response:
        assert isinstance(error, DomainError)
        if isinstance(error, Unreachable | ConfigError):  # what is wrong here, and where, is none of the caller's business
            log.warning("api: a request was not handled: %s", error)
            return refused(request, DomainError("api.unavailable"), {"Retry-After": str(RETRY_SECONDS)})
        return refused(request, error)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            allow = {"Allow": _allowed(api, str(request.scope["path"]))}
            return refused(request, DomainError("api.method", method=request.method[:20]), allow)
        return refused(request, DomainError("api.not_found"))

    async def crowded(request: Request, error: Exception) -> Response:
        """Every connection to the database is taken, and was for half a minute."""
        return await domain(request, Unreachable("db.unreachable", detail=str(error)))

    async def ours(request: Request, error: Exception) -> Response:
        return refused(request, DomainError("internal"))

    async def gone(request: Request, error: Exception) -> Response:
        return Response(status_code=400)  # nobody reads it any more

    api.add_exception_handler(DomainError, domain)
    api.add_exception_handler(HTTPException, http)
    api.add_exception_handler(ClientDisconnect, gone)
    api.add_exception_handler(TimeoutError, crowded)
    api.add_exception_handler(Exception, ours)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(body, status, headers={**HEADERS, **(headers or {})})


def _headers(error: DomainError) -> dict[str, str]:
    if error.code == "api.no_token":
        return {"WWW-Authenticate": 'Bearer realm="huikuan"'}
    if STATUS.get(error.code) == 503:
        return {"Retry-After": str(RETRY_SECONDS)}
    if error.code == "api.no_scope":
        return {"WWW-Authenticate": 'Bearer realm="huikuan", error="insufficient_scope"'}
    return {}


def _allowed(api: FastAPI, path: str) -> str:
    """Every method of this address: each stands on a route of its own, of which the framework names one."""
    found: dict[int, dict[str, Any]] = {}
    for template, methods in api.openapi()["paths"].items():
        fixed = re.split(r"\{[^}]*\}", template)
        if re.fullmatch(".+".join(map(re.escape, fixed)), path, re.DOTALL):
            found[len("".join(fixed))] = methods
    return ", ".join(sorted(name.upper() for name in found[max(found)])) if found else ""


def language(accepted: str, otherwise: str) -> str:
    """`zh` or `en`, whichever the Accept-Language header wants more; else the company's."""
    best, found = 0.0, otherwise
    for item in accepted[:200].split(","):
        name, _, weight = item.partition(";")
        lang = name.strip().lower().partition("-")[0]
        try:
            wanted = float(weight.partition("=")[2] or 1)
        except ValueError:
            continue
        if lang in ("zh", "en") and best < wanted <= 1:
            best, found = wanted, lang
    return found
