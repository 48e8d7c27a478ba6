"""Many small writes at about the same time, in one transaction: the commit is what costs."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """What comes while others are being written waits for them and is written next, all of it at once.

    `write`: blocking; by key, what to write; returns by key what came of it. Whatever it raises, all of them get.
    """

    def __init__(self, write: Callable[[dict[str, dict[str, Any]]], Mapping[str, T]]) -> None:
        self._write = write
        self._waiting: list[tuple[dict[str, dict[str, Any]], asyncio.Future[Mapping[str, T]]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def __call__(self, values: dict[str, dict[str, Any]]) -> Mapping[str, T]:
        """Returns when they are written. Errors: Unreachable."""
        done: asyncio.Future[Mapping[str, T]] = asyncio.get_running_loop().create_future()
        self._waiting.append((values, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._all())
        return await done

    async def _all(self) -> None:
        while self._waiting:
            now, self._waiting = self._waiting, []
            values = {key: value for some, _ in now for key, value in some.items()}
            try:
                found = await asyncio.to_thread(self._write, values)
            except Exception as error:
                for _, done in now:
                    if not done.done():
                        done.set_exception(error)
                continue
            for _, done in now:
                if not done.done():
                    done.set_result(found)
