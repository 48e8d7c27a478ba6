"""`api`: a small company whose order system calls the server's own ASGI application."""

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx2
import pytest

from bot.server import _page
from core import tokens
from core.credit import invariants as credit
from core.ledger import invariants
from tests.harness import Harness
from tests.logs import written
from tests.scenarios.ordering import opened, told

ALL = ("orders:write", "orders:read")


class Api:
    """`api(...)` is one request with the shop's token; `api.hk` the company."""

    def __init__(self, hk: Harness) -> None:
        self.hk = hk
        self.page = _page(hk.app)
        self.token = self.issue("shop", source="shop")

    def issue(self, name: str, *scopes: str, source: str = "", expires_at: datetime | None = None) -> str:
        with self.hk.db() as work:
            return tokens.issue(work, name, scopes or ALL, source=source, expires_at=expires_at)[1]

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        return self.hk.run(self.call(method, path, **more))

    async def call(
        self, method: str, path: str, *, token: str | None = "", headers: Any = None, **more: Any
    ) -> httpx2.Response:
        """`token`: None for none. Whatever the application raises fails the test."""
        given = dict(headers or {})
        if token is not None:
            given.setdefault("Authorization", f"Bearer {token or self.token}")
        transport = httpx2.ASGITransport(app=self.page)
        async with httpx2.AsyncClient(transport=transport, base_url="http://erp.example") as client:
            return await client.request(method, f"/api/v1{path}", headers=given, **more)

    def submit(self, key: str = "", *, token: str = "", lang: str = "", **order: Any) -> httpx2.Response:
        headers = {"Idempotency-Key": key} if key else {}
        if lang:
            headers["Accept-Language"] = lang
        body = {"number": "SO1", "customer": "甲", "amount": "100.00", **order}
        return self("POST", "/orders", token=token, headers=headers, json=body)

    def settle(self) -> None:
        """What follows from a request is done while nobody waits for it; here we do, however slow the machine is."""

        async def done() -> None:
            while self.hk.app._background:
                await asyncio.sleep(0.02)

        self.hk.run(asyncio.wait_for(done(), 30))

    def refused(self, status: int, code: str, answer: httpx2.Response) -> httpx2.Response:
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
        assert answer.json()["error"]["message"] and self.token not in answer.text
        return answer


@pytest.fixture
def hk(database_url: str, caplog: pytest.LogCaptureFixture) -> Iterator[Harness]:
    caplog.set_level(logging.DEBUG)
    harness = Harness(database_url)
    yield harness
    harness.stop()


@pytest.fixture
def api(hk: Harness, caplog: pytest.LogCaptureFixture) -> Iterator[Api]:
    """Whatever happened, no token got into the log, and the books are whole."""
    found = Api(opened(hk))
    yield found
    log = written(caplog)
    assert "hk_" not in log and found.token not in log
    with hk.look() as work:
        broken = invariants.check(work.session) + credit.check(work.session, work.company.calendar.zone.key)
    assert not broken, broken
    told(hk)
