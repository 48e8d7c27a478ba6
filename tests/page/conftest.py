"""The page of a small company on a free port, for tests over plain HTTP and in a browser."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from tests.page.sample import Sample, add_people, link, serving


@pytest.fixture
def host(engine: Engine) -> Sample:
    add_people(engine)
    return Sample(engine)


@pytest.fixture
def site(host: Sample) -> Iterator[tuple[str, Any]]:
    with serving(host) as found:
        yield found


@pytest.fixture
def http(site: tuple[str, Any]) -> Iterator[httpx2.Client]:
    """Signed in, and posting from the page itself."""
    with httpx2.Client(base_url=site[0], headers={"Origin": site[0]}) as client:
        assert client.get(link(site)).status_code == 200
        yield client


