"""A policy file: what is read from it, what is wrong with it and where, and what it says in plain words."""

import re
from dataclasses import dataclass
from datetime import time
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.dunning.policy import (
    PolicyError,
    Step,
    check,
    default_policy,
    describe,
    next_offset,
    occurrences,
    parse,
    second_positive_offset,
)
from core.dunning.words import _PROBLEMS
from core.time import Window

ROOT = Path(__file__).parents[2]

SMALL = """name = "small"
[[ladder]]
name = "all"
[[ladder.step]]
id = "l1"
at = 1
audience = ["role:finance"]
action = "alert"
"""


def problems(text: str) -> list[tuple[int, str]]:
    return [(problem.line, problem.code.removeprefix("policy.")) for problem in check(text)[1]]


def test_the_shipped_policy_is_the_table_of_the_specification() -> None:
    policy = default_policy()
    table = [
        (s.id, s.at, s.audience, s.cc, s.actions, s.stage, s.severity, s.message, s.answer_by)
        for s in policy.ladders[0].steps
    ]
    finance, sales = "role:finance_director", "role:sales_director"
    assert table == [
        ("pre7", -7, ("owner",), (), ("task",), None, "due_soon", "task.due_soon", None),
        ("letter1", 1, ("customer.finance",), (), ("letter",), 1, None, "letter.friendly", None),
        ("over1", 1, ("owner",), (), ("task",), None, "overdue", "task.overdue", 2),
        ("letter2", 7, ("customer.finance",), ("customer.business",), ("letter",), 2, None, "letter.notice", None),
        ("over7", 7, ("owner",), (), ("task",), None, "overdue", "task.overdue", 2),
        ("severe16", 16, ("owner.manager", finance), (), ("alert",), None, "severe", "alert.severe", None),
        ("final30", 30, ("owner",), (), ("letter",), 3, None, "letter.final", None),
        ("director30", 30, ("owner.director",), (), ("task", "hold"), None, "critical", "task.critical", 2),
        ("risk31", 31, (finance, sales), (), ("alert", "flag"), None, None, "alert.high_risk", None),
    ]
    assert policy.windows.work == Window(time(9), time(18))
    assert policy.windows.letters == Window(time(9), time(17))
    assert policy.windows.quiet == Window(time(20), time(8))
    assert policy.limits.min_chase == {"CNY": 100} and policy.limits.promise_min_share == Decimal("0.5")
    assert policy.letters == "review", "a new database starts with letters in review"
    assert policy.dispute_owners["price"] == "finance_manager"
    assert len(policy.fingerprint) == 64


def test_every_example_is_fit_for_use() -> None:
    policies = [path for path in (ROOT / "examples").glob("*.toml") if "[[ladder]]" in path.read_text(encoding="utf-8")]
    assert policies
    for path in policies:
        policy, found = check(path.read_text(encoding="utf-8"))
        assert policy is not None and not found, path.name
    ladder = parse((ROOT / "examples/ladder-1-5-20-40.toml").read_text(encoding="utf-8")).ladders[0]
    assert [(s.id, s.at, s.severity) for s in ladder.steps] == [
        ("l1", 1, "overdue"), ("l5", 5, "overdue"), ("l20", 20, "severe"), ("l40", 40, "critical"),
    ]  # fmt: skip


def test_a_handful_of_lines_is_a_policy() -> None:
    policy = parse(SMALL)
    assert policy.letters == "review" and policy.ladders[0].steps[0].message == "alert.severe"
    assert policy.limits.chase_from("CNY") == 100 and policy.limits.chase_from("JPY") == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "x\n', "引号没有在同一行内结束"), ("name\n", "键后面缺少等号"),
        ("name = x\n", "值的写法不对，文字要带引号"), ('name = "a"\nname = "b"\n', "同一个键写了两次"),
        ("[a\n", "缺少 ]"), ("a = [1\n", "方括号没有结束"),
    ],
)  # fmt: skip
def test_what_is_no_toml_is_said_in_chinese(text: str, said: str) -> None:
    [problem] = check(text)[1]
    assert problem.say("zh")[0] == f"不是有效的 TOML：{said}"


