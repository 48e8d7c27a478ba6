"""A policy's `[credit]`: what is read from it, what is wrong with it and where, and what it says in plain words."""

import re
from dataclasses import fields
from decimal import Decimal
from pathlib import Path

import pytest

from core.credit.rules import REASONS, SCALES, CreditRules, Grade, ProposalRules, RatingRules, Route, Rung, Scale
from core.dunning.ladder import ROLES, Watch
from core.dunning.policy import check, default_policy, describe, parse
from core.dunning.words import say
from core.permissions import may

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
FIRST = SMALL.count("\n") + 1  # the line on which `credit` starts below
REST = """
[[credit.route]]
name = "rest"
rungs = [{ audience = ["role:finance_director"] }]
"""


def read(credit: str, currency: str = "CNY") -> CreditRules:
    return parse(SMALL + credit, currency=currency).credit


def found(credit: str, currency: str = "CNY") -> list[tuple[int, str, str]]:
    """(line within `credit` from 1, key, code) of every problem."""
    return [
        (problem.line - FIRST + 1, problem.key, problem.code.removeprefix("policy."))
        for problem in check(SMALL + credit, currency)[1]
    ]


# --- what is read ---


@pytest.mark.parametrize("credit", ["", "[credit]\n", "[credit]\nrates = {}\n[credit.rating]\n"])
def test_a_policy_that_says_nothing_has_the_defaults(credit: str) -> None:
    assert read(credit) == CreditRules()


@pytest.mark.parametrize("currency", ["CNY", "USD", "JPY"])
def test_the_shipped_policy_spells_out_the_defaults(currency: str) -> None:
    policy = default_policy(currency)
    assert policy.credit == CreditRules()
    written = policy.text.split("[credit]")[1].split("[[ladder]]")[0]
    optional = {"rating", "routes", "grades", "proposals"}
    names = [field.name for field in (*fields(CreditRules), *fields(RatingRules)) if field.name not in optional]
    assert [name for name in names if not re.search(rf"^{name} = ", written, re.MULTILINE)] == []


EVERYTHING = """
[credit]
parts = ["this", "open"]
part_limits = { orders = 200000, overdue = "499.50", shipments = 0 }
net_unapplied = false
prepaid = "trust"
insured = "extra"
ask_within = "role:sales_manager"
freeze_days_over = 0
hold_on_overdue = false
cash_only = ["new", "C"]
terms_days = 60
discount = 0.1
below_cost = "hold"
expires_hours = 8
remind_hours = 2
escalate_at = 3
approval_good_days = 14
check_related = "role:risk"
unsigned_days = 0
uninvoiced_days = 20
rates = { USD = "7.10", JPY = 0.048 }

[credit.rating]
window_months = 6
min_paid = 1
cuts_days = { A = 0, B = 30, C = 90 }
broken_promises_d = 3
overdue_days_d = 60
lift_after_on_time = 5

[[credit.route]]
name = "large"
over_from = { CNY = "500000", USD = 70000 }
over_share_from = "1.5"
overdue_from = { CNY = "100000" }
overdue_days_from = 0
rating = ["D", "C"]
reasons = "over_limit"
rungs = [
  { audience = ["owner.manager", "role:sales_director"], need = "all" },
  { audience = "person:zhou" },
]
"""


def test_every_key_is_read() -> None:
    rules = read(EVERYTHING + REST)
    assert rules == CreditRules(
        parts=("open", "this"), part_limits={"overdue": 499_50, "orders": 200_000_00, "shipments": 0},
        net_unapplied=False, prepaid="trust", insured="extra", ask_within="sales_manager", freeze_days_over=0,
        hold_on_overdue=False, cash_only=("C", "new"), terms_days=60, discount=Decimal("0.1"), below_cost="hold",
        expires_hours=8, remind_hours=2, escalate_at=3, approval_good_days=14, unsigned_days=0, uninvoiced_days=20,
        check_related="risk", rates={"USD": Decimal("7.10"), "JPY": Decimal("0.048")},
        rating=RatingRules(
            window_months=6, min_paid=1, cuts_days={"A": 0, "B": 30, "C": 90}, broken_promises_d=3, overdue_days_d=60,
            lift_after_on_time=5,
        ),
        routes=(
            Route(
                "large", (Rung(("owner.manager", "role:sales_director"), "all"), Rung(("person:zhou",))),
                over_from={"CNY": 500_000_00, "USD": 70_000_00}, over_share_from=Decimal("1.5"),
                overdue_from={"CNY": 100_000_00}, overdue_days_from=0, rating=("C", "D"), reasons=("over_limit",),
            ),
            Route("rest", (Rung(("role:finance_director",)),)),
        ),
    )  # fmt: skip


