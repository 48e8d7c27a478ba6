"""Somebody is at one customer for long: who writes about it is told to come again, and nobody else waits for that."""

import asyncio
from time import monotonic

import pytest
from sqlalchemy import text

from tests.api.conftest import Api
from tests.scenarios.ordering import state


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_one_locked_customer_stops_no_other(api: Api) -> None:
    api.hk.customer("乙", "lin", credit_limit_minor=100_000)
    api.submit(number="X", customer="乙", amount="1.00")
    api.submit(number="S0", amount="1.00")
    engine = api.hk.app.engine

    async def story() -> None:
        with engine.connect() as somebody, somebody.begin():
            somebody.execute(text("SELECT id FROM customer WHERE code = '甲' FOR UPDATE"))
            orders = [{"number": f"S{n}", "customer": "甲", "amount": "1.00"} for n in range(1, 7)]
            waiting = [asyncio.create_task(api.call("POST", "/orders", json=order)) for order in orders]
            waiting.append(asyncio.create_task(api.call("DELETE", "/orders/S0")))
            await asyncio.sleep(0.5)
            begun = monotonic()
            assert (await asyncio.wait_for(api.call("GET", "/orders/X"), 10)).status_code == 200
            assert monotonic() - begun < 2.5, "sooner than anybody gave up"
            answers = await asyncio.wait_for(asyncio.gather(*waiting), 30)
        assert {(a.status_code, a.json()["error"]["code"], a.headers["Retry-After"]) for a in answers} == {
            (503, "api.unavailable", "5")
        }
        again = [await api.call("POST", "/orders", json=order) for order in orders]
        assert {a.json()["verdict"] for a in again} == {"released"}, "nothing was saved, and now it is"

    api.hk.run(story())
    assert state(api.hk, "S0") == "released"
