"""The whole API against its own description: never a 500, and nothing that the description doesn't promise.

What is sent is made of the description: by its examples, at its bounds, beyond them. Derandomized: the same every time.
What breaks a database or a parser rather than a description, and no chance finds, is sent as well, at every place of a path.
"""

from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, settings

from bot.web.api import create_api
from core import tokens
from tests.api.conftest import Api

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis isn't installed")

schema = schemathesis.openapi.from_dict(create_api(cast(Any, SimpleNamespace(company=SimpleNamespace(lang="zh")))).openapi())
schema.config.generation.update(with_security_parameters=False)
# Whether its customer is there, no description of a request can say.
schema.config.checks.positive_data_acceptance.expected_statuses = ["2xx", "401", "403", "404", "409", "422", "503"]


@pytest.fixture
def whole(api: Api) -> Api:
    """A token for everything; the customer and the order that the examples speak of."""
    api.token = api.issue("all", *tokens.SCOPES, source="shop")
    api.hk.customer("C001", "li", credit_limit_minor=100_000)
    api.submit(number="SO-1001", customer="C001", amount="1500.00")
    return api


def send(api: Api, case: Any) -> Any:
    """With the token, unless the case tries one of its own."""
    made = case.as_transport_kwargs(base_url="http://erp.example")
    path = made["url"].removeprefix("http://erp.example/api/v1")
    headers = {str(name).lower(): str(value).encode("latin-1", "replace") for name, value in made["headers"].items()}
    more = {name: made[name] for name in ("params", "json", "data") if made.get(name) is not None}
    if isinstance(more.get("data"), bytes | str):
        more["content"] = more.pop("data")
    return api(case.method, path, token=None if "authorization" in headers else "", headers=headers, **more)


NASTY = {
    "nul": "SO\0-1001", "only nul": "\0", "long": "9" * 5000, "long in bytes": "订" * 3000, "number": "9" * 40,
    "slash": "a/b/close/", "dots": "../..", "no UTF-8": "%ED%A0%80%FF", "dot": "%2e", "quote": "' OR 1=1 --",
    "newline": "a\r\nX: y", "no character": "\uffff\u202e", "beyond the plane": "\U0001f600" * 50, "space": " ",
}  # fmt: skip
IN_PATHS = [
    pytest.param(operation, name, id=f"{operation.method.upper()} {operation.path}")
    for operation in (result.ok() for result in schema.get_all_operations())
    for name in (each.name for each in operation.path_parameters)
]


@schema.parametrize()
@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_does_what_it_says(case: Any, whole: Api) -> None:
    answer = send(whole, case)
    left_out = [schemathesis.checks.ignored_auth]
    if answer.status_code == 200 and answer.json().get("rejected"):  # a wrong row is refused by itself, the others are taken
        left_out.append(schemathesis.checks.negative_data_rejection)
    case.validate_response(answer, excluded_checks=left_out)


@pytest.mark.parametrize(("operation", "name"), IN_PATHS)
def test_whatever_stands_in_the_path(operation: Any, name: str, whole: Api) -> None:
    """The rest of the request is right, so that nothing else refuses it."""
    order = {"number": "SO-1001", "customer": "C001", "amount": "1500.00"}
    body = {"body": order, "media_type": "application/json"} if operation.body else {}
    for what, value in NASTY.items():
        case = operation.Case(path_parameters={name: quote(value, safe="%")}, **body)
        answer = send(whole, case)
        assert answer.status_code in (404, 405, 422), f"{what}: {answer.status_code} {answer.text[:200]}"
        assert len(answer.content) < 1000, what
        case.validate_response(answer, checks=[
            schemathesis.checks.not_a_server_error, schemathesis.checks.response_schema_conformance,
        ])  # fmt: skip


def test_every_path_with_a_name_in_it_is_tried() -> None:
    assert len(IN_PATHS) == sum(path.count("{") * len(methods) for path, methods in schema.raw_schema["paths"].items())
