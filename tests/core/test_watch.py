"""A policy's `[[watch]]`: what is read from it, what is wrong with it and where, and what it says in plain words."""

import re

import pytest

from core.dunning.ladder import Watch
from core.dunning.policy import check, describe, parse

SMALL = """name = "small"
[[ladder]]
name = "all"
[[ladder.step]]
id = "l1"
at = 1
audience = ["role:finance"]
action = "alert"
"""
FIRST = SMALL.count("\n") + 1
KEY = '[[watch]]\nname = "key"\nof = "receivable"\nover = { CNY = "500000", USD = 70000 }\ntag = "重点监控"\n'
REPORT = '[[watch]]\nname = "report"\nof = "overdue"\nover = "1000000"\naudience = ["role:management", "owner.director"]\n'


def test_both_kinds_are_read() -> None:
    assert parse(SMALL).watches == ()
    assert parse(SMALL + KEY + REPORT).watches == (
        Watch("key", "receivable", {"CNY": 500_000_00, "USD": 70_000_00}, tag="重点监控"),
        Watch("report", "overdue", {"CNY": 1_000_000_00}, audience=("role:management", "owner.director")),
    )
    assert parse(SMALL + REPORT, currency="JPY").watches[0].over == {"JPY": 1_000_000}


def test_a_receivable_is_tagged_from_more_than_the_amount_on_in_a_currency_that_is_named() -> None:
    policy = parse(SMALL + KEY + REPORT + KEY.replace('"key"', '"huge"').replace("500000", "900000").replace("重点", "特级"))
    assert policy.tags_of(500_000_00, "CNY") == ()
    assert policy.tags_of(500_000_01, "CNY") == ("重点监控",)
    assert policy.tags_of(900_000_01, "CNY") == ("重点监控", "特级监控")
    assert policy.tags_of(70_000_01, "USD") == ("重点监控", "特级监控") and policy.tags_of(10**12, "EUR") == ()


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "key", "code"),
    [
        (KEY, 'of = "receivable"', "", 1, "of", "no_watched"),
        (KEY, '"receivable"', '"customer"', 3, "of", "unknown_word"),
        (KEY, 'name = "key"', "", 1, "name", "no_watch_name"),
        (KEY, 'over = { CNY = "500000", USD = 70000 }', "", 1, "over", "no_watch_amount"),
        (KEY, 'over = { CNY = "500000", USD = 70000 }', "over = -1", 4, "over", "not_an_amount"),
        (KEY, "USD", "XXY", 4, "over.XXY", "unknown_currency"),
        (KEY, 'tag = "重点监控"', "", 1, "tag", "no_watch_tag"),
        (KEY, 'tag = "重点监控"', 'tag = ""', 5, "tag", "no_watch_tag"),
        (KEY, "tag", "tags", 5, "tags", "unknown_key"),
        (KEY, 'tag = "重点监控"', 'tag = "x"\naudience = ["owner"]', 6, "audience", "unknown_key"),
        (REPORT, 'audience = ["role:management", "owner.director"]', "", 1, "audience", "no_audience"),
        (REPORT, "role:management", "role:boss", 5, "audience", "unknown_role"),
        (REPORT, "role:management", "customer.finance", 5, "audience", "unknown_word"),
        (REPORT, 'audience = ["role', 'tag = "x"\naudience = ["role', 5, "tag", "unknown_key"),
    ],
)
def test_a_mistake_is_found_on_its_line(text: str, old: str, new: str, line: int, key: str, code: str) -> None:
    policy, problems = check(SMALL + text.replace(old, new, 1))
    found = [(p.line - FIRST + 1, p.key.removeprefix("watch[0]."), p.code.removeprefix("policy.")) for p in problems]
    assert policy is None and (line, key, code) in found
    assert all(problem.say(lang)[0] != problem.code for problem in problems for lang in ("zh", "en"))


def test_two_of_one_name_are_refused() -> None:
    policy, problems = check(SMALL + KEY + KEY)
    assert policy is None and [p.code for p in problems] == ["policy.same_watch"]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_is_said_in_plain_words(lang: str) -> None:
    lines = [line for line in describe(parse(SMALL + KEY + REPORT), lang) if "key" in line or "report" in line]
    said = "\n".join(lines)
    assert len(lines) == 2 and "500,000" in said and "1,000,000" in said and not re.search(r"role:|owner\.", said)
    assert ("管理层" if lang == "zh" else "management") in said
