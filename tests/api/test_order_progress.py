"""How an order stands, to the system it came from: what of it is done, and who is asked about it, by role, until when."""

import json

from tests.api.conftest import Api

BOTH = """
name = "both"
[[ladder]]
name = "all"
[[ladder.step]]
id = "l1"
at = 1
audience = ["role:finance"]
action = "alert"
severity = "overdue"
message = "alert.severe"
[[credit.route]]
name = "rest"
rungs = [
  { audience = ["role:sales_director"] },
  { audience = ["role:finance_manager", "role:finance_director"], need = "all" },
]
"""


def test_what_of_it_is_shipped_signed_for_and_invoiced(api: Api) -> None:
    api.submit(amount="900.00")
    order = api("GET", "/orders/SO1").json()
    assert [order[k] for k in ("amount", "currency", "shipped", "signed", "invoiced")] == ["900.00", "CNY"] + ["0.00"] * 3
    api.hk.imports(
        "shipments", "number,customer,order,amount,shipped_on,signed_on",
        "S1,甲,SO1,300.00,2026-07-06,2026-07-06", "S2,甲,SO1,200.00,2026-07-06,",
    )  # fmt: skip
    api.hk.receivable("甲", "300.00", due="2026-08-05", number="I1", order_no="SO1")
    order = api("GET", "/orders/SO1").json()
    assert [order[k] for k in ("shipped", "signed", "invoiced")] == ["500.00", "300.00", "300.00"]
    closed = api("POST", "/orders/SO1/close").json()
    assert [closed[k] for k in ("verdict", "shipped", "signed", "invoiced")] == ["closed", "500.00", "300.00", "300.00"]


def test_amounts_have_the_digits_of_the_orders_currency(api: Api) -> None:
    api.submit(amount="900", currency="JPY")
    order = api("GET", "/orders/SO1").json()
    assert [order[k] for k in ("amount", "currency", "shipped")] == ["900", "JPY", "0"]
    api.settle()


def test_who_is_asked_since_when_and_until_when(api: Api) -> None:
    api.hk.policy(BOTH)
    request = api.submit(amount="1500.00").json()["request"]
    api.settle()
    assert api("GET", "/orders/SO1").json()["pending"] == {
        "request": request, "since": "2026-07-06T10:00:00+08:00", "expires": "2026-07-07T17:00:00+08:00",
        "step": 1, "steps": 2, "need": "any", "asked": ["sales_director"],
    }  # fmt: skip
    api.hk.chat("zhao").expect_card(kind="credit.request").tap("credit.approve")
    now = api("GET", "/orders/SO1").json()
    assert (now["pending"]["step"], now["pending"]["need"]) == (2, "all")
    assert now["pending"]["asked"] == ["finance_director", "finance_manager"], "zhou and fm"
    assert "zhao" not in json.dumps(now) and "zhou" not in json.dumps(now), "roles, no names"
    api.hk.chat("fm").expect_card(kind="credit.request").tap("credit.approve")
    api.hk.chat("zhou").expect_card(kind="credit.request").tap("credit.approve")
    now = api("GET", "/orders/SO1").json()
    assert (now["verdict"], now["pending"], now["request"]) == ("released", None, None)


def test_nothing_is_pending_of_what_was_taken_back(api: Api) -> None:
    api.submit(amount="1500.00")
    api.settle()
    taken = api("DELETE", "/orders/SO1").json()
    assert (taken["verdict"], taken["pending"]) == ("cancelled", None)
    api.settle()


def test_the_description_tells_of_it(api: Api) -> None:
    described = api("GET", "/openapi.json", token=None).json()["components"]["schemas"]
    order, pending = described["OrderNow"]["properties"], described["Pending"]
    assert {"amount", "currency", "shipped", "signed", "invoiced", "pending"} <= set(described["OrderNow"]["required"])
    assert "shipped" in order["shipped"]["description"]
    assert set(pending["required"]) == {"request", "since", "expires", "step", "steps", "need", "asked"}
