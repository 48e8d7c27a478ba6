"""Response codes: each changes one message once, within 72 hours. Kept between processes."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.memory import Memory

LIVES = timedelta(hours=72) - timedelta(minutes=5)


class Codes:
    """Blocking: call it in a thread. A message has the code of its sending, and perhaps one of a tap left over."""

    def __init__(self, memory: Memory, clock: Callable[[], datetime]) -> None:
        self._memory, self._clock = memory, clock

    def sent(self, ref: str, code: str) -> None:
        self._keep(f"code:{ref}", code)

    def of_sending(self, ref: str, code: str) -> dict[str, dict[str, Any]]:
        """What is to be kept of it, by key."""
        return {f"code:{ref}": self._value(code)} if code else {}

    def tapped(self, ref: str, code: str) -> None:
        """A tap that was answered in another way leaves its code for later."""
        self._keep(f"tap:{ref}", code)

    def take(self, ref: str, *, last: bool) -> str:
        """A code that nobody else gets; "" if there is none. The one of the sending is for the `last` change only."""
        return self._take(f"tap:{ref}") or (self._take(f"code:{ref}") if last else "")

    def put_back(self, ref: str, code: str) -> None:
        """It was not used after all."""
        self._keep(f"code:{ref}", code)

    def _keep(self, key: str, code: str) -> None:
        if code:
            self._memory.put(key, self._value(code), self._clock())

    def _value(self, code: str) -> dict[str, Any]:
        return {"code": code, "at": self._clock().isoformat()}

    def _take(self, key: str) -> str:
        found = self._memory.take(key)
        if found is None or self._clock() - datetime.fromisoformat(found["at"]) > LIVES:
            return ""
        return str(found["code"])
