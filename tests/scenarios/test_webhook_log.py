"""The log of events is shortened: what was taken long ago goes; what is still to be told, or needed, stays."""

from collections.abc import Iterator

import pytest

from bot import engine
from core import webhooks
from core.errors import DomainError
from tests.fakes.receiver import Receiver
from tests.harness import Harness
from tests.scenarios.ordering import opened, place, told
from tests.scenarios.receiving import log, receiver, takes_events, tell


@pytest.fixture
def shop(hk: Harness) -> Iterator[Receiver]:
    """An order system, told of everything that happens to 甲, who may owe 1,000."""
    takes_events(opened(hk))
    with receiver(hk) as found:
        yield found
    told(hk)


def test_what_was_taken_ninety_days_ago_is_forgotten(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "10.00", "SO1")
    tell(hk, shop)
    morning(hk, "2026-08-03")
    place(hk, "甲", "10.00", "SO2")
    tell(hk, shop)
    morning(hk, "2026-10-04")  # ninety days, less an hour
    assert kept(hk) == ["SO1", "SO2"]
    morning(hk, "2026-10-05")
    assert kept(hk) == ["SO2"]


def test_what_nobody_has_taken_stays(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "10.00", "SO1")
    shop.down()
    for _ in range(3):
        tell(hk, shop)
    place(hk, "甲", "10.00", "SO2")
    morning(hk, "2026-11-02")
    assert kept(hk) == ["SO1", "SO2"]
    shop.up()
    tell(hk, shop)
    morning(hk, "2026-11-03")
    assert kept(hk) == ["SO1", "SO2"], "the days count from when it was taken"


def test_a_lock_that_runs_is_told_of_once_however_long_it_lasts(hk: Harness, shop: Receiver) -> None:
    """Locks are compared with the latest event about the customer: that one is no old news while it holds."""
    hk.act("zhou", "hold.set", "甲", reason="对账不清")
    tell(hk, shop)
    morning(hk, "2026-11-02")
    tell(hk, shop)
    assert shop.about("甲") == ["customer.locked"]
    assert log(hk, "kind") == ["customer.locked"]


def test_what_is_gone_cannot_be_sent_again_and_is_said_to_be_gone(hk: Harness, shop: Receiver) -> None:
    place(hk, "甲", "10.00", "SO1")
    tell(hk, shop)
    [(number, key)] = log(hk, "id", "key")
    morning(hk, "2026-10-04")
    place(hk, "甲", "10.00", "SO2")
    tell(hk, shop)
    morning(hk, "2026-10-05")
    with hk.db() as work:
        with pytest.raises(DomainError) as gone:
            webhooks.replay(work, [str(number)])
        with pytest.raises(DomainError) as unknown:
            webhooks.replay(work, [key])
        with pytest.raises(DomainError) as never:
            webhooks.replay(work, [str(number + 1000)])
    assert (gone.value.code, gone.value.facts) == ("webhook.gone", {"value": str(number), "days": 90})
    assert (unknown.value.code, never.value.code) == ("webhook.unknown", "webhook.unknown")


def test_a_number_is_never_given_twice(hk: Harness, shop: Receiver) -> None:
    """Whoever has noted it must not send another event again by it."""
    place(hk, "甲", "10.00", "SO1")
    tell(hk, shop)
    [first] = log(hk, "id")
    morning(hk, "2027-01-04")
    place(hk, "甲", "10.00", "SO2")
    assert max(log(hk, "id")) > first


def test_a_company_keeps_them_as_long_as_it_likes_and_many_go_in_small_parcels(
    hk: Harness, shop: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hk.company(webhook_days=7)
    monkeypatch.setattr(engine, "AT_ONCE", 2)
    for number in range(5):
        place(hk, "甲", "10.00", f"SO{number}")
    tell(hk, shop)
    morning(hk, "2026-07-13")
    assert kept(hk) == [f"SO{n}" for n in range(5)]
    morning(hk, "2026-07-14")
    assert kept(hk) == ["SO4"], "the latest stays, for its number"


def morning(hk: Harness, day: str) -> None:
    hk.sleep_until(f"{day} 09:00")
    hk.tick()


def kept(hk: Harness) -> list[str]:
    return [body["order"]["number"] for body in log(hk, "body") if "order" in body]
