"""The conditions of an approval as people type them, in any order: 预付 30%, 账期 30天, 临时额度到 7-31. Pure."""

import re
import unicodedata

from bot.card import Action

APPROVE_WITH = "credit.approve_with"
_PREPAID = r"先收预付款|先收|先付|预付款|预付|预收款|预收|定金|prepayment|prepaid|prepay|deposit|advance"
_SHARE = re.compile(
    rf"(?:{_PREPAID})(?:比例)?\s*:?\s*(?:不低于|至少|of|at least)?\s*(\d+(?:\.\d+)?)\s*(?:%|percent)"
    rf"|(?:{_PREPAID})(?:比例)?\s*:?\s*(\d+)(?![\d.,]|\s*(?:%|天|日|days?\b|[万千百元kw]))"
    rf"|(?<![\d.])(\d+(?:\.\d+)?)\s*(?:%|percent)(?:\s*的?(?:{_PREPAID}|in advance|up front))?",
    re.I,
)
_ALL = re.compile(r"款到发货|全额预付|cash in advance", re.I)
_TERMS = re.compile(
    r"(?:账期|帐期|\bterms?|\bnet)\s*:?\s*(?:不超过|最长|最多|为|of|at most)?\s*(\d+)(?![\d.,%])\s*(?:天|日|days?\b)?"
    r"|(?<![\d.-])(\d+)\s*(?:天|days?\b)(?:\s*(?:账期|帐期|terms?\b))?",
    re.I,
)
_DATE = (
    r"(?:\d{4}[-/.年])?\d{1,2}[-/.月]\s?\d{1,2}[日号]?|\d{8}|[今明后]天|(?:本|这|下)?个?[月年][底末]"
    r"|(?:本|这|下)*(?:周|星期|礼拜)[一二三四五六日天]|today|tomorrow|eom|end of (?:the )?month"
    r"|(?:next\s+)?(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?\s+\d{1,2}"
    r"|\d{1,2}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
)
_UNTIL = re.compile(
    rf"(?:临时额度|临时|额度|extra credit)?\s*(?:到|至|\buntil\b|\btill\b)\s*({_DATE})(?:为止|止|前)?(?![\w%])", re.I
)
_DAY = re.compile(rf"(?<![\w.-])({_DATE})(?![\w%.-])", re.I)
_GAPS = " ,;。、!:"


def written(text: str) -> bool:
    """Whether one of them stands in the text, beyond doubt."""
    plain = unicodedata.normalize("NFKC", text)
    return any(pattern.search(plain) for pattern in (_SHARE, _ALL, _TERMS, _UNTIL))


def read(action: Action, text: str) -> dict[str, str] | None:
    """The inputs of the button; what is no condition is its note. None where only a bare number stands there: 30 is a share
    to one reader and days to another."""
    found, left = dict(action.given), unicodedata.normalize("NFKC", text)
    for name, pattern in (("until", _UNTIL), ("prepay_percent", _SHARE), ("terms", _TERMS), ("until", _DAY)):
        match = pattern.search(left) if name not in found else None
        if match is not None:
            found[name] = next(group for group in match.groups() if group)
            left = f"{left[: match.start()].rstrip(_GAPS)} {left[match.end() :].lstrip(_GAPS)}"
    if "prepay_percent" not in found and (match := _ALL.search(left)):
        found["prepay_percent"], left = "100", f"{left[: match.start()]} {left[match.end() :]}"
    words = left.strip(_GAPS).split()
    if not set(found) - set(action.given) and any(word.isdecimal() for word in words):
        return None
    if words:
        found["note"] = " ".join(words)
    return {name: _as_chosen(action, name, value) for name, value in found.items()}


def _as_chosen(action: Action, name: str, value: str) -> str:
    """A share that is no choice of the form says that it is one."""
    choices = {choice.value for item in action.inputs if item.name == name for choice in item.choices}
    return f"{value}%" if name == "prepay_percent" and value not in choices and not value.endswith("%") else value
