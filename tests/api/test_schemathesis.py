"""The whole API against its own description: never a 500, and nothing that the description doesn't promise.

What is sent is made of the description: by its examples, at its bounds, beyond them. Derandomized: the same every time.
"""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, settings

from bot.web.api import create_api
from core import tokens
from tests.api.conftest import Api

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis isn't installed")
SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


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


@SQLITE
@schema.parametrize()
@settings(max_examples=20, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
def test_the_api_does_what_it_says(case: Any, whole: Api) -> None:
    case.validate_response(send(whole, case), excluded_checks=[schemathesis.checks.ignored_auth])
