"""Customers, receivables and receipts by REST: as an import takes them, told row by row."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.web.api.books import KINDS
from core import tokens
from core.ingest.maps import columns_of
from core.ingest.records import AMOUNTS, DATES
from core.ingest.rows import needed, taken
from core.models import Audit, Customer, ImportRun, InboundEvent, Order, Receipt, Receivable
from core.models.base import table_of
from tests.api.conftest import Api
from tests.harness import ONE_STEP
from tests.scenarios.ordering import ROUTES, state, told
from tests.scenarios.racing import count

A, C, I, P, R = (table_of(model) for model in (Audit, Customer, ImportRun, Receipt, Receivable))  # noqa: E741
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
WRITES = tokens.SCOPES


@pytest.fixture
def erp(api: Api) -> Api:
    api.token = api.issue("erp", *WRITES, source="erp")
    return api


def send(api: Api, kind: str, *rows: Any, key: str = "", lang: str = "", token: str = "", **more: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    if lang:
        headers["Accept-Language"] = lang
    return api("POST", f"/{kind}", token=token, headers=headers, json={"rows": list(rows), **more})


def invoice(number: str = "INV1", **more: Any) -> dict[str, Any]:
    return {"number": number, "customer": "甲", "issued_on": "2026-07-01", "amount": "500.00", **more}


def receipt(number: str = "R1", **more: Any) -> dict[str, Any]:
    return {"number": number, "customer": "甲", "received_on": "2026-07-06", "amount": "500.00", **more}


def counted(answer: Any) -> tuple[int, int, int, int]:
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert report["rows"] == sum(report[n] for n in ("created", "updated", "unchanged")) + len(report["rejected"])
    return report["created"], report["updated"], report["unchanged"], len(report["rejected"])


def test_a_customer_its_invoice_and_its_receipt(erp: Api) -> None:
    customer = {"code": "乙", "name": "乙公司", "owner": "li", "credit_limit": "1000.00", "terms": "net30"}
    assert counted(send(erp, "customers", customer)) == (1, 0, 0, 0)
    assert counted(send(erp, "customers", {**customer, "credit_limit": "2000.00"})) == (0, 1, 0, 0)
    made = send(erp, "receivables", invoice(customer="乙"), invoice("INV2", customer="乙", amount=250))
    assert counted(made) == (2, 0, 0, 0) and made.json()["totals"] == {"CNY": {"count": 2, "amount": "750.00"}}
    paid = send(erp, "receipts", receipt(customer="乙", receivable="INV1"))
    assert counted(paid) == (1, 0, 0, 0) and paid.headers["cache-control"] == "no-store"
    with erp.hk.look() as work:
        open_ = dict(work.session.execute(R.select().with_only_columns(R.c.number, R.c.open_minor)).all())  # type: ignore[arg-type]
        sources = set(work.session.execute(R.select().with_only_columns(R.c.source)).scalars())
    assert open_ == {"INV1": 0, "INV2": 25_000} and sources == {"erp"}
    assert count(erp.hk, Audit, A.c.actor == "api:erp", A.c.channel == "api", A.c.action == "import.done") == 4


def test_the_same_rows_again_change_nothing(erp: Api) -> None:
    for expected in ((1, 0, 0, 0), (0, 0, 1, 0)):
        assert counted(send(erp, "receivables", invoice())) == expected
    for expected in ((1, 0, 0, 0), (0, 0, 1, 0)):
        assert counted(send(erp, "receipts", receipt())) == expected
    assert count(erp.hk, Receivable) == 1 and count(erp.hk, Receipt) == 1
    assert count(erp.hk, ImportRun, I.c.kind == "receivables") == 1  # a run that changed nothing isn't one
    assert count(erp.hk, ImportRun, I.c.kind == "receipts", I.c.known_to == erp.hk.now.date()) == 2  # nothing came: known


def test_numbers_are_each_systems_own(erp: Api) -> None:
    other = erp.issue("crm", *WRITES, source="crm")
    assert counted(send(erp, "receivables", invoice())) == (1, 0, 0, 0)
    assert counted(send(erp, "receivables", invoice(amount="70.00"), token=other)) == (1, 0, 0, 0)
    assert counted(send(erp, "receipts", receipt())) == (1, 0, 0, 0)
    foreign = send(erp, "receipts", receipt("X", reverses="R1"), token=other)
    assert foreign.status_code == 422 and foreign.json()["rejected"][0]["code"] == "import.unknown_receipt"
    assert counted(send(erp, "receipts", receipt("X", reverses="R1"))) == (1, 0, 0, 0)


def test_good_rows_are_in_and_bad_ones_are_told(erp: Api) -> None:
    answer = send(
        erp, "receivables", invoice(), invoice("INV2", customer="nobody"), invoice("INV1"), invoice("INV3", amount="x"),
        invoice("INV4", amount=1.5), invoice("INV5", colour="red"), "INV6", {"number": "INV7"}, invoice("INV8", order=["a"]),
        invoice("INV9", currency="XXY"), invoice("INV10", issued_on="31/12/2026"), invoice("INV11", amount=10**15),
        lang="en",
    )  # fmt: skip
    assert counted(answer) == (1, 0, 0, 11)
    assert [(p["row"], p["code"].removeprefix("import."), p["column"]) for p in answer.json()["rejected"]] == [
        (2, "unknown_customer", "customer"), (3, "duplicate", "number"), (4, "bad_amount", "amount"),
        (5, "bad_type", "amount"), (6, "unknown_column", "colour"), (7, "not_an_object", ""),
        (8, "missing_value", "customer"), (9, "bad_type", "order"), (10, "unknown_currency", "currency"),
        (11, "bad_date", "issued_on"), (12, "too_large", "amount"),
    ]  # fmt: skip
    assert "customer" in answer.json()["rejected"][0]["reason"]
    assert count(erp.hk, Receivable) == 1


def test_where_nothing_could_go_in_nothing_stays(erp: Api) -> None:
    answer = send(erp, "receipts", receipt(customer="丙"), receipt("R2", amount="0"), key="k1")
    erp.refused(422, "api.nothing_in", answer)
    assert [p["code"] for p in answer.json()["rejected"]] == ["import.unknown_customer", "import.zero_amount"]
    assert answer.json()["rows"] == 2 and count(erp.hk, ImportRun) == 0 and count(erp.hk, InboundEvent) == 0
    assert counted(send(erp, "receipts", receipt(), key="k1")) == (1, 0, 0, 0)  # the key is still free
    assert counted(send(erp, "receipts")) == (0, 0, 0, 0)  # nothing came in today


def test_a_key_gets_its_first_answer_again(erp: Api) -> None:
    first = send(erp, "receipts", receipt(), key="k1")
    assert send(erp, "receipts", receipt(), key="k1").json() == first.json() and first.json()["created"] == 1
    erp.refused(409, "api.key_conflict", send(erp, "receipts", receipt(amount="1.00"), key="k1"))
    erp.refused(409, "api.key_conflict", send(erp, "receivables", receipt(), key="k1"))
    erp.refused(409, "api.key_conflict", erp.submit("k1"))
    assert count(erp.hk, Receipt) == 1


def test_the_same_receipts_eight_times_at_once_are_in_once(erp: Api) -> None:
    async def all_at_once() -> list[Any]:
        body = {"rows": [receipt(f"R{n}", amount=f"{n + 1}.00") for n in range(20)]}
        return await asyncio.gather(*(erp.call("POST", "/receipts", json=body) for _ in range(8)))

    answers = erp.hk.run(all_at_once())
    assert sorted(counted(answer) for answer in answers) == [(0, 0, 20, 0)] * 7 + [(20, 0, 0, 0)]
    assert count(erp.hk, Receipt) == 20


def test_money_that_comes_in_releases_what_waited_for_it(erp: Api) -> None:
    send(erp, "receivables", invoice(amount="900.00"))
    assert erp.submit(amount="500.00").json()["verdict"] == "held"
    send(erp, "receipts", receipt(amount="900.00", receivable="INV1"))
    erp.settle()
    assert state(erp.hk, "SO1") == "released"


def test_a_risk_event_is_told_in_chat(erp: Api) -> None:
    feed = erp.issue("court feed", "risk:write")
    event = {"key": "L1", "customer": "甲", "kind": "lawsuit", "severity": "major", "happened_on": "2026-07-03"}
    assert counted(send(erp, "risk-events", event, {**event, "customer": "丙", "key": "L2"}, token=feed)) == (1, 0, 0, 1)
    assert counted(send(erp, "risk-events", event, token=feed)) == (0, 0, 1, 0)
    erp.hk.deliver()
    for person in ("zhou", "li"):
        erp.hk.chat(person).expect_card("court feed", "涉诉", kind="risk.event")
    forged = send(erp, "risk-events", {**event, "source": "法院", "key": "L3"}, token=feed)
    assert forged.json()["rejected"][0]["code"] == "import.unknown_column"  # whose report it is, says the token


def test_an_event_that_comes_eight_times_at_once_is_told_once(erp: Api) -> None:
    async def all_at_once() -> list[Any]:
        event = {"key": "B1", "customer": "甲", "kind": "blacklist", "severity": "major", "happened_on": "2026-07-03"}
        return await asyncio.gather(*(erp.call("POST", "/risk-events", json={"rows": [event]}) for _ in range(8)))

    erp.hk.policy(ONE_STEP + ROUTES.replace("[credit]", '[credit]\non_blacklist_event = "hold"', 1))
    answers = erp.hk.run(all_at_once())
    assert sorted(counted(answer) for answer in answers) == [(0, 0, 1, 0)] * 7 + [(1, 0, 0, 0)]
    erp.settle()
    for person in ("zhou", "li"):
        erp.hk.chat(person).expect_card("erp", "外部黑名单", kind="risk.event")
    assert erp.hk.holds("甲") == ["manual"]


def test_order_systems_show_credit_before_an_order(erp: Api) -> None:
    send(erp, "customers", {"code": "乙/1", "name": "乙公司", "credit_limit": "1000.00", "owner": "li"})
    send(erp, "receivables", invoice(customer="乙/1", amount="900.00", due_on="2026-07-31"))
    erp.submit(customer="乙/1", amount="300.00")
    answer = erp("GET", "/customers/乙%2F1/credit")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    found = answer.json()
    assert (found["limit"], found["used"], found["available"], found["usage"]) == ("1000.00", "900.00", "100.00", "90%")
    assert found["customer"]["code"] == "乙/1" and found["holds"] == [] and found["risk_events"] == []
    assert [order["verdict"] for order in found["orders"]] == ["held"] and len(found["pending"]) == 1
    for unknown in ("丙", "a%00b", "x" * 500, "%ff"):
        erp.refused(404, "customer.not_found", erp("GET", f"/customers/{unknown}/credit"))
    writer = erp.issue("writer", "customers:write")
    for code in ("乙%2F1", "丙"):  # who may not look doesn't learn who is there
        assert "1000" not in erp.refused(403, "api.no_scope", erp("GET", f"/customers/{code}/credit", token=writer)).text


def test_orders_of_another_source_count_and_are_not_listed(erp: Api) -> None:
    """甲 may owe 1,000."""
    shop = erp.issue("shop2", "orders:write", "credit:read", source="shop2")
    erp.submit(amount="400.00")
    erp.submit(number="SO2", amount="3000.00")
    erp.submit(number="WEB1", amount="100.00", token=shop)
    for token, numbers, waits in (("", ["SO2", "SO1"], ["SO2"]), (shop, ["WEB1"], [])):
        found = erp("GET", "/customers/甲/credit", token=token).json()
        assert (found["used"], found["available"]) == ("500.00", "500.00")
        assert [order["number"] for order in found["orders"]] == numbers
        assert [one["order"] for one in found["pending"]] == waits
        assert [one["order"] for one in found["uninvoiced"]] == numbers[-1:]
    told(erp.hk)


def test_a_key_is_remembered_for_thirty_days(erp: Api) -> None:
    first = send(erp, "receipts", receipt(), key="k1").json()
    erp.hk.at("2026-08-04 10:00")
    assert send(erp, "receipts", receipt(), key="k1").json() == first
    erp.hk.at("2026-08-06 10:00")
    assert counted(send(erp, "receipts", receipt(), key="k1")) == (0, 0, 1, 0)  # the number still says that it is known
    told(erp.hk, "receipts.stale")


def test_what_left_is_told_as_well(erp: Api) -> None:
    assert erp.submit(amount="500.00").json()["verdict"] == "released"
    sent = {"number": "L1", "customer": "甲", "order": "SO1", "amount": "500.00", "shipped_on": "2026-07-06"}
    assert counted(send(erp, "shipments", sent, {**sent, "number": "L2", "customer": "丙"})) == (1, 0, 0, 1)
    assert counted(send(erp, "shipments", sent)) == (0, 0, 1, 0)
    found = erp("GET", "/customers/甲/credit").json()
    assert (found["used"], found["available"]) == ("500.00", "500.00")  # shipped or not, it is used up once


def test_what_is_of_another_own_company_is_rejected(erp: Api) -> None:
    """One database is one company's: 示例有限公司, in English Sample Ltd."""
    other = {"company": "示例贸易有限公司"}
    answer = send(erp, "receivables", invoice(company="Sample Ltd"), invoice("INV2", **other))
    assert counted(answer) == (1, 0, 0, 1) and answer.json()["rejected"][0]["code"] == "import.other_company"
    refused = send(erp, "receipts", receipt(**other), lang="en")
    assert refused.status_code == 422 and "each own company has one" in refused.json()["rejected"][0]["reason"]
    for method, path in (("POST", "/orders"), ("PUT", "/orders/SO1")):
        order = {"number": "SO1", "customer": "甲", "amount": "5.00", **other}
        erp.refused(422, "order.unknown_field", erp(method, path, json=order))
    assert (count(erp.hk, Receivable), count(erp.hk, Receipt), count(erp.hk, Order)) == (1, 0, 0)
    erp.settle()