@pytest.mark.parametrize(
    ("old", "new", "line", "code"),
    [
        ('name = "small"', 'nam = "small"', 1, "unknown_key"),
        ('action = "alert"', 'action = "shout"', 8, "unknown_word"),
        ('action = "alert"', 'action = "letter"', 4, "no_stage"),
        ('action = "alert"', 'action = "letter"\nstage = 1', 7, "letter_to_staff"),
        ('action = "alert"', 'actions = ["letter", "task"]\nstage = 3', 8, "letter_alone"),
        ('action = "alert"', 'action = "alert"\nevery = 7', 9, "every_without_until"),
        ('action = "alert"', 'action = "alert"\nuntil = 7', 9, "until_without_every"),
        ('action = "alert"', 'action = "alert"\nevery = 7\nuntil = 0', 10, "until_before"),
        ('action = "alert"', 'action = "task"\nanswer_by = 0', 9, "too_small"),
        ('action = "alert"', 'action = "alert"\nseverity = "awful"', 9, "unknown_word"),
        ('action = "alert"', 'action = "alert"\nmessage = "alert.loud"', 9, "unknown_word"),
        ('action = "alert"', "", 4, "no_action"),
        ('["role:finance"]', '["role:boss"]', 7, "unknown_role"),
        ('["role:finance"]', '["everybody"]', 7, "unknown_word"),
        ('["role:finance"]', '["customer.finance"]', 7, "customer_gets_letters_only"),
        ('["role:finance"]', "[]", 7, "no_audience"),
        ("at = 1", "at = 1.5", 6, "not_whole"),
        ("at = 1", "at = true", 6, "not_whole"),
        ("at = 1", "", 4, "no_offset"),
        ('id = "l1"', 'id = "l 1"', 5, "bad_id"),
        ("[[ladder.step]]", "[[ladder.stepp]]", 4, "unknown_key"),
        ('name = "small"', 'name = "small"\nletters = "maybe"', 2, "unknown_word"),
        ('name = "small"', 'name = "small"\n[windows]\nwork = "9 to 5"', 3, "bad_window"),
        ('name = "small"', 'name = "small"\n[windows]\nwork = "18:00-09:00"', 3, "empty_window"),
        ('name = "small"', 'name = "small"\n[limits]\npromise_max_day = 3', 3, "unknown_key"),
        ('name = "small"', 'name = "small"\n[limits]\nclaim_days = -1', 3, "too_small"),
        ('name = "small"', 'name = "small"\n[limits]\nmin_chase = "1.005"', 3, "not_an_amount"),
        ('name = "small"', 'name = "small"\n[limits]\nmin_chase = { XXY = 1 }', 3, "unknown_currency"),
        ('name = "small"', 'name = "small"\n[limits]\npromise_min_share = 50', 3, "not_a_share"),
        ('name = "small"', 'name = "small"\n[dispute_owners]\nprice = "boss"', 3, "unknown_role"),
        ('name = "all"', 'name = "all"\n[ladder.when]', 4, "empty_when"),
        ('name = "all"', 'name = "all"\n[ladder.when]\nrating = []', 5, "empty_list"),
        ('name = "all"', 'name = "all"\n[ladder.when]\nabove_average = 0.5', 5, "too_small"),
        ('name = "all"', 'name = "all"\n[ladder.when]\nabove_average = 5000', 5, "too_big"),
        ('name = "all"', 'name = "all"\n[ladder.when]\nabove_average = "much"', 5, "not_a_figure"),
        ('name = "small"', 'name = "small', 1, "not_toml"),
    ],
)
def test_a_mistake_is_found_on_its_line(old: str, new: str, line: int, code: str) -> None:
    assert (line, code) in problems(SMALL.replace(old, new, 1))
    with pytest.raises(PolicyError) as error:
        parse(SMALL.replace(old, new, 1), "mine.toml")
    assert error.value.code == "policy.invalid" and error.value.facts["file"] == "mine.toml"


