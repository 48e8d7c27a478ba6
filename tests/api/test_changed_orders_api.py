"""Orders that are changed and closed by REST."""

from tests.api.conftest import Api
from tests.scenarios.ordering import state, told


def test_an_order_is_changed_and_judged_anew(api: Api) -> None:
    order = {"number": "SO/1", "customer": "甲", "amount": "900.00"}
    assert api("POST", "/orders", json=order).json()["verdict"] == "released"
    more = {**order, "amount": "1200.00", "extra": {"channel": "tmall", "pieces": 3}}
    answer = api("PUT", "/orders/SO%2F1", json=more)
    assert answer.status_code == 200 and answer.json()["verdict"] == "held" and answer.json()["request"]
    assert api("PUT", "/orders/SO%2F1", json=more).json() == answer.json()
    assert api("PUT", "/orders/SO%2F1", json=order).json()["verdict"] == "released"
    api.refused(409, "order.conflict", api("POST", "/orders", json=more))
    api.refused(409, "order.other", api("PUT", "/orders/SO%2F1", json={**order, "number": "SO2"}))
    api.refused(404, "order.unknown", api("PUT", "/orders/SO2", json={**order, "number": "SO2"}))
    api.refused(422, "order.bad_field", api("PUT", "/orders/SO%2F1", json={**order, "extra": {"a": []}}))
    api.hk.deliver()
    told(api.hk)


def test_a_key_answers_once_and_for_one_change(api: Api) -> None:
    order = {"number": "SO1", "customer": "甲", "amount": "900.00"}
    api("POST", "/orders", json=order)
    first = api("PUT", "/orders/SO1", json={**order, "amount": "800.00"}, headers={"Idempotency-Key": "k"})
    assert api("PUT", "/orders/SO1", json={**order, "amount": "700.00"}).status_code == 200
    again = api("PUT", "/orders/SO1", json={**order, "amount": "800.00"}, headers={"Idempotency-Key": "k"})
    assert again.json() == first.json()
    other = api("PUT", "/orders/SO1", json={**order, "amount": "600.00"}, headers={"Idempotency-Key": "k"})
    api.refused(409, "api.key_conflict", other)


def test_an_order_is_closed_whatever_its_number_looks_like(api: Api) -> None:
    for number in ("SO1", "SO/1", "close", "SO/closed"):
        api("POST", "/orders", json={"number": number, "customer": "甲", "amount": "900.00"})
        for _ in range(2):
            answer = api("POST", f"/orders/{number.replace('/', '%2F')}/close")
            assert answer.status_code == 200 and answer.json()["verdict"] == "closed" and answer.json()["ended"]
        assert state(api.hk, number) == "closed"
    api.refused(409, "order.ended", api("DELETE", "/orders/SO1"))
    api.refused(404, "order.unknown", api("POST", "/orders/SO9/close"))
    reader = api.issue("reader", "orders:read", source="shop")
    api.refused(403, "api.no_scope", api("POST", "/orders/SO1/close", token=reader))
    api.refused(403, "api.no_scope", api("PUT", "/orders/SO1", token=reader, json={}))
    told(api.hk)


def test_shipments_come_in_by_rows_and_what_is_signed_for_is_to_be_invoiced(api: Api) -> None:
    api("POST", "/orders", json={"number": "SO1", "customer": "甲", "amount": "900.00"})
    wms = api.issue("wms", "shipments:write", source="wms")
    row = {"number": "D1", "customer": "甲", "order": "SO1", "amount": "400.00", "shipped_on": "2026-07-06"}
    for signed, counts in ((None, (1, 0)), ("2026-07-06", (0, 1))):
        answer = api("POST", "/shipments", token=wms, json={"rows": [{**row, "signed_on": signed}]})
        assert answer.status_code == 200, answer.text
        assert (answer.json()["created"], answer.json()["updated"]) == counts
    api.hk.deliver()
    api.hk.chat("cai").expect_card("D1", "¥400.00", kind="task.invoice")
    api.refused(403, "api.no_scope", api("POST", "/shipments", json={"rows": [row]}))


def test_no_number_ends_like_the_address_that_closes_another_order(api: Api) -> None:
    for number in ("SO1/close", "/close"):
        order = {"number": number, "customer": "甲", "amount": "1"}
        api.refused(422, "order.bad_number", api("POST", "/orders", json=order))
