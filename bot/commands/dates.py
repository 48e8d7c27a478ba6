"""Dates as people write them, in Chinese and English. Pure: `today` is an argument.

周五 and `fri` are the next Friday after today, on a Friday a week later; 下周五 and `next fri` are the Friday of the
next ISO week. A month and day alone belong to this year; one that has passed is an error that offers next year,
since a promise for 11 months from now is hardly meant. Order is month, day; 15/7 is refused, never guessed.
"""

import calendar
import re
import unicodedata
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from core.errors import DomainError

_DAYS = {
    "大前天": -3, "前天": -2, "昨天": -1, "昨日": -1, "今天": 0, "今日": 0, "当天": 0, "明天": 1, "明日": 1, "后天": 2,
    "大后天": 3,
    "yesterday": -1, "today": 0, "tomorrow": 1, "tmr": 1, "day after tomorrow": 2, "day before yesterday": -2,
}  # fmt: skip
_CN_WEEKDAYS = {"一": 0, "二": 1, "三": 2, "四": 3, "五": 4, "六": 5, "日": 6, "天": 6,
    "末": 5} | {str(n): n - 1 for n in range(1, 8)}
_EN_WEEKDAYS = {"mon": 0, "tue": 1, "wed": 2, "thu": 3, "fri": 4, "sat": 5, "sun": 6}
_EN_MONTHS = {name.lower(): n for n, name in enumerate(calendar.month_abbr) if name}
_CN_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_NUMBER = r"(\d{1,3}|[一二两三四五六七八九]?十?[一二三四五六七八九]?|半)"
_WEEKDAY = r"(mon|tue|wed|thu|fri|sat|sun)(?:day|sday|nesday|rsday|urday)?"
_MONTH = r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:uary|ruary|ch|il|e|y|ust|t|tember|ober|ember)?\.?"
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})")
MAX_YEARS = 10  # from today's year
MAX_WORDS = 4  # of a date: "end of next month"


def parse_date(text: str, today: date, *, future: bool | None = True) -> date:
    """The day meant by `text`. `future`: must not be before today; False: must not be after it; None: either.

    Errors: date.unknown(value), date.no_such_day(value), date.past(value, date, next), date.future(value, date).
    """
    plain = _plain(text)
    for pattern, read in _FORMS:
        match = pattern.fullmatch(plain)
        if match is None:
            continue
        try:
            found = read(match, today, future)
        except LookupError:
            continue
        except (ValueError, OverflowError):
            raise DomainError("date.no_such_day", value=text) from None
        if found is None:
            continue
        if abs(found.year - today.year) > MAX_YEARS:
            raise DomainError("date.unknown", value=text)
        if future is True and found < today:
            raise DomainError("date.past", value=text, date=found.isoformat(), next="")
        if future is False and found > today:
            raise DomainError("date.future", value=text, date=found.isoformat())
        return found
    raise DomainError("date.unknown", value=text)


def take_date(words: Sequence[str], today: date, *, future: bool | None = True) -> tuple[date, int]:
    """The date that the first words say, and how many they are; the longest reading wins (`end of month`)."""
    failure: DomainError | None = None
    for count in range(min(MAX_WORDS, len(words)), 0, -1):
        try:
            return parse_date(" ".join(words[:count]), today, future=future), count
        except DomainError as error:
            # A text that is a date, but a wrong one, is worth more to the reader than "not a date".
            if failure is None or failure.code == "date.unknown":
                failure = error
    raise failure or DomainError("date.unknown", value="")


def dotted(text: str) -> bool:
    """`12.1`: 1 December, or twelve and a tenth. What stands beside it decides, or nobody."""
    match = _DOTTED.fullmatch(unicodedata.normalize("NFKC", text))
    return match is not None and 1 <= int(match[1]) <= 12 and 1 <= int(match[2]) <= 31


def looks_like_date(text: str) -> bool:
    """Whether some form reads it, right or wrong."""
    return any(pattern.fullmatch(_plain(text)) for pattern, _ in _FORMS)


def _plain(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text).casefold().replace(",", " ").replace("。", "")
    plain = re.sub(r"^(by|on|until|till|before|at|到|至|于|在)\s*(?=\S)", "", " ".join(plain.split()))
    return re.sub(r"(之前|以前)$", "", plain).strip()