def test_all_mistakes_are_found_at_once_in_the_order_of_the_file() -> None:
    text = SMALL.replace("at = 1", "at = 'x'").replace("role:finance", "role:boss") + 'cc = ["owner"]\nhm = 1\n'
    found = problems(text)
    assert found == sorted(found, key=lambda one: one[0])
    assert [code for _, code in found] == ["not_whole", "unknown_role", "cc_without_letter", "unknown_key"]


WRONG = [
    "1", "-1", "1.5", "true", '""', '"x"', "[]", "[1]", "{a=1}", '{CNY="1"}', "{CNY={}}", "nan", "inf", "1e400", '"nan"',
    "2026-01-01", "09:00:00", "9999999999999999999", '"²"', '"25:00-26:00"', '"sNaN"', '["owner"]', "[[]]",
]  # fmt: skip


@given(st.randoms(use_true_random=False))
def test_nothing_that_is_written_breaks_the_reader(random: Random) -> None:
    """Values of every type in every place: problems with words, or a policy that can be told; never an exception."""
    lines = default_policy().text.splitlines()
    keys = ["every", "until", "cc", "when", "ladder", "limits", "windows", "dispute_owners", "promise_min_share", "nonsense"]
    keys += ["credit", "route", "rungs", "rates", "cuts_days", "rating", "reasons", "over_from", "over_share_from"]
    for _ in range(3):
        at = random.randrange(len(lines))
        key, equals, _ = lines[at].partition("=")
        key = key if equals and random.random() < 0.7 else random.choice(keys)
        lines[at] = f"{key} = {random.choice(WRONG)}"
    policy, found = check("\n".join(lines))
    assert policy is not None or found
    for problem in found:
        assert all(problem.say(lang)[0] for lang in ("zh", "en"))
    if policy is not None:
        assert describe(policy, "zh") and describe(policy, "en")


def test_two_steps_with_one_id_are_refused_and_out_of_order_is_fine() -> None:
    second = '[[ladder.step]]\nid = "{}"\nat = -3\naudience = ["owner"]\naction = "task"\nseverity = "due_soon"\n'
    assert (10, "same_step") in problems(SMALL + second.format("l1"))
    assert [step.at for step in parse(SMALL + second.format("l0")).ladders[0].steps] == [-3, 1]


def test_the_last_ladder_is_for_everybody() -> None:
    step = '[[ladder.step]]\nid = "x1"\nat = 1\naudience = ["owner"]\naction = "task"\n'
    later = SMALL + '[[ladder]]\nname = "vip"\n[ladder.when]\nrating = ["A"]\n' + step
    assert (9, "unreachable") in problems(later)

    only = SMALL.replace('name = "all"', 'name = "all"\n[ladder.when]\nrating = "A"', 1)
    policy, found = check(only)
    assert policy is not None, "a warning does not keep a policy from being used"
    assert [problem.code for problem in found] == ["policy.no_catch_all"] and found[0].warning


@dataclass
class Fact:
    rating: str = ""
    type: str = ""
    tags: tuple[str, ...] = ()
    region: str = ""
    open_minor: int = 0
    amount_minor: int = 0
    average_minor: Decimal | None = None
    currency: str = "CNY"


def test_the_first_ladder_that_fits_is_chosen() -> None:
    step = '[[ladder.step]]\nid = "x1"\nat = 1\naudience = ["owner"]\naction = "task"\n'
    ladders = [
        ("risky", 'rating = ["C", "D"]\ntag = ["重点监控"]'),
        ("big", 'min_amount = { CNY = "500000", USD = "70000.00" }'),
        ("south", 'region = ["华南"]'),
        ("rest", ""),
    ]
    text = 'name = "p"\n' + "".join(
        f'[[ladder]]\nname = "{name}"\n' + (f"[ladder.when]\n{when}\n" if when else "") + step for name, when in ladders
    )
    policy = parse(text)

    def chosen(customer: Fact, receivable: Fact) -> str:
        ladder = policy.choose(customer, receivable)
        assert ladder is not None
        return ladder.name

    assert chosen(Fact(rating="C"), Fact(tags=("重点监控",))) == "risky"
    assert chosen(Fact(rating="C"), Fact()) == "rest", "rating and tag must both fit"
    assert chosen(Fact(), Fact(open_minor=500_000_00)) == "big"
    assert chosen(Fact(), Fact(open_minor=499_999_99)) == "rest"
    assert chosen(Fact(), Fact(open_minor=70_000_00, currency="USD")) == "big"
    assert chosen(Fact(), Fact(open_minor=10**12, currency="EUR")) == "rest", "no threshold for this currency"
    assert chosen(Fact(region="华南"), Fact()) == "south"
    assert chosen(Fact(region="华南"), Fact(region="华北")) == "rest", "the receivable's own region wins"


