"""From when until when, wherever it stands in what somebody typed: 到8月10日, 7月底前, 自…至…, until 10 Aug. Pure.

What is meant to end and doesn't say so legibly is asked back about: nothing becomes permanent because a date was written
in an unusual way. What stands in quotes is never read.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from bot.commands.dates import parse_date
from core.errors import DomainError


@dataclass(frozen=True, slots=True)
class Period:
    """`rest`: the other words, as they were typed."""

    start: date | None
    until: date | None
    rest: str


_N = r"(?:\d{1,2}|[一二两三四五六七八九]?十[一二三四五六七八九]?|[一二两三四五六七八九])"
_WHICH = r"(?:下下|下个|下|本|这个|这|上个|上)?"
_MON = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_YEAR = r"(?:,? ?20\d\d(?!\d))?"
# Days that can't be anything else, also in the middle of a word.
_DAY = "|".join((
    r"(?<!\d)\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?!\d)", r"(?<!\d)\d{4}年\d{1,2}月\d{1,2}[日号]?", 
    r"(?<!\d)20[2-9]\d(?:0[1-9]|1[0-2])[0-3]\d(?!\d)",
    rf"(?<![\d十])(?:今年|明年|去年)?{_N}月(?:[底末]|{_N}[日号]?(?![\d万千百亿wk份]))",
    rf"{_WHICH}月(?:[底末]|{_N}[日号])", r"(?:今年|明年|今|明)?年[底末]", rf"{_WHICH}(?:周|星期|礼拜)[一二三四五六日天末]",
    r"大?[前后]天|[今明昨][天日]", rf"(?<!\d){_N}个?(?:天|日|周|星期|礼拜)(?:之内|以内|内|之后|以后|后)",
    rf"(?<![a-z]){_MON} ?\d{{1,2}}(?:st|nd|rd|th)?(?![\d万千]){_YEAR}",
    rf"(?<!\d)\d{{1,2}}(?:st|nd|rd|th)? (?:of )?{_MON}(?![a-z]){_YEAR}",
    rf"(?<![a-z])end of (?:the |this |next )?(?:month|year|{_MON})(?![a-z]){_YEAR}", r"(?<![a-z])eo[my](?![a-z])",
    r"(?<![a-z])(?:(?:next |this )?(?:mon|tues|wednes|thurs|fri|satur|sun)day)(?![a-z])",
    r"(?<![a-z])(?:tomorrow|tmr|today|in \d{1,3} (?:day|week)s?)(?![a-z])",
))  # fmt: skip
# And what is a day where a day is expected.
_SHORT = "|".join((
    r"(?<![\d./-])\d{1,2}[-/]\d{1,2}[日号]?(?![\d./-])", rf"(?<![\d十]){_N}[日号]",
    r"(?<![a-z])(?:next |this )?(?:mon|tue|wed|thu|fri|sat|sun)(?![a-z])", r"\+\d{1,3}[dw](?![a-z])",
))  # fmt: skip
_D = rf"(?:{_DAY}|{_SHORT}|(?<![\d.])\d{{1,2}}\.\d{{1,2}}(?![\d.]))"
_TO = (
    r"(?:截[至止][到至]?|直[到至]|(?<![收提达拿接看得谈找遇甚以直])[到至]"  # 收到8月1日的货款 is no end
    r"|(?<![a-z])(?:until|till|til|through|thru|to)(?![a-z]))"
)
_ENDS = (
    rf"(?:{_TO}|有效期(?:[至到为]|[:：])?|期限(?:[至到为]|[:：])?"
    r"|(?<![a-z])(?:valid |effective )?(?:until|till|through|by|before|up to|ending|ends|expires|expiring)"
    r"(?: on)?(?: the)?(?![a-z]))"
    r"[:：]?"
)
_OVER = r"(?:之前|以前|前(?!期|景|台|后)|为止|止|截止|到期|失效|结束)"
_BEGINS = r"(?:自|从|由|(?<![a-z])(?:from|starting|effective|as of)(?: on)?(?![a-z]))"
_SINCE = r"(?:开始|起|生效)"
_RANGE = re.compile(
    rf"(?:{_BEGINS}\s*)?(?P<start>{_D})\s*{_SINCE}?\s*[,，]?\s*(?:{_TO}|[-–—~～])\s*(?P<until>{_D})(?:\s*{_OVER})?"
)
_UNTIL = re.compile(rf"{_ENDS}\s*(?P<until>{_D})(?:\s*{_OVER})?|(?P<before>{_D})\s*{_OVER}")
_START = re.compile(rf"{_BEGINS}\s*(?P<start>{_D})(?:\s*{_SINCE})?|(?P<since>{_D})\s*{_SINCE}")
_ALONE = re.compile(rf"(?:^|(?<=[\s,，;；、(（]))(?P<until>{_DAY}|{_SHORT})(?=$|[\s,，;；、。)）])")
_LEFT = re.compile(_DAY)
# Words of an end in which no day is found.
_VAGUE = re.compile("|".join((
    r"(?:^|(?<=[\s,，;；、(（]))[到至](?![货期账位款港今少此场岗达来])\S*(?:\s+\S+)?", r"截[至止]\S*", r"\S*为止",
    r"(?<![a-z])(?:until|till|through)(?![a-z])(?:\s+\S+){0,3}", r"有效期\S*", r"为期\S*",
    r"(?<![a-z])by (?:the )?(?:end|close|month|quarter|q[1-4]|eoq|\d|next|this|christmas|new year|easter)(?![a-z])\S*",
    r"\S*(?:节|季|季度|假期|双十一|双11|双12|618|结束|国庆|五一|元旦|年底|年末)(?:之前|以前|前)",
    r"\S*季度?[末底]", rf"(?<!\d){_N}月(?:初|中旬?|上旬|下旬)",
    r"(?<![a-z])end of (?:the |this |next )?(?:quarter|season|q[1-4])",
)))  # fmt: skip
_FOR_A_WHILE = re.compile("|".join((
    r"临时\S*", r"暂时\S*", r"短期\S*", r"(?<![a-z])temporar\S*",
    r"(?<![a-z])for (?:a|one|two|three|four|six|\d{1,3}) (?:day|week|month)s?(?![a-z])",
    rf"(?:^|(?<=[\s,，;；、]))(?:\d{{1,3}}|{_N})个?(?:天|日|周|星期|礼拜|月|季度|年)(?:之内|以内|内)?(?=$|[\s,，;；、])",
)))  # fmt: skip


def take_period(text: str, today: date, *, quoted: Collection[str] = (), lasting: bool = False) -> Period:
    """What `text` says of an end, and of a start. Neither may be over. `quoted`: what of it stood in quotes.

    `lasting`: for what lasts by itself, as a hold: days that are over, and "for a while", may belong to its reason.
    Errors: those of dates, period.unclear(value), period.without_end(value), period.backwards(on, until).
    """
    plain = _plain(text, quoted)
    if (match := _RANGE.search(plain)) is not None:
        return _checked(_day(match["start"], today), _day(match["until"], today), _without(text, match))
    found = _end(plain, today, lasting)
    if found is None:
        _refuse_unread(plain, today, lasting)
        return Period(None, None, text.strip())
    until, match = found
    begins = _START.search(plain[: match.start()] + " " * (match.end() - match.start()) + plain[match.end() :])
    start = _ahead(begins["start"] or begins["since"], today) if begins is not None else None
    if begins is None or start is None:
        return Period(None, until, _without(text, match))
    return _checked(start, until, _without(text, match, begins))


def _checked(start: date, until: date, rest: str) -> Period:
    if start > until:
        raise DomainError("period.backwards", on=start, until=until)
    return Period(start, until, rest)


def _end(plain: str, today: date, lasting: bool) -> tuple[date, re.Match[str]] | None:
    """What is marked as an end, else a day that stands alone. Two different ones are no end, unless one comes first."""
    for pattern in (_UNTIL, _ALONE):
        if pattern is _ALONE:
            plain = _START.sub(lambda begins: "\x00" * len(begins[0]), plain)
        found: list[tuple[date, re.Match[str]]] = []
        for match in pattern.finditer(plain):
            first = match.start() == 0 or plain[match.start() - 1].isspace()
            until = _until(match, today, lasting and not (first and pattern is _UNTIL))
            if until == today and not first:  # 一直合作到今天
                raise DomainError("period.unclear", value=match[0].strip())
            if until is not None:
                found.append((until, match))
        if found and (found[0][1].start() == 0 or len({day for day, _ in found}) == 1):
            return found[0]
        if found:
            raise DomainError("period.unclear", value=found[1][1][0].strip())
    return None


def _until(match: re.Match[str], today: date, lasting: bool) -> date | None:
    said = match["until"] or match["before"] if match.re is _UNTIL else match["until"]
    found = _ahead(said, today) if lasting else _day(said, today)
    return None if lasting and found == today else found


def _refuse_unread(plain: str, today: date, lasting: bool) -> None:
    begins = _START.search(plain)
    if begins is not None and (not lasting or _ahead(begins["start"] or begins["since"], today)):
        raise DomainError("period.without_end", value=begins[0].strip())
    for match in _LEFT.finditer(plain):
        day = _ahead(match[0], today)
        if not lasting or (day is not None and day > today):
            raise DomainError("period.unclear", value=match[0].strip())
    unread = _VAGUE.search(plain) or (None if lasting else _FOR_A_WHILE.search(plain))
    if unread is not None:
        raise DomainError("period.unclear", value=unread[0].strip())


def _day(text: str, today: date) -> date:
    return parse_date(re.sub(r"^the |(?<= )of (?=[a-z]{3})(?<!end of )", "", text), today, future=True)


def _ahead(text: str, today: date) -> date | None:
    """None for a day that is over, or that doesn't exist."""
    try:
        return _day(text, today)
    except DomainError:
        return None


