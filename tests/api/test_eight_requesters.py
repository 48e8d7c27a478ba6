"""Eight systems submit orders of all sizes at once, half of them to another process' application on the same database."""

import asyncio
from random import Random

import httpx2
from sqlalchemy import func, select

from bot.server import _page
from core.credit.exposure import standing
from core.dunning.stored import active
from core.models import CreditRequest, Order
from core.models.base import table_of
from tests.api.conftest import Api
from tests.scenarios.racing import other

EACH, LIMIT_MINOR = 12, 100_000
O, Q = table_of(Order), table_of(CreditRequest)  # noqa: E741


def test_what_is_released_without_approval_never_passes_the_limit(api: Api) -> None:
    by_chance = Random(1)
    amounts = {f"{who}-{n}": by_chance.choice((by_chance.randint(1, 900), by_chance.randint(1_000, 30_000)))
               for who in range(8) for n in range(EACH)}  # fmt: skip
    answers: dict[str, str] = {}

    async def requester(page: object, who: int) -> None:
        transport = httpx2.ASGITransport(app=page)  # type: ignore[arg-type]
        async with httpx2.AsyncClient(transport=transport, base_url="http://erp.example") as client:
            for n in range(EACH):
                number = f"{who}-{n}"
                order = {"number": number, "customer": "甲", "amount": f"{amounts[number] / 100:.2f}"}
                for _ in range(20):
                    said = await client.post(
                        "/api/v1/orders", json=order, headers={"Authorization": f"Bearer {api.token}"}, timeout=60
                    )
                    if said.status_code != 503:  # nothing was saved: come again
                        break
                assert said.status_code == 200, said.text
                answers[number] = said.json()["verdict"]

    with other(api.hk) as second:
        pages = api.page, _page(second)

        async def all_at_once() -> None:
            await asyncio.gather(*(requester(pages[who % 2], who) for who in range(8)))
            while second._background:
                await asyncio.sleep(0.02)

        api.hk.run(all_at_once())
        api.settle()
    with api.hk.look() as work:
        states = {row.number: (row.state, row.amount_minor) for row in work.session.execute(select(O))}
        pending = work.session.execute(select(func.count()).select_from(Q).where(Q.c.state == "pending")).scalar_one()
        used = standing(work, 1).used_minor(active(work)[1].credit, "CNY")
    assert states == {number: (answers[number], minor) for number, minor in amounts.items()}
    released = sum(minor for state, minor in states.values() if state == "released")
    assert used == released <= LIMIT_MINOR
    held = [minor for state, minor in states.values() if state == "held"]
    assert held and pending == len(held) and released + min(held) > LIMIT_MINOR, "what fits waits for nobody"
    assert len(held) < len(states)
