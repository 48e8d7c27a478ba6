"""The REST API under /api/v1: other systems submit orders and get the verdict at once, and keep the books up to date.
Bearer tokens, no cookies."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.web.api import errors, schemas
from bot.web.api.auth import Host
from bot.web.api.books import books_router
from bot.web.api.orders import orders_router
from bot.web.api.writers import Writers

PREFIX = "/api/v1"


def create_api(host: Host) -> FastAPI:
    """An application of its own: nothing of the page's door, its cookies or its headers holds here."""
    api = FastAPI(
        title="huikuan",
        version="1",
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    writers = Writers()
    api.include_router(orders_router(host, writers), prefix=PREFIX)
    api.include_router(books_router(host, writers), prefix=PREFIX)
    errors.install(api, host.company.lang)

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            made = get_openapi(title=api.title, version=api.version, description=__doc__, routes=api.routes)
            made.setdefault("components", {}).setdefault("schemas", {}).update(schemas.of_requests())
            api.openapi_schema = made
        return api.openapi_schema

    api.openapi = described  # type: ignore[method-assign]
    return api


class Beside:
    """ASGI: requests under /api/v1 go to the API, all others to the page behind its door."""

    def __init__(self, app: ASGIApp, api: ASGIApp) -> None:
        self._app = app
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        mine = scope["type"] == "http" and f"{_path(scope)}/".startswith(f"{PREFIX}/")
        await (self._api if mine else self._app)(scope, receive, send)


def _path(scope: Scope) -> str:
    return str(scope["path"]).removeprefix(scope.get("root_path", ""))
