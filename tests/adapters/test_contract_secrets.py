"""What a messenger that fails leaves in rows, logs and values: why, in a word, and nothing of what it was asked with.

The errors of HTTP libraries name whole requests, and those carry tokens in their addresses and headers.
"""

from typing import Any

import pytest

from tests.adapters.contract_rigs import PLACES
from tests.adapters.contract_world import World
from tests.adapters.test_contract import CARD, find, send
from tests.logs import books, written

ON_THE_WIRE = [name for name in PLACES if name != "local"]  # local asks nobody with a secret


def late(hk: World, customer: str, number: str) -> None:
    """One more card for li, on the morning of 2026-07-03."""
    hk.customer(customer, "li")
    hk.receivable(customer, "300.00", due="2026-07-02", number=number, issued="2026-06-01")


def left_behind(hk: World) -> str:
    """The rows, as long as the reason stands there."""
    reasons = [reason for state, reason in hk.sent() if state == "retry"]
    assert reasons and all(reasons)
    return books(hk.app.engine)


@pytest.mark.parametrize("place", ON_THE_WIRE, indirect=True)
def test_a_connection_that_drops_tells_no_secret(hk: World, place: Any, caplog: pytest.LogCaptureFixture) -> None:
    hk.first()  # from now on there is a token
    late(hk, "乙", "I2")
    place.lose_answer(None)
    hk.beat("2026-07-03 09:00")
    seen = [left_behind(hk), repr(send(hk, CARD, "k1")), repr(find(hk, "k1"))]
    place.heal()
    place.fake.vanish()
    for at in ("2026-07-03 09:20", "2026-07-03 09:40", "2026-07-03 10:20"):
        hk.beat(at)
        seen.append(left_behind(hk))
    seen += [repr(send(hk, CARD, "k2")), repr(find(hk, "k2"))]
    place.fake.come_back()
    assert [secret for secret in place.secrets() if secret in "\n".join([*seen, written(caplog)])] == []
    if hasattr(place, "forgive"):
        place.forgive()


@pytest.mark.parametrize("place", ON_THE_WIRE, indirect=True)
def test_who_never_got_a_token_tells_no_secret_either(hk: World, place: Any, caplog: pytest.LogCaptureFixture) -> None:
    """What asks for it holds the secret itself."""
    hk.told()
    place.fake.vanish()
    for at in ("2026-07-02 09:00", "2026-07-02 09:20"):
        hk.beat(at)
        assert [secret for secret in place.secrets() if secret in left_behind(hk) + written(caplog)] == []
    place.fake.come_back()