def _number(text: str) -> int:
    """Raises LookupError: 半, 一一, and whatever else stands where a number should."""
    if text.isdecimal():
        return int(text)
    tens, ten, ones = text.partition("十")
    if not ten:
        return _CN_DIGITS[text]
    return (_CN_DIGITS[tens] if tens else 1) * 10 + (_CN_DIGITS[ones] if ones else 0)


def _month_day(month: int, day: int, today: date, future: bool | None, value: str) -> date:
    here = date(today.year, month, day)
    if future is True and here < today:
        following = f"{today.year + 1}-{month:02d}-{day:02d}" if (month, day) != (2, 29) else ""
        raise DomainError("date.past", value=value, date=here.isoformat(), next=following)
    if future is False and here > today:
        return date(today.year - 1, month, day)
    return here


def _day_of_month(day: int, today: date, future: bool | None, shift: int | None) -> date:
    first = today.replace(day=1)
    if shift is not None:
        return _month(first, shift).replace(day=day)
    here = first.replace(day=day)
    if future is True and here < today:
        return _month(first, 1).replace(day=day)
    if future is False and here > today:
        return _month(first, -1).replace(day=day)
    return here


def _month(first: date, shift: int) -> date:
    months = first.year * 12 + first.month - 1 + shift
    return date(months // 12, months % 12 + 1, 1)


def _month_end(today: date, shift: int) -> date:
    return _month(today.replace(day=1), shift + 1) - timedelta(days=1)


def _weekday(day: int, today: date, future: bool | None, week: int | None) -> date:
    if week is not None:
        return today - timedelta(days=today.weekday()) + timedelta(days=7 * week + day)
    if future is False:
        return today - timedelta(days=(today.weekday() - day) % 7)
    return today + timedelta(days=(day - today.weekday() - 1) % 7 + 1)


_WEEKS = {None: None, "": None, "上": -1, "上个": -1, "本": 0, "这": 0, "这个": 0, "下": 1, "下个": 1, "下下": 2,
          "last": -1, "this": 0, "next": 1}  # fmt: skip
_MONTHS = {None: 0, "": 0, "本": 0, "这个": 0, "这": 0, "上": -1, "上个": -1, "下": 1, "下个": 1, "the": 0,
           "this": 0, "next": 1, "last": -1}  # fmt: skip
_UNITS = {"天": 1, "日": 1, "个工作日": 1, "周": 7, "星期": 7, "个星期": 7, "礼拜": 7, "个礼拜": 7, "day": 1, "week": 7,
    "d": 1, "w": 7}


def _end_of(match: re.Match[str], today: date, future: bool | None) -> date:
    ends = _month_end(today, _MONTHS[match[1]])
    if future is False and not match[1] and ends > today:
        return _month_end(today, -1)
    return ends


def _end_of_named(month: int, year: str, today: date, future: bool | None, value: str) -> date:
    """The last day of a month that is named; `year`: 今年, 明年, or its number."""
    if year:
        return _month_end(date(int(year) if year.isdecimal() else today.year + (year == "明年"), month, 1), 0)
    last = _month_end(date(today.year, month, 1), 0)
    return _month_day(month, last.day, today, future, value)


def _ago(match: re.Match[str], today: date, sign: int) -> date:
    return today + timedelta(days=sign * _number(match[1]) * _UNITS[match[2]])


def _english_day(month: str, day: str, year: str | None, today: date, future: bool | None, value: str) -> date | None:
    if year is None:
        return _month_day(_EN_MONTHS[month], int(day), today, future, value)
    if abs(int(year) - today.year) > MAX_YEARS:  # "jul 15 2000": the 2000 is an amount
        return None
    return date(int(year), _EN_MONTHS[month], int(day))


_Read = Callable[[re.Match[str], date, bool | None], date | None]
_FORMS: list[tuple[re.Pattern[str], _Read]] = [
    (re.compile(pattern), read)
    for pattern, read in (
        ("|".join(sorted(_DAYS, key=len, reverse=True)), lambda m, t, f: t + timedelta(days=_DAYS[m[0]])),
        (r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})[日号]?", lambda m, t, f: date(int(m[1]), int(m[2]), int(m[3]))),
        (r"(20\d{2})(\d{2})(\d{2})", lambda m, t, f: date(int(m[1]), int(m[2]), int(m[3]))),
        (r"(\d{1,2})[-/.](\d{1,2})[日号]?", lambda m, t, f: _month_day(int(m[1]), int(m[2]), t, f, m[0])),
        (rf"(今年|明年)?{_NUMBER}月[底末]",
         lambda m, t, f: _end_of_named(_number(m[2]), m[1] or "", t, f, m[0]) if m[2] else None),
        (r"今年(\d{1,2})月(\d{1,2})[日号]?", lambda m, t, f: date(t.year, int(m[1]), int(m[2]))),
        (r"(明年)(\d{1,2})月(\d{1,2})[日号]?", lambda m, t, f: date(t.year + 1, int(m[2]), int(m[3]))),
        (r"(去年)(\d{1,2})月(\d{1,2})[日号]?", lambda m, t, f: date(t.year - 1, int(m[2]), int(m[3]))),
        (rf"{_NUMBER}月{_NUMBER}[日号]?",
         lambda m, t, f: _month_day(_number(m[1]), _number(m[2]), t, f, m[0]) if m[1] and m[2] else None),
        (rf"(本|这个|这|下个|下|上个|上)?月?{_NUMBER}[日号]",
         lambda m, t, f: _day_of_month(_number(m[2]), t, f, _MONTHS[m[1]] if m[1] else None) if m[2] else None),
        (r"(下下|下个|下|本|这个|这|上个|上)?(?:周|星期|礼拜)([一二三四五六日天末1-7])",
         lambda m, t, f: _weekday(_CN_WEEKDAYS[m[2]], t, f, _WEEKS[m[1]])),
        (rf"(?:(next|this|last) )?{_WEEKDAY}", lambda m, t, f: _weekday(_EN_WEEKDAYS[m[2]], t, f, _WEEKS[m[1]])),
        (r"(本|这个|这|下个|下|上个|上)?月[底末]", _end_of),
        (r"(?:end of )(the |this |next |last )?month",
         lambda m, t, f: _month_end(t, _MONTHS[(m[1] or "").strip()])),
        (rf"end of {_MONTH}(?: (\d{{4}}))?", lambda m, t, f: _end_of_named(_EN_MONTHS[m[1]], m[2] or "", t, f, m[0])),
        (r"eom", lambda m, t, f: _month_end(t, 0 if f is not False else -1)),
        (r"明年?年[底末]", lambda m, t, f: date(t.year + 1, 12, 31)),
        (r"(?:今年|今)?年[底末]|end of (?:the |this )?year|eoy", lambda m, t, f: date(t.year, 12, 31)),
        (rf"{_NUMBER}(天|日|周|星期|个星期|礼拜|个礼拜)(?:之内|以内|内|之后|以后|后)",
         lambda m, t, f: _ago(m, t, 1) if m[1] not in ("", "半") else None),
        (rf"{_NUMBER}(天|日|周|星期|个星期|礼拜|个礼拜)(?:之前|以前|前)?",
         lambda m, t, f: _ago(m, t, -1) if f is False and m[1] not in ("", "半") else None),
        (r"(?:in|within) (\d{1,3}) ?(day|week|d|w)s?", lambda m, t, f: _ago(m, t, 1)),
        (r"\+(\d{1,3})(d|w)", lambda m, t, f: _ago(m, t, 1)),
        (r"(\d{1,3}) ?(day|week|d|w)s? ago", lambda m, t, f: _ago(m, t, -1)),
        (rf"{_MONTH} (\d{{1,2}})(?:st|nd|rd|th)?(?: (\d{{4}}))?",
         lambda m, t, f: _english_day(m[1], m[2], m[3], t, f, m[0])),
        (rf"(\d{{1,2}})(?:st|nd|rd|th)? {_MONTH}(?: (\d{{4}}))?",
         lambda m, t, f: _english_day(m[2], m[1], m[3], t, f, m[0])),
    )
]  # fmt: skip
