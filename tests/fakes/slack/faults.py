"""What goes wrong between a product and Slack, switched on per method."""

from collections import defaultdict, deque
from dataclasses import dataclass, field

TIER_3 = 50  # calls a minute


@dataclass(frozen=True)
class Fault:
    """One way to answer badly. `does` is "answer", "error", "drop" or "wait"."""

    does: str
    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    error: str = ""
    seconds: float = 0.0
    done_first: bool = False  # the call takes effect, only its answer suffers


def too_many(retry_after: int = 1) -> Fault:
    """HTTP 429 `ratelimited` with Retry-After."""
    body = '{"ok": false, "error": "ratelimited"}'
    return Fault("answer", 429, body, headers={"Retry-After": str(retry_after)})


def broken(status: int = 500, body: str = "upstream failure", content_type: str = "text/plain") -> Fault:
    return Fault("answer", status, body, content_type)


def refused(error: str) -> Fault:
    """HTTP 200 with this Slack error."""
    return Fault("error", error=error)


def hangs(seconds: float = 60.0) -> Fault:
    """No answer, and nothing done, until the client gives up."""
    return Fault("wait", seconds=seconds)


def slow(seconds: float) -> Fault:
    """The right answer, late; the effect is there at once."""
    return Fault("wait", seconds=seconds, done_first=True)


def dropped(*, after_taking_it: bool = True) -> Fault:
    """The connection breaks without an answer; by default after the call took effect, so that nobody can tell."""
    return Fault("drop", done_first=after_taking_it)


class Faults:
    """Which faults wait for which method. "*" stands for every method."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[tuple[Fault, int | None]]] = defaultdict(list)

    def add(self, method: str, fault: Fault, times: int | None) -> None:
        self._waiting[method].append((fault, times))

    def clear(self, method: str | None) -> None:
        if method is None:
            self._waiting.clear()
        else:
            self._waiting.pop(method, None)

    def take(self, method: str) -> Fault | None:
        """The fault for this call, counted down."""
        for name in (method, "*"):
            if queue := self._waiting[name]:
                fault, times = queue[0]
                if times is None:
                    return fault
                queue[:1] = [(fault, times - 1)] if times > 1 else []
                return fault
        return None


class Minute:
    """So many calls in any minute, which a method's tier says."""

    def __init__(self, most: int) -> None:
        self._most, self._times = most, deque[float]()

    def wait_for(self, now: float) -> float:
        """0 when the call may go, else the seconds until it may."""
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        if len(self._times) >= self._most:
            return self._times[0] + 60 - now
        self._times.append(now)
        return 0.0


class Pace:
    """One post a second and channel, with a short burst: what is faster has to wait."""

    def __init__(self, per_second: float, burst: int) -> None:
        self._per_second, self._burst = per_second, burst
        self._left: dict[str, tuple[float, float]] = {}

    def wait_for(self, channel: str, now: float) -> float:
        """0 when the post may go, else the seconds until it may."""
        left, since = self._left.get(channel, (float(self._burst), now))
        left = min(float(self._burst), left + (now - since) * self._per_second)
        if left < 1:
            self._left[channel] = (left, now)
            return (1 - left) / self._per_second
        self._left[channel] = (left - 1, now)
        return 0.0
