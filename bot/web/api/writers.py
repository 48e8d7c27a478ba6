"""Threads of their own for what writes: it waits a few seconds for its customer, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
THREADS = 8  # fewer than there are connections to the database
PATIENCE = 3.0  # seconds that a request waits for its customer; then it is told to come again, and nothing is saved


class Writers:
    def __init__(self) -> None:
        self.threads = ThreadPoolExecutor(THREADS, "api-write")

    async def do(self, what: Callable[..., T], *args: Any) -> T:
        """Errors: those of `what`."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, what, *args)
