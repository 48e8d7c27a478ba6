"""Processes of the product that tests let die.

Each begins as a copy of one that has imported the product already and done nothing else: importing takes a second, and
some forty of them are begun. What begins is a process like any other; kill -9 ends it and nothing else.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

_copies = get_context("forkserver")
_copies.set_forkserver_preload(["bot.app", "bot.engine", "alembic.command"])


@contextmanager
def process(run: Callable[..., None], *words: Any) -> Iterator[BaseProcess]:
    """One that runs `run(*words)`, a function of a module; it is gone at the end, whatever happened."""
    begun = _copies.Process(target=run, args=words, daemon=True)
    begun.start()
    try:
        yield begun
    finally:
        begun.kill()
        begun.join()
        begun.close()


def how_it_ended(begun: BaseProcess) -> int | None:
    """Its exit code, or minus the signal that killed it; None if it still runs after a minute."""
    begun.join(60)
    return begun.exitcode
