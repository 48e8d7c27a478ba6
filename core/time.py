"""Time as data: instants are aware UTC, business dates are `date` in the company's zone. Only `utcnow` asks the clock."""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from core.errors import DomainError


def utcnow() -> datetime:
    """The one place where the product asks what time it is."""
    return datetime.now(UTC)


def local_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall-clock time. A time inside a DST gap moves forward by the gap."""
    return datetime.combine(day, at, zone).astimezone(UTC)


def months_before(day: date, months: int) -> date:
    """The same day of the month so many months earlier, or that month's last: 12 before 29 February is 28 February."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def parse_instant(text: str, zone: ZoneInfo) -> datetime:
    """`2026-07-01T09:00` in `zone`, or with its own offset. A local time inside a DST gap is refused."""
    try:
        value = datetime.fromisoformat(text.strip().replace(" ", "T"))
    except ValueError:
        raise DomainError("time.bad_instant", value=text) from None
    if value.tzinfo is not None:
        return value.astimezone(UTC)
    local = value.replace(tzinfo=zone)
    there = local.astimezone(UTC)
    if there.astimezone(zone).replace(tzinfo=None) != value:
        raise DomainError("time.dst_gap", value=text, zone=zone.key)
    return there


@dataclass(frozen=True)
class Window:
    """A daily span of wall-clock time, start included, end excluded. May pass midnight (quiet 20:00-08:00)."""

    start: time
    end: time

    def holds(self, at: time) -> bool:
        if self.start <= self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@lru_cache(maxsize=8)
def _holidays(country: str):  # type: ignore[no-untyped-def]  # holidays' classes are made at run time
    import holidays

    return holidays.country_holidays(country)


# The last year for which make-up working days (调休) are published in the installed `holidays` release.
MAKE_UP_DAYS_KNOWN_TO = {"CN": 2026}


@dataclass(frozen=True)
class Calendar:
    """Working days of a country, in a zone. `overrides` (date -> works?) win, so next year's 调休 can be loaded."""

    zone: ZoneInfo
    country: str = "CN"
    overrides: dict[date, bool] = field(default_factory=dict, hash=False)

    def business_date(self, instant: datetime) -> date:
        return instant.astimezone(self.zone).date()

    def works(self, day: date) -> bool:
        known = self.overrides.get(day)
        if known is not None:
            return known
        return _works(self.country, day)

    def next_working_day(self, day: date) -> date:
        """The first working day after `day`."""
        return self.add_working_days(day, 1)

    def previous_working_day(self, day: date) -> date:
        day -= timedelta(days=1)
        while not self.works(day):
            day -= timedelta(days=1)
        return day

    def add_working_days(self, day: date, count: int) -> date:
        """The `count`-th working day after `day`; with 0, `day` itself."""
        while count > 0:
            day += timedelta(days=1)
            if self.works(day):
                count -= 1
        return day

    def next_open(self, instant: datetime, window: Window, zone: ZoneInfo | None = None) -> datetime:
        """`instant` itself if it lies in the window of a working day, else the start of the next such window."""
        zone = zone or self.zone
        local = instant.astimezone(zone)
        day = local.date()
        if self.works(day):
            if window.holds(local.time()):
                return instant
            if local.time() < window.start:
                return local_instant(day, window.start, zone)
        return local_instant(self.next_working_day(day), window.start, zone)

    def outside(self, instant: datetime, quiet: Window, zone: ZoneInfo | None = None) -> datetime:
        """`instant` itself outside quiet hours, else their end."""
        zone = zone or self.zone
        local = instant.astimezone(zone)
        if not quiet.holds(local.time()):
            return instant
        day = local.date()
        if quiet.start > quiet.end and local.time() >= quiet.start:
            day += timedelta(days=1)
        return local_instant(day, quiet.end, zone)

    def answer_by(self, delivered: datetime, working_days: int, work: Window) -> datetime:
        """The end of the work window of the n-th working day after the delivery (dunning.md section 7)."""
        day = self.add_working_days(self.business_date(delivered), working_days)
        return local_instant(day, work.end, self.zone)


@lru_cache(maxsize=8192)
def _works(country: str, day: date) -> bool:
    return bool(_holidays(country).is_working_day(day))


def work_hours_later(calendar: Calendar, now: datetime, window: Window, hours: int) -> datetime:
    """The instant after so many hours of work, counted inside the company's work window."""
    at, left = calendar.next_open(now, window), timedelta(hours=hours)
    while True:
        day = calendar.business_date(at)
        closes = local_instant(day, window.end or time(23, 59), calendar.zone)
        if left <= closes - at:
            return at + left
        left -= closes - at
        at = local_instant(calendar.next_working_day(day), window.start, calendar.zone)