def _plain(text: str, quoted: Collection[str]) -> str:
    """As long as `text`, so that what is found in it is found there; what stood in quotes is blotted out."""
    for words in quoted:
        if words:
            text = text.replace(words, "\x00" * len(words))
    return "".join(_char(char) for char in text)


def _char(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char).casefold()
    return plain if len(plain) == 1 else char


def _without(text: str, *matches: re.Match[str]) -> str:
    for match in sorted(matches, key=lambda one: -one.start()):
        text = f"{text[: match.start()]} {text[match.end() :]}"
    text = re.sub(r"[(（]\s*[)）]", " ", text)
    return " ".join(re.sub(r"^[\s,，;；、。]+|[\s,，;；、]+$", "", text).split())


def given_days(period: Period) -> dict[str, str]:
    """As an action takes them."""
    days = {"from": period.start, "until": period.until}
    return {name: day.isoformat() for name, day in days.items() if day is not None}


def said_again(given: Mapping[str, str]) -> str:
    """The same period with nothing relative, to be read once more."""
    start = f"from {given['from']} " if "from" in given else ""
    return f"{start}until {given['until']}" if "until" in given else ""


def in_quotes(reason: str) -> str:
    """A reason that is read once more: no day is found in it then, either."""
    return f"“{reason}”" if "”" not in reason and "“" not in reason else reason