@pytest.mark.parametrize(
    ("average", "amount", "fits"),
    [(None, 10**9, False), ("100", 299, False), ("100", 300, True), ("99.6", 298, False), ("99.6", 299, True)],
)
def test_a_ladder_for_what_is_far_above_the_customers_average(average: str | None, amount: int, fits: bool) -> None:
    text = SMALL.replace('name = "all"', 'name = "large"\n[ladder.when]\nabove_average = 3') + "\n" + SMALL.split("\n", 1)[1]
    policy = parse(text.replace('"l1"', '"l2"', 1))
    customer = Fact(average_minor=None if average is None else Decimal(average))
    ladder = policy.choose(customer, Fact(amount_minor=amount, open_minor=1))
    assert policy.asks_averages and not parse(SMALL).asks_averages
    assert ladder is not None and ladder.name == ("large" if fits else "all")
    assert "3 倍" in "".join(describe(policy)) and "3 times" in "".join(describe(policy, "en"))


def test_a_threshold_without_a_currency_means_the_companys() -> None:
    text = SMALL.replace('name = "small"', 'name = "small"\n[limits]\nmin_chase = 5.5')
    limits = parse(text, currency="USD").limits
    assert limits.chase_from("USD") == 550 and limits.chase_from("CNY") == 100


def test_repeats_are_occurrences_of_one_step() -> None:
    step = Step("w", 7, ("owner",), ("task",), "task.overdue", every=7, until=30)
    assert occurrences(step, 6) == []
    assert occurrences(step, 7) == [(1, 7)]
    assert occurrences(step, 22) == [(1, 7), (2, 14), (3, 21)]
    assert occurrences(step, 999) == [(1, 7), (2, 14), (3, 21), (4, 28)]
    assert occurrences(Step("o", 7, ("owner",), ("task",), "task.overdue"), 999) == [(1, 7)]


def test_the_days_of_a_ladder() -> None:
    ladder = default_policy().ladders[0]
    assert ladder.offsets == (-7, 1, 7, 16, 30, 31)
    assert second_positive_offset(ladder) == 7
    assert (next_offset(ladder, -30), next_offset(ladder, 1), next_offset(ladder, 31)) == (-7, 7, None)
    assert second_positive_offset(parse(SMALL).ladders[0]) is None


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_policy_in_plain_words_names_every_step(lang: str) -> None:
    lines = "\n".join(describe(default_policy(), lang))
    for step in default_policy().ladders[0].steps:
        assert step.id in lines
    assert not re.search(r"role:|owner\.|customer\.|due_soon|None|\{", lines), "a code instead of words"
    if lang == "en":
        assert not re.search(r"[\u4e00-\u9fff]", lines)


def test_every_problem_has_words_in_both_languages() -> None:
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "core/dunning").glob("policy*.py")))
    used = {code for code in re.findall(r'"(?:policy\.)?([a-z_]+)"', source) if code in _PROBLEMS}
    noted = set(re.findall(r'(?:self|read)\.note\([^"]*?(?:\([^()]*\)|\w+), "([a-z_]+)"', source))
    assert noted <= set(_PROBLEMS) and used == set(_PROBLEMS)
    for zh, en in _PROBLEMS.values():
        assert zh.count("|") == en.count("|")
        assert set(re.findall(r"\{(\w+)\}", zh)) == set(re.findall(r"\{(\w+)\}", en))
