"""What a messenger's own check finds: each thing it looked at, and what to do about it."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.errors import DomainError

CLOCK_WARN, CLOCK_FAIL = 60.0, 300.0  # seconds that our clock may be off; at five minutes callbacks are refused


def clock_state(off: float) -> Literal["ok", "warn", "fail"]:
    """How bad it is that our clock is so many seconds off, whichever messenger tells."""
    return "fail" if off >= CLOCK_FAIL else "warn" if off > CLOCK_WARN else "ok"


class Unfit(NamedTuple):
    """Why a messenger cannot be used as it is set up, whatever it finds."""

    error: DomainError


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. Hints are empty where nothing has to be done."""

    name: str
    state: Literal["ok", "warn", "fail"]
    message_zh: str
    message_en: str
    hint_zh: str = ""
    hint_en: str = ""
