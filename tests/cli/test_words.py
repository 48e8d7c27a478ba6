"""Why a firing is what it is, said in words: in `run-once`, `policy try`, the doctor and /trace."""

import re
from pathlib import Path

import pytest

import core
from bot.words import reason, sentence
from core.models import ClaimState, DisputeState, FiringOutcome, PauseState, PromiseState, TaskState

ROOT = Path(core.__file__).parents[1]
_CODE = re.compile(r"[a-z_]+")


def _found(file: str, *patterns: str) -> set[str]:
    text = (ROOT / file).read_text(encoding="utf-8")
    found = {code for pattern in patterns for code in re.findall(pattern, text)}
    assert found, file
    return found


def codes() -> set[str]:
    """Every code that can stand in Firing.reason, read from where they are written."""
    found = _found("core/dunning/letters.py", r'return "(\w+)"', r'IN_REVIEW = "(\w+)"')
    found |= _found("core/dunning/plan.py", r'"deferred", "(\w+)"', r'else "(\w+_first)"')
    found |= _found("core/dunning/facts.py", r'return "(\w+)"', r'"(\w+)": r\.', r'why_not = "(\w+)"')
    found |= _found("core/dunning/facts.py", r'OFF_LIMITS = \("(\w+)"', r'OFF_LIMITS = .*, "(\w+)"\)')
    found |= _found("core/dunning/decide.py", r'why_not\[r\.id\] = "(\w+)"')
    found |= _found("core/dunning/states.py", r'RELEASED = "(\w+)"')
    found |= _found("core/cases.py", r"_SETTLED, \"(\w+)\"", r"else_=\"(\w+)\"")
    for path in (ROOT / "bot/notifications/load").glob("*.py"):
        found |= set(re.findall(r'Cancel\("(\w+)"', path.read_text(encoding="utf-8")))
    for states in (ClaimState, DisputeState, PauseState, PromiseState, TaskState):
        found |= {str(state) for state in states}
    return found


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_reason_has_words(lang: str) -> None:
    assert {"in_review", "gap", "window", "settled", "nobody_to_tell", "earlier_stage_first", "below_min"} <= codes()
    for code in sorted(codes()):
        said = reason(code, lang)
        assert said and ("_" not in said) and (lang == "en" or not _CODE.fullmatch(said)), code
    for outcome in FiringOutcome:
        assert sentence(f"fired.{outcome}", lang=lang)[0], outcome


def test_days_are_said() -> None:
    assert reason("age 7 reached +7") == "到了逾期第7天"
    assert reason("age 9 reached +7") == "到了逾期第7天（今天逾期第9天）"
    assert reason("age -7 reached -7", "en") == "reached: 7 days before due"
    assert reason("age 0 reached +0") == "到了到期当天"
    assert reason("caught up: +31 speaks to role:finance_director today") == "补做时由逾期第31天的步骤通知财务总监"
    assert "the finance" not in reason("caught up: +31 speaks to role:finance_director today", "en")
    assert reason("as somebody wrote it") == "as somebody wrote it"
