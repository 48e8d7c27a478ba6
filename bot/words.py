"""Error codes in words, zh and en: bot/words.toml. A code without words still makes a sentence."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from bot.card import day_words
from core.errors import DomainError
from core.money import Money, format_money

_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
NOT_ALLOWED = "action.not_allowed"
_ROLES = (
    "rep", "finance", "sales_manager", "sales_director", "finance_manager", "finance_director", "risk", "management",
    "admin",
)  # fmt: skip
_ROUTED = ("审批规则指定的人", "those whom the approval rules name")
_DECIDED = ("credit.approve", "credit.approve_with", "credit.reject", "limit.agree", "limit.decline")
_BY_ROUTE = dict.fromkeys(_DECIDED, _ROUTED)
_NOT_THEMSELVES = dict.fromkeys(("hold.lift", "blacklist.end"), ("（设置人本人除外）", " (but for whoever set it)"))
_TYPED = ("value", "text", "usage", "next")  # by somebody, or to be
# Facts that say where, most telling first.
_WHERE = ("where", "file", "variable", "key", "option", "url", "field")


@lru_cache(maxsize=1)
def _catalogue() -> dict[str, list[str]]:
    import tomllib
    from importlib.resources import files

    data = tomllib.loads(files("bot").joinpath("words.toml").read_text(encoding="utf-8"))
    alone = {name: words for name, words in data.items() if isinstance(words, list)}
    families = {name: entries for name, entries in data.items() if isinstance(entries, dict)}
    return alone | {f"{family}.{name}": words for family, entries in families.items() for name, words in entries.items()}


def words_of(code: str) -> list[str] | None:
    """[zh, en, zh hint, en hint]"""
    return _catalogue().get(code)


def known(code: str) -> bool:
    return words_of(code) is not None


def days_in_words(facts: Mapping[str, Any], today: date | None, lang: str) -> dict[str, Any]:
    """Facts for whoever reads them beside a card: days, also those that are kept as ISO text, as cards say them. What
    somebody typed stays as they typed it. Without `today` all stays."""
    return {key: fact if today is None or key in _TYPED else _day(fact, today, lang) for key, fact in facts.items()}


def _day(fact: Any, today: date, lang: str) -> Any:
    if isinstance(fact, str) and _ISO.fullmatch(fact):
        try:
            fact = date.fromisoformat(fact)
        except ValueError:
            return fact
    return day_words(fact, today, lang) if isinstance(fact, date) and not isinstance(fact, datetime) else fact


def sentence(code: str, facts: Mapping[str, Any] | None = None, lang: str = "zh") -> tuple[str, str]:
    """(message, hint) of a code; hint may be empty."""
    en = lang != "zh"
    words = words_of(code)
    shown = {key: _shown(value, lang) for key, value in (facts or {}).items()}
    if f"beyond.{shown.get('needs')}" in _catalogue():
        shown["why"] = beyond(shown, lang)
    if code.startswith("person."):
        shown.setdefault("handle", shown.get("person", shown.get("value", "…")))
    if words is None:
        detail = ", ".join(f"{key}={value}" for key, value in shown.items())
        return (f"Not possible: {code}" if en else f"无法完成：{code}") + (f" ({detail})" if detail else ""), ""
    message = words[en].format_map(_Facts(shown))
    if code == NOT_ALLOWED:
        who = who_may(shown.get("action", ""), lang)
        return message, words[2 + en].format(who=who) if who else ""
    hint = words[2 + en].format_map(_Hints(shown)) if len(words) > 2 else ""
    return message, hint


def together(message: str, hint: str, lang: str) -> str:
    """A message and what to do about it, as two sentences."""
    if not hint:
        return message
    stop, gap = ("。", "") if lang == "zh" else (".", " ")
    return f"{message}{'' if message[-1:] in '。？！；.?!;' else stop}{gap}{hint}"


def beyond(facts: Mapping[str, Any], lang: str) -> str:
    """Which limit somebody's wish is beyond, by `needs` and `n`."""
    shown = {key: _shown(value, lang) for key, value in facts.items()}
    return _catalogue()[f"beyond.{facts['needs']}"][lang != "zh"].format_map(_Facts(shown))


def listed_promises(found: Iterable[Mapping[str, Any]], today: date, lang: str) -> str:
    """Those of an outcome, each with `date` and `amount`."""
    said = [(day_words(each["date"], today, lang), format_money(each["amount"], lang)) for each in found]
    zh = lang == "zh"
    return ("、" if zh else " and ").join(f"{on}{' ' if zh else ', '}{amount}" for on, amount in said)


def of_earlier(facts: Mapping[str, Any], today: date, lang: str) -> dict[str, str]:
    """What an answer about a promise says of the one that stood before; "" where there is none."""
    return {
        name: sentence(f"earlier.{name}", {"promises": listed_promises(found, today, lang)}, lang)[0] if found else ""
        for name in ("replaced", "standing")
        for found in [facts.get(name, ())]
    }