@SQLITE
def test_the_description_and_the_page_name_every_column(erp: Api) -> None:
    paths = erp("GET", "/openapi.json", token=None).json()["paths"]
    page = (Path(__file__).parents[2] / "docs/api.md").read_text(encoding="utf-8")
    for kind in KINDS:
        post = paths[f"/api/v1/{kind}"]["post"]
        assert set(post["responses"]) == {"200", "400", "401", "403", "409", "413", "415", "422", "503"}
        row = post["requestBody"]["content"]["application/json"]["schema"]["properties"]["rows"]["items"]
        assert set(row["properties"]) == set(columns_of(kind)) - {"source"} and row["required"]
        [line] = [line for line in page.splitlines() if line.startswith(f"| `POST /api/v1/{kind}`")]
        assert all(f"`{column}`" in line for column in row["properties"])
        assert all(f"**`{column}`**" in line for column in row["required"])
    assert all(f"`{scope}`" in page for scope in tokens.SCOPES)


@SQLITE
def test_receipts_are_complete_through_a_day_that_is_over(erp: Api) -> None:
    send(erp, "receipts", receipt(), as_of="2026-07-05")
    assert count(erp.hk, ImportRun, I.c.known_to == "2026-07-05") == 1
    for bad in ("2026-07-07", "5/7/2026", "2026-02-30", "", 7, True):
        erp.refused(422, "time.bad_date", send(erp, "receipts", receipt("R2"), as_of=bad))
    erp.refused(422, "api.rows", send(erp, "receivables", invoice(), as_of="2026-07-05"))


