"""Orders by REST: the verdict at once, every order once, and nobody in without a token."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError

from bot.server import _page
from core import tokens
from core.errors import Unreachable
from core.models import ApiToken, Audit, InboundEvent, Order
from core.models.base import table_of
from tests.api.conftest import Api
from tests.scenarios.ordering import state, stored
from tests.scenarios.racing import count

A, O, T = table_of(Audit), table_of(Order), table_of(ApiToken)  # noqa: E741


def test_the_verdict_is_the_answer(api: Api) -> None:
    answer = api.submit()
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert answer.json() == {"number": "SO1", "verdict": "released", "reasons": [], "request": None}
    held = api.submit(number="SO2", amount="1500.00").json()
    assert held["verdict"] == "held" and held["request"] and [r["code"] for r in held["reasons"]] == ["over_limit"]
    assert stored(api.hk, "SO2").entered_by == "api:shop" and stored(api.hk, "SO2").source == "shop"
    assert count(api.hk, Audit, A.c.channel == "api", A.c.actor == "api:shop", A.c.action == "order.held") == 1
    with api.hk.look() as work:
        assert [row.last_used_on for row in tokens.every(work)] == [work.today]


def test_whoever_decides_is_asked_without_the_caller_waiting(api: Api) -> None:
    request = api.submit(amount="1500.00").json()["request"]
    api.settle()
    assert api("GET", "/orders/SO1").json()["request"] == request
    api.hk.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    now = api("GET", "/orders/SO1").json()
    assert now["verdict"] == "released" and now["request"] is None and now["decided"].endswith("+08:00") and not now["ended"]


def test_an_order_is_taken_back_once(api: Api) -> None:
    api.submit(number="SO/1 甲", amount="1500.00")
    api.settle()
    card = api.hk.chat("zhou").expect_card("SO/1", kind="credit.request")
    for _ in range(2):
        answer = api("DELETE", "/orders/SO%2F1%20甲")
        assert answer.status_code == 200 and answer.json()["verdict"] == "cancelled" and answer.json()["ended"]
        assert answer.json()["request"] is None
    api.settle()
    assert "credit.approve" not in card.buttons
    assert count(api.hk, Audit, A.c.action == "order.cancelled") == 1


def test_what_has_ended_otherwise_is_not_taken_back(api: Api) -> None:
    api.submit()
    assert api("POST", "/orders/SO1/close").json()["verdict"] == "closed"
    api.refused(409, "order.ended", api("DELETE", "/orders/SO1"))


def test_orders_of_another_system_are_as_unknown_as_those_of_nobody(api: Api) -> None:
    api.submit()
    other = api.issue("crm", source="crm")
    for number in ("SO1", "SO9", "x" * 500, "a%00b", "%ff"):
        for method in ("GET", "DELETE"):
            api.refused(404, "order.unknown", api(method, f"/orders/{number}", token=other))
    assert api.submit(token=other, amount="70.00").json()["verdict"] == "released"  # its own SO1
    assert count(api.hk, Order) == 2


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_nobody_gets_in_without_a_token_that_works(api: Api) -> None:
    soon = api.issue("soon", expires_at=api.hk.now + timedelta(hours=1))
    gone, reader = api.issue("gone"), api.issue("reader", "orders:read")
    assert api("GET", "/orders/SO1", token=soon).status_code == 404
    with api.hk.db() as work:
        tokens.revoke(work, "gone")
    api.hk.now += timedelta(hours=1)
    for bad in ("x", gone, soon, "hk_" + "é" * 20, "x" * 5000):
        answer = api.refused(401, "api.no_token", api("GET", "/orders/SO1", token=None, headers=[
            (b"Authorization", f"Bearer {bad}".encode("latin-1"))]))  # fmt: skip
        assert answer.headers["www-authenticate"].startswith("Bearer") and bad not in answer.text
    for header in ({}, {"Authorization": api.token}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}):
        api.refused(401, "api.no_token", api("POST", "/orders", token=None, headers=header, content=b"{"))
    answer = api.refused(403, "api.no_scope", api("POST", "/orders", token=reader, json={"customer": "甲"}))
    assert "甲" not in answer.text and "orders:write" in answer.text
    api.refused(403, "api.no_scope", api("DELETE", "/orders/SO1", token=reader))
    api.refused(403, "api.no_scope", api("GET", "/orders/SO1", token=api.issue("writer", "orders:write")))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_too_much_is_refused_however_it_comes(api: Api) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(11):
            yield b" " * 100_000

    async def bottomless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 100_000

    api.refused(413, "api.too_large", api("POST", "/orders", content=b" " * 1_000_001))
    api.refused(413, "api.too_large", api("POST", "/orders", content=parts()))
    api.refused(413, "api.too_large", api("POST", "/orders", content=bottomless()))
    exactly = b'{"number": "SO1", "customer": "\xe7\x94\xb2", "amount": 5}'
    assert api("POST", "/orders", content=exactly + b" " * (1_000_000 - len(exactly))).status_code == 200


BAD = [
    (b"\xff\xfe", 400, "api.not_utf8"), (b'{"note": "\\ud800"}', 400, "api.not_utf8"), (b"", 400, "api.not_json"),
    (b"{", 400, "api.not_json"), (b'{"amount": NaN}', 400, "api.not_json"), (b'{"amount": -Infinity}', 400, "api.not_json"),
    (b"[" * 100_000, 400, "api.too_deep"), (b"[" * 40 + b"]" * 40, 400, "api.too_deep"),
    (b'{"amount": ' + b"9" * 5000 + b"}", 400, "api.not_json"),
    (b'{"amount": "1", "amount": "2"}', 400, "order.field_twice"),
    (b'{"\\ud800": 1, "\\ud800": 1}', 400, "order.field_twice"),
    (b"[]", 422, "order.not_an_object"), (b"null", 422, "order.not_an_object"), (b"{}", 422, "order.field_missing"),
    (b'{"amount": 1e400}', 422, "order.amount"), (b'{"amount": ' + b"9" * 4000 + b"}", 422, "order.amount"),
    (b'{"x": 1}', 422, "order.unknown_field"), (b'{"amount": "0.001"}', 422, "order.amount"),
    (b'{"amount": "1e999999"}', 422, "order.amount"),
    (b'{"amount": "1", "number": "a", "customer": "b", "prepaid": "1e9"}', 422, "order.amount"),
    (b'{"amount": "1", "number": "a", "customer": "b", "lines": [{"cost": "9e999999"}]}', 422, "order.bad_field"),
    (b'{"amount": "1", "number": "a\\u0000"}', 422, "order.bad_field"),
    (b'{"amount": "1", "number": "a", "customer": "nobody"}', 422, "customer.unknown"),
    ('{"amount": "1", "number": "a", "customer": "甲", "asked_by": "nobody"}'.encode(), 422, "person.unknown"),
    ('{"amount": "1", "number": "a", "customer": "甲", "asked_by": "lin"}'.encode(), 422, "person.unknown"),  # not hers
    (b'{"amount": "1", "number": "a", "customer": "b", "lines": "x"}', 422, "order.bad_lines"),
]  # fmt: skip


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_what_is_no_order_is_told_in_words(api: Api) -> None:
    for body, status, code in BAD:
        answer = api.refused(status, code, api("POST", "/orders", content=body))
        assert not answer.json()["error"]["message"].startswith("无法完成"), code
        assert {"code", "message", "hint"} <= set(answer.json()["error"])
        assert "…" not in answer.json()["error"]["message"], code


def test_an_error_says_which_field_and_what_to_do(api: Api) -> None:
    missing = api.refused(422, "order.field_missing", api("POST", "/orders", json={"number": "a"})).json()["error"]
    assert (missing["where"], missing["message"]) == ("amount", "订单缺少 amount") and missing["hint"]
    lines = {"number": "a", "customer": "甲", "amount": "1", "lines": "x"}
    assert api.refused(422, "order.bad_lines", api("POST", "/orders", json=lines)).json()["error"]["where"] == "lines"
    assert "NOPE" in api.refused(404, "order.unknown", api("GET", "/orders/NOPE")).json()["error"]["message"]
    assert count(api.hk, Order) == 0
    zh = api.submit(customer="x", lang="fr, zh-Hans;q=0.8, en;q=0.5").json()["error"]["message"]
    en = api.submit(customer="x", lang="en-GB,zh;q=0.2").json()["error"]["message"]
    assert zh == "找不到客户“x”" and en == "No customer called “x”"
    assert api.submit(customer="x", lang="en;q=x,;;=").json()["error"]["message"] == zh
    api.refused(404, "api.not_found", api("GET", "/nothing"))
    assert api.refused(405, "api.method", api("PUT", "/orders")).headers["allow"] == "POST"


def test_a_number_is_one_order(api: Api) -> None:
    first = api.submit().json()
    assert api.submit(amount="100.0").json() == first
    api.refused(409, "order.conflict", api.submit(amount="200.00"))
    assert count(api.hk, Order) == 1


@pytest.mark.parametrize(
    ("currency", "lang", "words"),
    [
        ("CNY", "zh", "不超过 ¥1,000,000,000,000.00"), ("CNY", "en", "no more than CN¥1,000,000,000,000.00"),
        ("JPY", "zh", "100,000,000,000,000"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_an_amount_beyond_the_largest_hears_which_that_is(api: Api, currency: str, lang: str, words: str) -> None:
    answer = api.submit(amount="1" + "0" * 15, currency=currency, lang=lang)
    assert words in api.refused(422, "order.amount", answer).json()["error"]["hint"]


def test_the_same_key_gets_the_first_answer(api: Api) -> None:
    first = api.submit("k1", amount="1500.00").json()
    api.settle()
    api.hk.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve")
    assert state(api.hk, "SO1") == "released" and api.submit("k1", amount="1500.00").json() == first
    api.refused(409, "api.key_conflict", api.submit("k1", amount="1500.01"))
    api.refused(409, "api.key_conflict", api.submit("k1", number="SO2"))
    other = api.issue("crm", source="crm")
    assert api.submit("k1", token=other, amount="1.00").status_code == 200  # keys are each system's own
    assert count(api.hk, Order) == 2 and count(api.hk, InboundEvent) == 2 + 1  # and the tap


def test_a_refused_order_keeps_no_key(api: Api) -> None:
    api.refused(422, "customer.unknown", api.submit("k1", customer="乙"))
    api.hk.customer("乙", "li", credit_limit_minor=100_000)
    assert api.submit("k1", customer="乙").json()["verdict"] == "released"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_keys_that_are_none(api: Api) -> None:
    for key in ("a b", "é", "x" * 201):
        api.refused(400, "api.bad_key", api("POST", "/orders", headers={"Idempotency-Key": key.encode("latin-1")}, json={}))
    assert api.submit("x" * 200).status_code == 200


def test_the_same_key_eight_times_at_once_is_one_order(api: Api) -> None:
    async def all_at_once(*bodies: dict[str, Any]) -> list[Any]:
        calls = (api.call("POST", "/orders", headers={"Idempotency-Key": "k1"}, json=body) for body in bodies)
        return await asyncio.gather(*calls)

    order = {"number": "SO1", "customer": "甲", "amount": "1500.00"}
    answers = api.hk.run(all_at_once(*[order] * 8))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert len({answer.text for answer in answers}) == 1 and answers[0].json()["verdict"] == "held"
    assert count(api.hk, Order) == 1 and count(api.hk, Audit, A.c.action == "credit.asked") == 1
    api.settle()


def test_one_key_for_eight_orders_at_once_is_the_first_one(api: Api) -> None:
    for n in range(8):
        api.hk.customer(f"K{n}", "li", credit_limit_minor=100_000)

    async def all_at_once() -> list[Any]:
        bodies = [{"number": f"SO{n}", "customer": f"K{n}", "amount": "1.00"} for n in range(8)]
        return await asyncio.gather(
            *(api.call("POST", "/orders", headers={"Idempotency-Key": "k1"}, json=body) for body in bodies)
        )

    answers = api.hk.run(all_at_once())
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert {a.json()["error"]["code"] for a in answers if a.status_code == 409} == {"api.key_conflict"}
    assert count(api.hk, Order) == 1 and count(api.hk, InboundEvent) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_locked_database_saves_nothing_and_says_when_to_come_back(api: Api, impatient: None) -> None:
    from core.db import make_engine

    holder = make_engine(str(api.hk.app.settings.database_url.get_secret_value()))
    with holder.connect() as locked:
        locked.execute(text("UPDATE person SET name = name"))
        answer = api.refused(503, "api.unavailable", api.submit("k1"))
        assert int(answer.headers["retry-after"]) > 0 and "sqlite" not in answer.text
        assert api("GET", "/orders/SO1").status_code == 404  # looking still works
        locked.rollback()
    holder.dispose()
    assert api.submit("k1").status_code == 200 and count(api.hk, Order) == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise Unreachable("db.unreachable", url="postgresql://secret-host/db", detail="no route to secret-host")

    monkeypatch.setattr("bot.web.api.auth.tokens.find", away)
    for answer in (api.submit(), api("GET", "/orders/SO1"), api("DELETE", "/orders/SO1")):
        assert "secret-host" not in api.refused(503, "api.unavailable", answer).text


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_everybody_waits_for(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise TimeoutError("QueuePool limit reached")

    monkeypatch.setattr("core.credit.orders.submit", full)
    assert "QueuePool" not in api.refused(503, "api.unavailable", api.submit("k1")).text
    assert count(api.hk, InboundEvent) == 0


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
WORDS = ("甲", "li", "1", "12.50", "0", "-1", "CNY", "USD", "JPY", "net30", "99999999999999999", "")
LIKELY = st.sampled_from(WORDS) | ANY_JSON
NAMES = ("number", "customer", "amount", "currency", "terms", "prepaid", "lines", "note", "asked_by")
ALMOST = st.fixed_dictionaries(
    {"number": st.text(max_size=5) | LIKELY, "customer": st.just("甲") | LIKELY, "amount": st.just("1.00") | LIKELY},
    optional={name: LIKELY for name in NAMES[3:]},
)
def STAYS(number: str) -> bool:
    """Clients read `.` and `..` in an address as places."""
    return number not in (".", "..")


HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)
KNOWN = ("Idempotency-Key", "Accept-Language", "Content-Type", "Content-Encoding", "Host", "Origin", "Cookie")
HEADERS = st.dictionaries(st.sampled_from(KNOWN), HEADER)


@pytest.mark.parametrize("database_url", ["sqlite", "postgresql"], indirect=True)
@settings(max_examples=150)
@given(body=(ALMOST | ANY_JSON).map(json.dumps).map(str.encode) | st.binary(max_size=60), headers=HEADERS)
def test_whatever_is_sent_is_answered(api: Api, body: bytes, headers: dict[str, str]) -> None:
    """An error of ours would come up through the client and fail this."""
    given_headers = {name: value.strip().encode("latin-1") for name, value in headers.items()}
    answer = api("POST", "/orders", content=body, headers=given_headers)
    assert answer.status_code in (200, 400, 409, 415, 422), answer.text
    assert (answer.status_code == 200) == ("verdict" in answer.json())


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@settings(max_examples=60)
@given(number=st.text(st.characters(exclude_characters="\n"), max_size=120).filter(STAYS), accept=HEADER, credentials=HEADER)
def test_whatever_is_asked_for_is_answered(api: Api, number: str, accept: str, credentials: str) -> None:
    from urllib.parse import quote

    path = "/orders/" + quote(number.encode("utf-8", "replace"), safe="")
    given_headers = {"Accept-Language": accept.strip().encode("latin-1")}
    assert api("GET", path, headers=given_headers).status_code == 404
    given_headers["Authorization"] = credentials.strip().encode("latin-1")
    assert api("DELETE", path, headers=given_headers).status_code == 401


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_description_describes_it(api: Api) -> None:
    described = api("GET", "/openapi.json", token=None).json()
    post = described["paths"]["/api/v1/orders"]["post"]
    assert set(post["responses"]) == {"200", "400", "401", "403", "409", "413", "415", "422", "503"}
    assert post["parameters"][0]["name"] == "Idempotency-Key" and post["security"] == [{"HTTPBearer": []}]
    assert set(described["paths"]["/api/v1/orders/{number}"]) == {"get", "put", "delete"}
    from core.credit.incoming import FIELDS

    known = described["components"]["schemas"]
    assert tuple(known["NewOrder"]["properties"]) == FIELDS
    used = set(json.dumps(described).split('"#/components/schemas/')[1:])
    assert {ref.partition('"')[0] for ref in used} <= set(known)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_page_stays_behind_its_door(api: Api) -> None:
    async def get(path: str) -> Any:
        import httpx2

        transport = httpx2.ASGITransport(app=api.page)
        async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=bearer) as client:
            return await client.get(path)

    bearer = {"Authorization": f"Bearer {api.token}"}
    for path in ("/", "/api/people", "/api/v1x", "/api/v1/../people"):
        assert api.hk.run(get(path)).status_code in (403, 404), path
    assert api.hk.run(get("/api/people")).status_code == 403 and api.hk.run(get("/healthz")).status_code == 200


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_it_is_there_without_the_local_messenger(api: Api) -> None:
    app = api.hk.app
    app.company = replace(app.company, messengers=())
    api.page = _page(app)
    assert api.submit().json()["verdict"] == "released"
