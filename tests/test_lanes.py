"""Work that waits is done together, and nobody who waits is forgotten."""

import asyncio
import threading
from collections.abc import Mapping, Sequence

import pytest

from bot.lanes import Lanes
from core.errors import DomainError, Unreachable


class Shop:
    """Doubles numbers; `many` is what was done together, `one` what was done alone. It is open once nobody holds it."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.one: list[int] = []
        self.many: list[list[int]] = []
        self.open = threading.Event()
        self.fails = fails
        self.lanes: Lanes[int, int] = Lanes(self.alone, self.together)

    def alone(self, number: int) -> int:
        self.open.wait(5)
        self.one.append(number)
        if number < 0:
            raise DomainError("order.unknown", number=str(number))
        return 2 * number

    def together(self, numbers: Sequence[int]) -> Mapping[int, int | Exception]:
        self.many.append(list(numbers))
        if self.fails is not None:
            raise self.fails
        return {place: 2 * number for place, number in enumerate(numbers) if number > 0}

    def serve(self, *numbers: int) -> list[int | BaseException]:
        """The first comes alone; while it is served, the others do."""

        async def all_of_them() -> list[int | BaseException]:
            waiting = [asyncio.create_task(self.lanes.do(number)) for number in numbers[:1]]
            await asyncio.sleep(0.05)
            waiting += [asyncio.create_task(self.lanes.do(number)) for number in numbers[1:]]
            await asyncio.sleep(0)
            self.open.set()
            return await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)

        return asyncio.run(all_of_them())


def test_whoever_comes_alone_is_served_alone_and_those_who_wait_together() -> None:
    shop = Shop()
    assert shop.serve(1, 2, 3, 4) == [2, 4, 6, 8]
    assert (shop.one, shop.many) == ([1], [[2, 3, 4]])


def test_what_cannot_be_done_together_is_done_alone() -> None:
    shop = Shop()
    *right, wrong = shop.serve(1, 2, 3, -4)
    assert right == [2, 4, 6] and isinstance(wrong, DomainError)
    assert (shop.one, shop.many) == ([1, -4], [[2, 3, -4]])


def test_where_the_database_is_gone_everybody_is_told() -> None:
    shop = Shop(Unreachable("db.locked", url=""))
    first, *others = shop.serve(1, 2, 3)
    assert first == 2 and all(isinstance(each, Unreachable) for each in others)
    assert shop.one == [1]


def test_whatever_else_goes_wrong_each_is_done_alone(caplog: pytest.LogCaptureFixture) -> None:
    """No connection was free for half a minute, say: nobody waits for ever."""
    shop = Shop(TimeoutError("QueuePool limit"))
    assert shop.serve(1, 2, 3) == [2, 4, 6]
    assert sorted(shop.one) == [1, 2, 3]
    assert [record.getMessage() for record in caplog.records] == ["done one by one: TimeoutError"]
