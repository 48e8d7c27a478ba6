"""Response codes: each changes one message once, within 72 hours. Kept between processes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.adapters.memory import Memory
from bot.adapters.wecom.render import UPDATE_HOURS

LIVES = timedelta(hours=UPDATE_HOURS) - timedelta(minutes=5)


@dataclass(frozen=True)
class Taken:
    """`text` is what WeCom knows it by. It goes back where it stood, as old as it is."""

    text: str
    key: str
    at: datetime


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

    def take(self, ref: str, *, last: bool) -> Taken | None:
        """A code that nobody else gets, if there is one. The one of the sending is for the `last` change only."""
        return self._take(f"tap:{ref}") or (self._take(f"code:{ref}") if last else None)

    def put_back(self, taken: Taken) -> None:
        """It was not used after all. What has come there meanwhile is younger, and stays."""
        self._memory.put_new(taken.key, {"code": taken.text, "at": taken.at.isoformat()}, taken.at)

    def _keep(self, key: str, code: str) -> None:
        if code:
            self._memory.put(key, self._value(code), self._clock())

    def _value(self, code: str) -> dict[str, Any]:
        return {"code": code, "at": self._clock().isoformat()}

    def _take(self, key: str) -> Taken | None:
        found = self._memory.take(key)
        if found is None:
            return None
        taken = Taken(str(found["code"]), key, datetime.fromisoformat(found["at"]))
        return taken if self._clock() - taken.at <= LIVES else None