def test_nobody_is_rated_to_cash_only_when_the_list_is_empty() -> None:
    assert read("[credit]\ncash_only = []\n").cash_only == ()


def test_cuts_that_are_not_given_stay() -> None:
    assert read("[credit.rating]\ncuts_days = { A = 5 }\n").rating.cuts_days == {"A": 5, "B": 15, "C": 30}


def test_an_amount_without_a_currency_is_in_the_companys() -> None:
    route = '[[credit.route]]\nname = "large"\nover_from = "5000"\nrungs = [{ audience = ["owner.manager"] }]\n'
    assert read(route + REST, "JPY").routes[0].over_from == {"JPY": 5000}


# --- what is wrong, each on its line ---


@pytest.mark.parametrize(
    ("written", "key", "code"),
    [
        ('part = ["open"]', "part", "unknown_key"),
        ('parts = ["open", "deliveries"]', "parts", "unknown_word"),
        ("parts = []", "parts", "no_part"),
        ("parts = 1", "parts", "not_texts"),
        ('net_unapplied = "yes"', "net_unapplied", "not_a_flag"),
        ("hold_on_overdue = 1", "hold_on_overdue", "not_a_flag"),
        ('prepaid = "maybe"', "prepaid", "unknown_word"), ('insured = "maybe"', "insured", "unknown_word"),
        ('ask_within = "boss"', "ask_within", "unknown_role"),
        ('ask_within = "owner.manager"', "ask_within", "unknown_role"),
        ('ask_within = "rep"', "ask_within", "never_decides"),
        ('ask_within = "role:rep"', "ask_within", "never_decides"),
        ("ask_within = 1", "ask_within", "not_text"), ('check_related = "boss"', "check_related", "unknown_role"),
        ('check_related = "rep"', "check_related", "never_checks"),
        ("freeze_days_over = -1", "freeze_days_over", "too_small"),
        ("freeze_days_over = 3651", "freeze_days_over", "too_big"),
        ("escalate_at = -1", "escalate_at", "too_small"),
        ('freeze_days_over = "30"', "freeze_days_over", "not_whole"),
        ('cash_only = ["E"]', "cash_only", "unknown_word"),
        ("terms_days = 1.5", "terms_days", "not_whole"),
        ("terms_days = -1", "terms_days", "too_small"),
        *((f"discount = {value}", "discount", "not_a_share") for value in ("5", '"5%"', "true", "nan")),
        ('below_cost = "allow"', "below_cost", "unknown_word"),
        ("expires_hours = 0", "expires_hours", "too_small"),
        ("expires_hours = 2001", "expires_hours", "too_big"),
        ("remind_hours = 0", "remind_hours", "too_small"),
        ("unsigned_days = -1", "unsigned_days", "too_small"),
        ("approval_good_days = 0", "approval_good_days", "too_small"),
        ("approval_good_days = 3651", "approval_good_days", "too_big"),
        ('approval_good_days = "30"', "approval_good_days", "not_whole"),
        ("rates = 7", "rates", "not_a_table"),
        ('rates = { USD = "0" }', "rates.USD", "not_a_rate"),
        ('rates = { USD = "-7.1" }', "rates.USD", "not_a_rate"),
        ("rates = { USD = 1e400 }", "rates.USD", "not_a_rate"),
        ("rates = { USD = inf }", "rates.USD", "not_a_rate"),
        ("rates = { USD = true }", "rates.USD", "not_a_rate"),
        ('rates = { USD = ["7"] }', "rates.USD", "not_a_rate"),
        ('rates = { CNY = "1" }', "rates.CNY", "own_rate"),
        ('rates = { XXY = "1" }', "rates.XXY", "unknown_currency"),
        ("rating = 1", "rating", "not_a_table"),
        ("route = 1", "route", "not_tables"),
        ("route = []", "route", "no_route_for_rest"),
    ],
)
def test_a_mistake_in_credit_is_found(written: str, key: str, code: str) -> None:
    assert found(f"[credit]\n\n{written}\n") == [(3, f"credit.{key}", code)]


