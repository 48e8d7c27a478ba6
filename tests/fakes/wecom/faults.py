"""What goes wrong on the way or at the messenger's, chosen by a test for one API path or for all ("*")."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["errcode", "status", "slow", "drop", "garbage"]


@dataclass
class Fault:
    path: str
    kind: Kind
    value: float
    left: int | None  # None: for ever


class Faults:
    """`path` as in `message/send`. Each takes effect for the next `times` answers, None for ever, in this order."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def errcode(self, path: str, errcode: int, times: int | None = 1) -> None:
        """HTTP 200 with this errcode; nothing was done."""
        self._waiting.append(Fault(path, "errcode", errcode, times))

    def status(self, path: str, status: int = 500, times: int | None = 1) -> None:
        """An HTTP error before anything was done."""
        self._waiting.append(Fault(path, "status", status, times))

    def slow(self, path: str, seconds: float, times: int | None = 1) -> None:
        """It is done at once, and said later: a client that gives up does not know."""
        self._waiting.append(Fault(path, "slow", seconds, times))

    def drop(self, path: str, times: int | None = 1) -> None:
        """It is done, and the connection breaks before the answer."""
        self._waiting.append(Fault(path, "drop", 0, times))

    def garbage(self, path: str, times: int | None = 1) -> None:
        """HTTP 200 with a web page, as from a proxy in between; nothing was done."""
        self._waiting.append(Fault(path, "garbage", 0, times))

    def heal(self, path: str = "") -> None:
        """No more faults, of this path or at all."""
        self._waiting = [fault for fault in self._waiting if path and fault.path != path]

    def take(self, path: str) -> Fault | None:
        for fault in self._waiting:
            if fault.path not in (path, "*"):
                continue
            if fault.left is not None:
                fault.left -= 1
                if fault.left == 0:
                    self._waiting.remove(fault)
            return fault
        return None