@SQLITE
def test_what_are_no_rows(erp: Api) -> None:
    for bad in ([], {}, {"rows": {}}, {"rows": None}, {"rows": [], "x": 1}, "rows"):
        erp.refused(422, "api.rows", erp("POST", "/receipts", json=bad))
    erp.refused(422, "api.too_many_rows", send(erp, "receipts", *[receipt()] * 1001))
    erp.refused(400, "order.field_twice", erp("POST", "/receipts", content=b'{"rows": [{"number": "1", "number": "2"}]}'))
    erp.refused(400, "api.not_utf8", erp("POST", "/receipts", content=b'{"rows": [{"number": "\\ud800"}]}'))
    erp.refused(400, "api.not_json", erp("POST", "/receipts", content=b'{"rows": [{"amount": NaN}]}'))
    erp.refused(400, "api.too_deep", erp("POST", "/receipts", content=b'{"rows": ' + b"[" * 50 + b"]" * 50 + b"}"))
    erp.refused(415, "api.content_type", erp("POST", "/receipts", content=b"<a/>", headers={"Content-Type": "text/xml"}))
    erp.refused(405, "api.method", erp("GET", "/receipts"))
    assert counted(erp("POST", "/receipts", content=json.dumps({"rows": [receipt("a\0b")]}).encode())) == (1, 0, 0, 0)
    assert count(erp.hk, Receipt, P.c.number == "a b") == 1