GRANTED = """
[credit.rating]
method = "score"
weights = { avg_late_days = 60, volume = 40, usage = 0 }
points = { volume = { best = "5000000" } }
score_cuts = { A = 90 }
[credit.new]
limit = "100000.00"
terms_days = 30
[credit.grade.A]
terms_days = 60
limit = { CNY = 1000000, USD = "140000" }
[credit.proposals]
raise = "0.2"
shrink = { D = "0.1" }
audience = ["role:risk", "person:zhou"]
model_months = { A = 4 }
"""


def test_the_score_what_ratings_are_worth_and_proposals_are_read() -> None:
    rules = read(GRANTED)
    assert rules.rating == RatingRules(
        method="score", weights={"avg_late_days": 60, "volume": 40}, score_cuts={"A": 90, "B": 60, "C": 40},
        points={"volume": Scale(Decimal(5_000_000), Decimal(0))},
    )  # fmt: skip
    assert rules.grades == {
        "A": Grade({"CNY": 1_000_000_00, "USD": 140_000_00}, 60), "new": Grade({"CNY": 100_000_00}, 30),
    }  # fmt: skip
    assert (rules.terms_of("A"), rules.terms_of("new"), rules.terms_of(""), rules.terms_of("B")) == (60, 30, 30, 30)
    assert rules.proposals == ProposalRules(
        raise_by=Decimal("0.2"), shrink={"D": Decimal("0.1")}, audience=("role:risk", "person:zhou"), model_months={"A": 4}
    )
    assert read("[credit]\n").proposals is None and read("[credit.proposals]\n").proposals == ProposalRules()


@pytest.mark.parametrize(
    ("table", "written", "key", "code"),
    [
        ("new", 'limit = "1.005"', "new.limit", "not_an_amount"),
        ("new", "limit = -1", "new.limit", "not_an_amount"),
        ("new", "terms_days = -1", "new.terms_days", "too_small"),
        ("new", 'terms = "net30"', "new.terms", "unknown_key"),
        ("grade.A", "limit = { XXY = 1 }", "grade.A.limit.XXY", "unknown_currency"),
        ("grade", "E = { limit = 1 }", "grade.E", "unknown_key"),
        ("proposals", "rise = 1", "proposals.rise", "unknown_key"),
        ("proposals", 'raise = "15%"', "proposals.raise", "not_a_share"),
        ("proposals", "months = 0", "proposals.months", "too_small"),
        ("proposals", 'shrink = { A = "0.5" }', "proposals.shrink.A", "unknown_key"),
        ("proposals", "shrink = { D = 2 }", "proposals.shrink.D", "not_a_share"),
        ("proposals", "audience = []", "proposals.audience", "no_approver"),
        ("proposals", 'audience = ["role:boss"]', "proposals.audience", "unknown_role"),
        ("proposals", 'audience = ["owner", "role:risk"]', "proposals.audience", "never_decides"),
        ("proposals", "days = 0", "proposals.days", "too_small"),
        ("proposals", "model_months = { A = 1.5 }", "proposals.model_months.A", "not_whole"),
        ("proposals", "deviation = 5", "proposals.deviation", "not_a_share"),
    ],
)
def test_a_mistake_in_what_ratings_are_worth_is_found(table: str, written: str, key: str, code: str) -> None:
    assert found(f"[credit.{table}]\n\n{written}\n") == [(3, f"credit.{key}", code)]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_ratings_are_worth_is_told_in_plain_words(lang: str) -> None:
    lines = "\n".join(describe(parse(SMALL + GRANTED), lang))
    assert all(said in lines for said in ("100,000", "140,000", "20%", "60%", "10%")), lines
    assert not re.search(r"role:|person:|None|\{|avg_late|grade", lines)
    if lang == "en":
        assert not re.search(r"[\u4e00-\u9fff]", lines)


RUNGS = 'rungs = [{ audience = ["role:finance_director"] }]'


