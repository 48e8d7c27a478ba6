"""Making very many small objects at once, without looking for garbage among them again and again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def later() -> Iterator[None]:
    """Cyclic garbage waits until the end. For a chunk of a cycle or a large report: hardly a cycle of references among
    ten thousands of new objects, and a quarter to a third of the time gone on looking for one."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