def who_may(action: str, lang: str) -> str:
    """Whose it is to do, by role or as they stand to the customer; "" where that is nobody's in particular."""
    from core.dunning.words import audience
    from core.permissions import RULES, Relation

    en, rule = lang != "zh", RULES.get(action)
    if action in _BY_ROUTE:
        return _BY_ROUTE[action][en]
    if rule is None or (not rule.roles and not rule.relations):
        return ""
    asked = action.startswith("credit.")
    near = {Relation.own: ("申请人", "whoever asked") if asked else ("负责人", "the owner"),
            Relation.above: ("其上级", "their managers")}  # fmt: skip
    said = [words[en] for relation, words in near.items() if relation in rule.relations]
    said += [audience(role, lang) for role in _ROLES if role in rule.roles]
    return (", " if en else "、").join(said) + (_NOT_THEMSELVES.get(action, ("", ""))[en])


def not_saved(lang: str, *, typed: bool) -> str:
    """For whoever did something in vain: a typed line is sent again, everything else is pressed again."""
    return sentence("delivery.line_not_saved" if typed else "delivery.not_saved", {}, lang)[0]


_REACHED = re.compile(r"age (-?\d+) reached ([+-]?\d+)")
_CAUGHT_UP = re.compile(r"caught up: ([+-]?\d+) speaks to (\S+) today")


def reason(stored: str, lang: str = "zh") -> str:
    """Why a firing is what it is (Firing.reason), in words. What has none is shown as it is stored."""
    zh = lang == "zh"
    if reached := _REACHED.fullmatch(stored):
        age, offset = int(reached[1]), int(reached[2])
        step = step_day(offset, zh)
        if age == offset:
            return f"到了{step}" if zh else f"reached: {step}"
        return f"到了{step}（今天{step_day(age, zh)}）" if zh else f"reached: {step} (today: {step_day(age, zh)})"
    if caught := _CAUGHT_UP.fullmatch(stored):
        from core.dunning.words import audience

        step, told = step_day(int(caught[1]), zh), audience(caught[2], lang)
        return f"补做时由{step}的步骤通知{told}" if zh else f"caught up: the step of {step} tells {told}"
    words = words_of(f"reason.{stored}")
    return words[not zh] if words else stored


def step_day(days: int, zh: bool) -> str:
    """A step of a ladder by its day, counted from the due date."""
    if days == 0:
        return "到期当天" if zh else "the due day"
    if days < 0:
        return f"到期前{-days}天" if zh else f"{-days} days before due"
    return f"逾期第{days}天" if zh else f"day {days} overdue"


def explain(error: DomainError, lang: str = "zh") -> dict[str, str]:
    """`{"code", "message", "where", "hint"}` of interface.md."""
    facts = dict(error.facts)
    if error.code == "policy.invalid":
        from core.dunning.words import say

        facts["problem"] = say(str(facts.get("problem", "")), facts.get("details", {}), lang)[0]  # type: ignore[arg-type]
    if error.code == "settings.invalid":
        facts["detail"] = _setting(facts, lang)
    message, hint = sentence(error.code, facts, lang)
    if not known(error.code) and facts.get("message"):  # whoever raised it found the words
        message, hint = str(facts["message"]), str(facts.get("hint", ""))
    if error.code == "settings.unknown_key" and not facts.get("near"):
        hint = ""
    return {"code": error.code, "message": message, "where": _where(facts), "hint": hint}


def _setting(facts: Mapping[str, Any], lang: str) -> str:
    """What is wrong with the value of a setting."""
    zh = lang == "zh"
    if "shortest" in facts:
        return f"至少 {facts['shortest']} 个字符" if zh else f"at least {facts['shortest']} characters"
    if "allowed" not in facts:
        return str(facts.get("detail", ""))
    value, allowed = facts["value"], facts["allowed"]
    if not value:
        return f"可用：{allowed}" if zh else f"use {allowed}"
    return f"没有“{value}”，可用：{allowed}" if zh else f"there is no “{value}”; use {allowed}"


def one_line(error: DomainError, lang: str = "zh") -> str:
    said = explain(error, lang)
    where = f" ({said['where']})" if said["where"] and said["where"] not in said["message"] else ""
    parts = [said["message"] + where, said["hint"]]
    return ("。" if lang == "zh" else ". ").join(part for part in parts if part)


def _where(facts: Mapping[str, Any]) -> str:
    found = next((str(facts[name]) for name in _WHERE if facts.get(name)), "")
    for name in ("line", "row", "column"):
        if facts.get(name):
            found = f"{found}:{facts[name]}" if found else f"{name} {facts[name]}"
    return found


def _shown(value: Any, lang: str) -> str:
    if isinstance(value, Money):
        return format_money(value, lang)
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(_shown(item, lang) for item in value)
    return str(value)


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "…"


class _Hints(dict[str, str]):
    """In a hint, what isn't known is left out."""

    def __missing__(self, key: str) -> str:
        return ""