@pytest.mark.parametrize(
    ("name", "condition", "rungs", "line", "key", "code"),
    [
        ("", "rating = 'D'", RUNGS, 2, "name", "no_route_name"),
        ("r", "when = 1", RUNGS, 3, "when", "unknown_key"),
        ("r", "rating = ['E']", RUNGS, 3, "rating", "unknown_word"),
        ("r", "rating = []", RUNGS, 3, "rating", "empty_condition"),
        ("r", "reasons = ['weather']", RUNGS, 3, "reasons", "unknown_word"),
        ("r", "reasons = ['blacklist']", RUNGS, 3, "reasons", "unknown_word"),
        ("r", "reasons = []", RUNGS, 3, "reasons", "empty_condition"),
        ("r", "over_from = '1.005'", RUNGS, 3, "over_from", "not_an_amount"),
        ("r", "over_from = { XXY = 1 }", RUNGS, 3, "over_from.XXY", "unknown_currency"),
        ("r", "over_from = {}", RUNGS, 3, "over_from", "empty_condition"),
        ("r", "over_share_from = -0.1", RUNGS, 3, "over_share_from", "not_a_share_over"),
        ("r", "over_share_from = 20", RUNGS, 3, "over_share_from", "not_a_share_over"),
        ("r", "over_share_from = '20%'", RUNGS, 3, "over_share_from", "not_a_share_over"),
        ("r", "overdue_from = -5", RUNGS, 3, "overdue_from", "not_an_amount"),
        ("r", "overdue_from = { CNY = '1', XXY = 1 }", RUNGS, 3, "overdue_from.XXY", "unknown_currency"),
        ("r", "overdue_from = {}", RUNGS, 3, "overdue_from", "empty_condition"),
        ("r", "overdue_days_from = -1", RUNGS, 3, "overdue_days_from", "too_small"),
        ("r", "rating = 'D'", "", 1, "rungs", "no_rung"),
        ("r", "rating = 'D'", "rungs = []", 4, "rungs", "no_rung"),
        ("r", "rating = 'D'", "rungs = ['owner.manager']", 4, "rungs", "not_tables"),
        ("r", "rating = 'D'", "rungs = [{ need = 'any' }]", 4, "rungs[0].audience", "no_approver"),
        ("r", "rating = 'D'", "rungs = [{ audience = [] }]", 4, "rungs[0].audience", "no_approver"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'role:boss' }]", 4, "rungs[0].audience", "unknown_role"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'role:' }]", 4, "rungs[0].audience", "unknown_role"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'role:rep' }]", 4, "rungs[0].audience", "never_decides"),
        ("r", "rating = 'D'", "rungs = [{ audience = ['role:risk', 'role:rep'] }]", 4, "rungs[0].audience", "never_decides"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'owner' }]", 4, "rungs[0].audience", "never_decides"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'boss' }]", 4, "rungs[0].audience", "unknown_word"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'customer.finance' }]", 4, "rungs[0].audience", "unknown_word"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'person:' }]", 4, "rungs[0].audience", "unknown_word"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'owner.manager', need = 'two' }]", 4, "rungs[0].need", "unknown_word"),
        ("r", "rating = 'D'", "rungs = [{ audience = 'owner.manager', who = 1 }]", 4, "rungs[0].who", "unknown_key"),
    ],
)
def test_a_mistake_in_a_route_is_found(name: str, condition: str, rungs: str, line: int, key: str, code: str) -> None:
    route = f'[[credit.route]]\nname = "{name}"\n{condition}\n{rungs}'
    assert found(route + REST) == [(line, f"credit.route[0].{key}", code)]


@pytest.mark.parametrize("role", ROLES)
def test_a_rung_may_name_exactly_the_roles_that_may_approve(role: str) -> None:
    route = f'[[credit.route]]\nname = "r"\nrating = "D"\nrungs = [{{ audience = ["role:{role}"] }}]'
    assert (found(route + REST) == []) == may("credit.approve", [role]) == may("limit.agree", [role])


def test_whoever_can_never_decide_is_named_with_whom_to_ask_instead() -> None:
    route = "[[credit.route]]\nname = 'r'\nrating = 'D'\nrungs = [{ audience = ['role:risk', 'owner', 'role:rep'] }]"
    problems = check(SMALL + route + REST)[1]
    zh, en = ([say(problem.code, problem.facts, lang) for problem in problems] for lang in ("zh", "en"))
    rule = "没有审批权：业务员不能审批，客户负责人也不能"
    assert [said for said, _ in zh] == [f"owner {rule}", f"role:rep {rule}"]
    assert en[0][0].startswith("owner can never decide") and en[1][0].startswith("role:rep can never decide")
    assert all("owner.manager" in hint and "role:sales_manager" in hint for _, hint in zh + en)
    [unknown] = check(SMALL + route.replace("'role:risk', 'owner', 'role:rep'", "'role:boss'") + REST)[1]
    assert "sales_manager" in unknown.say("zh")[1] and "rep" not in unknown.say("zh")[1]


