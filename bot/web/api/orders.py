"""/api/v1/orders: an order is submitted and judged at once, looked at, changed, ended, taken back."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Security
from fastapi.security import HTTPBearer
from sqlalchemy import bindparam, select
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bot.web.api import body, schemas
from bot.web.api.auth import Caller, Callers, Host, looked
from bot.web.api.errors import answer
from bot.web.api.once import KEY_HEADER, Asked, key_of, once
from bot.web.api.schemas import fails
from bot.web.api.stands import stands
from bot.web.api.submit import Submissions
from bot.web.api.writers import PATIENCE, Writers
from core import tokens
from core.credit import changes, incoming, locks, orders
from core.dunning.stored import active
from core.errors import DomainError
from core.models import Customer, Order, OrderState
from core.models.base import table_of
from core.work import Work

MAX_NUMBER = 100
Number = Annotated[str, Path(examples=["SO-1001"])]
NOT_POST = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
C, O = table_of(Customer), table_of(Order)  # noqa: E741
_ORDER = select(Order).where(O.c.source == bindparam("source"), O.c.number == bindparam("number"))
_NEW = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewOrder"}}}, "required": True}


def orders_router(host: Host, writers: Writers) -> APIRouter:
    router = APIRouter(tags=["orders"], dependencies=[Security(HTTPBearer(auto_error=False))])
    desk, callers, submissions = Desk(host), Callers(host), Submissions(host, writers)

    @router.post(
        "/orders",
        summary="Submit an order; the verdict is the answer",
        responses={200: {"model": schemas.OrderAnswer}, **fails(400, 409, 413, 415, 422)},
        openapi_extra={"requestBody": _NEW, "parameters": [KEY_HEADER]},
    )
    async def submit(request: Request) -> Response:
        with host.answering():
            found = await submissions.submit(request)
        host.follow()
        return answer(found)

    @router.api_route("/orders/{number:path}/close", methods=NOT_POST, include_in_schema=False)
    async def closed_only_by_post(number: str) -> Response:
        """Else it would be an order whose number ends like this."""
        raise HTTPException(405)

    @router.put(
        "/orders/{number:path}",
        summary="Change an order that is not ended; the verdict about what it is now is the answer",
        responses={200: {"model": schemas.OrderAnswer}, **fails(400, 404, 409, 413, 415, 422)},
        openapi_extra={"requestBody": _NEW, "parameters": [KEY_HEADER]},
    )
    async def change(request: Request, number: Number) -> Response:
        who = await callers.of(request, "orders:write")
        key = key_of(request)
        raw = await body.read(request)
        found = await writers.do(desk.change, who, number, raw, key)
        host.follow()
        return answer(found)

    @router.post(
        "/orders/{number:path}/close",
        summary="Nothing more of an order will be delivered; saying so again changes nothing",
        responses={200: {"model": schemas.OrderNow}, **fails(400, 404, 409)},
        openapi_extra={"parameters": [KEY_HEADER]},
    )
    async def close(request: Request, number: Number) -> Response:
        who = await callers.of(request, "orders:write")
        key = key_of(request)
        found = await writers.do(desk.close, who, number, key)
        host.follow()
        return answer(found)

    @router.get(
        "/orders/{number:path}",
        summary="An order as it stands now",
        responses={200: {"model": schemas.OrderNow}, **fails(404)},
    )
    async def show(request: Request, number: Number) -> Response:
        who = await callers.of(request, "orders:read")
        return answer(await asyncio.to_thread(desk.show, who, number))

    @router.delete(
        "/orders/{number:path}",
        summary="Take an order back; taking it back again changes nothing",
        responses={200: {"model": schemas.OrderNow}, **fails(404, 409)},
    )
    async def cancel(request: Request, number: Number) -> Response:
        who = await callers.of(request, "orders:write")
        found = await writers.do(desk.cancel, who, number)
        host.follow()
        return answer(found)

    return router


class Desk:
    """Each of these is one transaction in a thread; `who` is in its audit."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def _read(self, raw: bytes) -> incoming.NewOrder:
        return incoming.parse(body.decode(raw), self._host.company.currency)

    def change(self, who: Caller, number: str, raw: bytes, key: str) -> dict[str, Any]:
        """Errors: those of body.decode, incoming.parse, changes.change and once; order.unknown."""
        new = self._read(raw)

        def act(work: Work) -> dict[str, Any]:
            made = changes.change(work, active(work)[1], _order(work, who, number), new)
            return orders.as_json(made.order, made.request_id)

        return once(self._host, Asked(who, key, f"PUT {number} {new.fingerprint}", act))

    def close(self, who: Caller, number: str, key: str) -> dict[str, Any]:
        """Errors: order.unknown, order.ended; those of once."""

        def act(work: Work) -> dict[str, Any]:
            order = _order(work, who, number)
            changes.close(work, order)
            return stands(work, order)

        return once(self._host, Asked(who, key, f"CLOSE {number}", act))

    def show(self, who: Caller, number: str) -> dict[str, Any]:
        """Errors: order.unknown, also for another system's order."""
        with self._host.transactions.look(self._host.clock()) as work:
            found = stands(work, _order(work, who, number))
        looked(self._host, who)
        return found

    def cancel(self, who: Caller, number: str) -> dict[str, Any]:
        """Errors: order.unknown, order.ended."""
        with self._host.transactions.work(self._host.clock(), patience=PATIENCE, **who.who) as work:
            order = _order(work, who, number)
            locks.lock(work, order.customer_id)
            work.session.refresh(order)  # somebody may have decided while we waited
            if order.state != OrderState.cancelled:
                orders.cancel(work, active(work)[1], order)
            tokens.used(work, who.id)
            return stands(work, order)


def _order(work: Work, who: Caller, number: str) -> Order:
    found: Order | None = None
    if len(number) <= MAX_NUMBER and "\0" not in number:
        found = work.session.execute(_ORDER, {"source": who.source, "number": number}).scalar_one_or_none()
    if found is None:
        raise DomainError("order.unknown", number=number[:MAX_NUMBER])
    return found
