"""A strict fake in a process of its own: it never waits for the product's interpreter lock, nor the product for its."""

import multiprocessing
from importlib import import_module
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Self

STARTING, STOPPING = 60.0, 20.0


class Far:
    """`far.do("taps", 100, 500)` calls a method of the fake's side (`bench.sides`) and waits for what it says."""

    def __init__(self, messenger: str) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._line, other = spawning.Pipe()
        self._process = spawning.Process(target=_serve, args=(messenger, other), daemon=True)
        self._process.start()
        other.close()
        if not self._line.poll(STARTING):
            raise RuntimeError(f"the fake of {messenger} did not start")
        self._line.recv()

    def do(self, name: str, *given: Any) -> Any:
        self._line.send((name, given))
        fine, said = self._line.recv()
        if not fine:
            raise RuntimeError(said)
        return said

    def close(self) -> None:
        self._line.close()
        self._process.join(STOPPING)
        if self._process.is_alive():
            self._process.kill()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _serve(messenger: str, line: Connection) -> None:
    side = import_module("bench.sides").SIDES[messenger]()
    line.send("ready")
    try:
        while True:
            try:
                name, given = line.recv()
            except EOFError:
                return
            try:
                line.send((True, getattr(side, name)(*given)))
            except Exception as error:
                line.send((False, f"{messenger}.{name}: {error!r}"))
    finally:
        side.fake.stop()