def test_over_by_any_amount_is_said_without_a_share() -> None:
    route = f'[[credit.route]]\nname = "r"\nover_share_from = 0\n{RUNGS}'
    assert found(route + REST) == []
    zh, en = ("\n".join(describe(parse(SMALL + route + REST), lang)) for lang in ("zh", "en"))
    assert "审批路径 r（超信用额度）" in zh and "Route r (over the limit)" in en


def test_two_routes_of_one_name_are_refused() -> None:
    route = '[[credit.route]]\nname = "rest"\nrating = ["D"]\n'
    assert found(route + RUNGS + REST) == [(6, "credit.route[1].name", "same_route")]


def test_rungs_as_tables_of_their_own_have_lines_of_their_own() -> None:
    rung = "[[credit.route.rungs]]\n"
    route = f'[[credit.route]]\nname = "r"\n{rung}audience = ["owner.manager"]\n{rung}need = "all"\n'
    assert found(route) == [(5, "credit.route[0].rungs[1].audience", "no_approver")]


def test_an_order_that_fits_no_route_would_be_asked_of_nobody() -> None:
    text = "".join(f'[[credit.route]]\nname = "{rating}"\nrating = "{rating}"\n{RUNGS}\n' for rating in "CD")
    assert found(text) == [(5, "credit.route[1]", "no_route_for_rest")]
    assert check(SMALL + text)[0] is None
    assert found(text + REST) == []


def unreachable(first: str, second: str) -> bool:
    text = "".join(f'[[credit.route]]\nname = "{n}"\n{when}\n{RUNGS}\n' for n, when in (("a", first), ("b", second))) + REST
    policy, problems = check(SMALL + text)
    assert policy is not None, "only a warning"
    unreached = [problem for problem in problems if problem.facts["name"] == "b"]
    assert all(problem.code == "policy.route_unreachable" and problem.warning for problem in problems)
    assert all(problem.key == "credit.route[1]" and problem.line == FIRST + 4 for problem in unreached)
    return bool(unreached)


@pytest.mark.parametrize(
    ("first", "second", "never"),
    [
        ("", "rating = 'D'", True),
        ("", "", True),
        ("rating = ['C', 'D']", "rating = 'D'\noverdue_days_from = 5", True),
        ("rating = 'D'", "rating = ['C', 'D']", False),
        ("rating = 'D'", "overdue_days_from = 5", False),
        ("overdue_days_from = 5", "overdue_days_from = 5", True),
        ("overdue_days_from = 5", "overdue_days_from = 4", False),
        ("over_share_from = '0.1'", "over_share_from = '0.2'", True),
        ("over_share_from = '0.2'", "over_share_from = '0.1'", False),
        ("reasons = ['frozen', 'overdue']", "reasons = ['frozen']", True),
        ("reasons = ['frozen']", "reasons = ['frozen', 'overdue']", False),
        ("over_from = 5", "over_from = 6", True),
        ("over_from = 5", "over_from = { USD = 6 }", False),
        ("over_from = { CNY = 5, USD = 1 }", "over_from = { USD = 6 }", True),
        ("over_from = 5", "rating = 'D'", False),
        ("overdue_from = 5", "overdue_from = 6", True),
        ("overdue_from = 6", "overdue_from = 5", False),
        ("overdue_from = 5", "overdue_from = { CNY = 6, USD = 6 }", False),
        ("overdue_from = 5", "over_from = 6", False),
    ],
)
def test_a_route_after_one_that_takes_all_of_its_orders_is_warned_of(first: str, second: str, never: bool) -> None:
    assert unreachable(first, second) is never


def test_a_route_with_a_mistake_in_its_condition_takes_nothing_from_others() -> None:
    route = '[[credit.route]]\nname = "d"\nrating = ["E"]\n' + RUNGS
    assert [code for _, _, code in found(route + REST)] == ["unknown_word"]