@SQLITE
def test_nobody_writes_what_their_token_is_not_for(erp: Api) -> None:
    for kind, right in (("customers", "receipts:write"), ("receivables", "orders:write"), ("receipts", "receivables:write")):
        answer = send(erp, kind, {"customer": "甲"}, token=erp.issue(f"not {kind}", right))
        erp.refused(403, "api.no_scope", answer)
        assert "甲" not in answer.text and f"{kind}:write" in answer.text
    erp.refused(401, "api.no_token", erp("POST", "/receipts", token=None, json={"rows": []}))


@SQLITE
def test_fifty_megabytes_are_refused_before_they_are_read(erp: Api) -> None:
    read = 0

    async def parts() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(500):
            read += 100_000
            yield b" " * 100_000

    erp.refused(413, "api.too_large", erp("POST", "/receipts", content=parts()))
    assert read <= 1_100_000
    told = erp("POST", "/receipts", content=parts(), headers={"Content-Length": "50000000"})
    erp.refused(413, "api.too_large", told)


WORDS = ("甲", "li", "1", "12.50", "0", "-1", "CNY", "JPY", "net30", "2026-07-01", "9" * 17, "invoice", "R1", "INV1", "yes")
CELLS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.sampled_from(WORDS)


GOOD = {
    **dict.fromkeys(DATES, ("2026-07-01", "2026-07-06")), **dict.fromkeys(AMOUNTS, ("1.00", 12, "0.5")),
    "customer": ("甲",), "code": ("甲", "K1"), "currency": ("CNY", "JPY"), "owner": ("li",), "terms": ("net30",),
    "language": ("zh",), "finance_email": ("a@x.example",), "business_email": ("b@x.example",), "no_letters": (True, "no"),
    "disputed": (False, "0.30"), "severity": ("info", "major"), "url": ("https://x.example",), "reverses": ("R1",),
    "number": ("R1", "R2", 3), "receivable": ("R1",), "order": ("SO1",),
}  # fmt: skip
KIND = {"risk-events": ("lawsuit", "blacklist"), "receivables": ("invoice", "credit_note", "debit_note")}


def rows_of(kind: str) -> Any:
    """Mostly rows that can go in, with something odd here and there."""
    good = {name: KIND[kind] if name == "kind" else GOOD.get(name, ("x1", "x2")) for name in taken(kind)}
    columns = {name: st.one_of(*[st.sampled_from(values)] * 19, CELLS) for name, values in good.items()}
    must = {name: columns.pop(name) for name in (*needed(kind), *(["issued_on"] if kind == "receivables" else []))}
    return st.lists(st.one_of(*[st.fixed_dictionaries(must, optional=columns)] * 9, CELLS), max_size=4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@settings(max_examples=40)
@given(data=st.data())
def test_whatever_the_rows_say_is_answered(erp: Api, kind: str, data: st.DataObject) -> None:
    """An error of ours would come up through the client and fail this."""
    body = json.dumps({"rows": data.draw(rows_of(kind))}).encode()
    answer = erp("POST", f"/{kind}", content=body)
    assert answer.status_code in (200, 400, 422), answer.text
    if answer.status_code == 200:
        counted(answer)