def test_a_reminder_after_the_end_is_warned_of() -> None:
    policy, problems = check(SMALL + "[credit]\nexpires_hours = 4\n")
    assert policy is not None
    assert [(p.line - FIRST, p.key, p.code) for p in problems] == [(1, "credit.expires_hours", "policy.reminder_too_late")]
    assert found("[credit]\nremind_hours = 16\n") == [(2, "credit.remind_hours", "reminder_too_late")]


def test_orders_without_shipments_are_asked_about() -> None:
    assert found('[credit]\nparts = ["open", "orders", "this"]\n') == [(2, "credit.parts", "gap_between_parts")]
    for parts in ('["open", "orders", "shipments", "this"]', '["open", "shipments"]', '["open"]'):
        assert found(f"[credit]\nparts = {parts}\n") == []


def test_all_mistakes_are_told_at_once_in_both_languages() -> None:
    text = '[credit]\nhm = 1\ndiscount = 2\n[credit.rating]\nmin_paid = 0\n[[credit.route]]\nname = "r"\nrungs = []\n'
    _, problems = check(SMALL + text)
    assert [p.code.removeprefix("policy.") for p in problems] == ["unknown_key", "not_a_share", "too_small", "no_rung"]
    for problem in problems:
        zh, en = problem.say("zh"), problem.say("en")
        assert re.search(r"[\u4e00-\u9fff]", zh[0]) and not re.search(r"[\u4e00-\u9fff]", "".join(en))
        assert "{{" not in "".join((*zh, *en))


# --- in plain words ---


def test_every_key_is_in_the_docs_with_its_default() -> None:
    page = (ROOT / "docs/policy.md").read_text(encoding="utf-8")
    credit, rating, _, proposed, route, watch = (part.split("\n## ")[0] for part in page.split("\n## `[")[1:])
    written = default_policy().text.split("[credit]")[1]
    optional = {"rating", "routes", "grades", "proposals"}
    for part, rules, other in ((credit, CreditRules, optional), (rating, RatingRules, set())):
        told = dict(re.findall(r"^\| `(\w+)` \| `([^|]*)` \|", part, re.MULTILINE))
        assert set(told) == {field.name for field in fields(rules)} - other
        assert [key for key, default in told.items() if f"\n{key} = {default}" not in written] == []
    scales = re.findall(r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \|", rating, re.MULTILINE)
    assert {name: Scale(Decimal(best), Decimal(worst)) for name, best, worst in scales} == SCALES
    table = "\n".join(" = ".join(pair) for pair in re.findall(r"^\| `(\w+)` \| `([^|]*)` \|", proposed, re.MULTILINE))
    assert read(f"[credit.proposals]\n{table}\n").proposals == ProposalRules() and table.count("\n") == 6
    assert set(re.findall(r"^\| `(\w+)` \|", route, re.MULTILINE)) == {field.name for field in fields(Route)}
    assert all(route.count(f"`{reason}`") == 2 for reason in REASONS)
    assert set(re.findall(r"^\| `(\w+)` \|", watch, re.MULTILINE)) == {field.name for field in fields(Watch)}


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_part_is_told_in_plain_words(lang: str) -> None:
    conditions = [f'reasons = ["{reason}"]' for reason in REASONS]
    conditions += ["over_from = { CNY = 5, USD = 6 }", "over_share_from = 0.2", "overdue_days_from = 7", "rating = 'new'"]
    conditions.append("overdue_from = { CNY = 8 }")
    rungs = "rungs = [{ audience = ['owner.manager', 'role:risk'], need = 'all' }, { audience = 'person:zhou' }]"
    routes = "".join(f"[[credit.route]]\nname = 'r{n}'\n{when}\n{rungs}\n" for n, when in enumerate(conditions))
    keys = ["ask_within = 'risk'", "rates = { USD = '7.10' }", "cash_only = ['D', 'new']", "below_cost = 'hold'"]
    keys += ["insured = 'extra'", "part_limits = { overdue = 499 }"]
    lines = "\n".join(describe(parse("\n".join([SMALL, "[credit]", *keys, routes, REST])), lang))
    assert all(f"r{n}" in lines for n in range(len(conditions))) and "1 USD = 7.10 CNY" in lines and "20%" in lines
    codes = [code for code in REASONS if "_" in code]
    assert not re.search(r"role:|owner\.|person:|None|\{|" + "|".join(codes), lines), "a code instead of words"
    if lang == "en":
        assert not re.search(r"[\u4e00-\u9fff]", lines)
