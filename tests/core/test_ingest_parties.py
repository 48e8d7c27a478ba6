"""People, accounts and customers from files."""

from pathlib import Path

import pytest
from sqlalchemy import Engine

from core.models import Account, Contact, Customer, Person
from tests.importing import Importer, codes

PEOPLE = [
    ["handle", "name", "roles", "manager", "email", "active"],
    ["li", "李雷", "rep", "wang", "li@example.com", ""],
    ["wang", "王芳", "sales_manager", "赵总", "", "yes"],
    ["zhao", "赵总", "sales_director;management", "", "", "1"],
    ["zhou", "周会计", "Finance; 出纳", "", "", "否"],
]


@pytest.fixture
def importer(engine: Engine, tmp_path: Path) -> Importer:
    return Importer(engine, tmp_path)


def test_people_refer_forward_and_by_name(importer: Importer) -> None:
    report = importer("people", PEOPLE)
    assert (report.created, report.rejected) == (4, [])
    assert codes(report.warnings) == [(5, "unknown_role")]
    by = {p.handle: p for p in importer.rows(Person)}
    assert by["li"].manager_id == by["wang"].id and by["wang"].manager_id == by["zhao"].id
    assert by["zhao"].roles == ["sales_director", "management"] and by["zhou"].roles == ["finance", "出纳"]
    assert [by[h].active for h in ("li", "wang", "zhou")] == [True, True, False]


def test_people_again_change_nothing_and_a_blank_cell_keeps(importer: Importer) -> None:
    importer("people", PEOPLE)
    before = importer.state()
    again = importer("people", PEOPLE)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 4)
    assert importer.state() == before
    changed = importer("people", [PEOPLE[0], ["LI", "李雷", "", "", "new@example.com", ""]])
    assert changed.updated == 1
    li = importer.one(Person, handle="li")
    assert (li.email, li.roles, li.manager_id is not None) == ("new@example.com", ["rep"], True)


def test_people_that_cannot_go_in(importer: Importer) -> None:
    report = importer("people", [
        ["handle", "name", "manager", "email", "timezone", "locale"],
        ["a", "A", "nobody", "", "", ""],
        ["b", "B", "a", "", "", ""],  # whose manager does not go in either
        ["c", "C", "c", "", "", ""],
        ["d", "D", "", "d@x.com\nBcc: e@x.com", "", ""],
        ["e", "E", "", "", "Mars/Base", ""],
        ["f", "F", "", "", "", "fr"],
        ["g h", "G", "", "", "", ""],
        ["", "H", "", "", "", ""],
        ["i", "I", "", "", "Asia/Tokyo", "en_US"],
        ["I", "I2", "", "", "", ""],
    ])  # fmt: skip
    assert codes(report.rejected) == [
        (2, "unknown_person"), (3, "unknown_person"), (4, "own_manager"), (5, "bad_email"), (6, "bad_timezone"),
        (7, "bad_value"), (8, "bad_handle"), (9, "missing_value"), (11, "duplicate"),
    ]  # fmt: skip
    assert [p.handle for p in importer.rows(Person)] == ["i"]


def test_managers_in_a_circle_are_told(importer: Importer) -> None:
    report = importer("people", [["handle", "name", "manager"], ["a", "A", "b"], ["b", "B", "a"]])
    assert report.created == 2 and codes(report.warnings) == [(2, "manager_cycle"), (3, "manager_cycle")]


def test_a_row_refers_by_the_new_name_that_another_row_gives(importer: Importer) -> None:
    importer("people", PEOPLE)
    report = importer("people", [
        ["handle", "name", "manager"], ["zhao", "钱总", ""], ["wang", "王芳", "钱总"], ["new", "新人", "钱总"],
    ])  # fmt: skip
    assert (report.rejected, report.created, report.updated) == ([], 1, 1)
    report = importer("people", [["handle", "name", "manager"], ["zhou", "李雷", ""], ["wang", "王芳", "李雷"]])
    assert codes(report.rejected) == [(3, "ambiguous_person")]


def test_of_two_preferred_accounts_the_last_one_counts_each_time(importer: Importer) -> None:
    importer("people", PEOPLE)
    rows = [["messenger", "user_id", "person", "preferred"], ["local", "a", "li", "yes"], ["local", "b", "li", "yes"]]
    importer("accounts", rows)
    again = importer("accounts", rows)
    assert (again.updated, again.unchanged) == (0, 2)
    assert {a.user_id: a.preferred for a in importer.rows(Account)} == {"a": False, "b": True}


def test_accounts(importer: Importer) -> None:
    importer("people", PEOPLE)
    head = ["person", "messenger", "user_id", "preferred"]
    rows = [["li", "local", "li", "yes"], ["王芳", "Slack", "U01", ""], ["x", "slack", "U02", ""]]
    report = importer("accounts", [head, *rows])
    assert report.created == 2 and codes(report.rejected) == [(4, "unknown_person")]
    assert codes(report.warnings) == [(3, "messenger_off")]
    moved = importer("accounts", [head, ["li", "slack", "U01", "yes"]])
    assert moved.updated == 1 and (2, "account_moved") in codes(moved.warnings)
    assert {a.user_id: a.preferred for a in importer.rows(Account)} == {"li": False, "U01": True}
    assert importer("accounts", [head, ["li", "slack", "U01", "yes"]]).unchanged == 1


CUSTOMERS = [
    [
        "code", "name", "short_name", "aliases", "owner", "tags", "credit_limit", "currency", "finance_contact",
        "finance_email",
    ],
    ["0012", "华兴商贸有限公司", "华兴", "HX；老华", "li", "重点", "1,000,000", "", "陈姐", "chen@hx.example"],
    ["12", "Acme & Sons", "", "", "", "", "", "USD", "", ""],
]  # fmt: skip


def test_customers_keep_leading_zeros_and_are_found(importer: Importer) -> None:
    importer("people", PEOPLE)
    report = importer("customers", CUSTOMERS)
    assert (report.created, report.rejected, report.warnings) == (2, [], [])
    hx, acme = importer.one(Customer, code="0012"), importer.one(Customer, code="12")
    assert hx.aliases == ["HX", "老华"] and hx.credit_limit_minor == 100_000_000 and "hxsm" in hx.search
    assert hx.owner_id == importer.one(Person, handle="li").id and acme.credit_limit_minor is None
    assert importer.one(Contact).email == "chen@hx.example"
    before = importer.state()
    assert importer("customers", CUSTOMERS).unchanged == 2
    assert importer.state() == before


def test_a_changed_customer_is_updated_and_what_was_edited_here_wins(importer: Importer) -> None:
    importer("people", PEOPLE)
    importer("customers", CUSTOMERS)
    known = importer.one(Customer, code="0012")
    with importer.open_work() as work:
        hx = work.session.get_one(Customer, known.id)
        hx.region, hx.edited = "华东", ["region"]
        work.session.add(hx)
    head = ["code", "name", "region", "owner", "finance_email"]
    report = importer("customers", [head, ["0012", "华兴贸易有限公司", "华南", "wang", "new@hx.example"]])
    assert report.updated == 1 and codes(report.warnings) == [(2, "edited_wins")]
    hx = importer.one(Customer, code="0012")
    assert (hx.region, hx.name, hx.tags) == ("华东", "华兴贸易有限公司", ["重点"])
    assert "hxmy" in hx.search and importer.one(Contact).email == "new@hx.example"


@pytest.mark.parametrize(
    "name",
    [
        "<!channel>", "{{7*7}}", "]]>", "**x**", "客" * 200, "😀 👩\u200d👩\u200d👧 客户", "=cmd|' /C calc'!A0",
        "O'Brien; \"x\"", "a\\n%s",
    ],
)  # fmt: skip
def test_any_name_goes_in_as_it_is(importer: Importer, name: str) -> None:
    assert importer("customers", [["code", "name"], ["1", name]]).created == 1
    assert importer.one(Customer, code="1").name == name
    assert importer("customers", [["code", "name"], ["1", name]]).unchanged == 1


def test_customers_that_cannot_go_in(importer: Importer) -> None:
    report = importer("customers", [
        ["code", "name", "owner", "currency", "credit_limit", "no_letters"],
        ["1", "A", "nobody", "", "", ""],
        ["2", "B", "", "XXQ", "", ""],
        ["3", "C", "", "", "-1", ""],
        ["4", "D", "", "", "", "perhaps"],
        ["5", "", "", "", "", ""],
        ["6", "客" * 401, "", "", "", ""],
    ])  # fmt: skip
    assert codes(report.rejected) == [
        (2, "unknown_person"), (3, "unknown_currency"), (4, "negative_amount"), (5, "bad_flag"), (6, "missing_value"),
        (7, "too_long"),
    ]  # fmt: skip
    assert importer.rows(Customer) == []


def test_messengers_and_roles_by_the_names_that_people_use(importer: Importer) -> None:
    rows = [("li", "业务员"), ("wang", "销售经理、管理层"), ("zhao", "Sales Rep"), ("fm", "财务经理; 出纳"), ("cfo", "总监")]
    report = importer("people", [["handle", "name", "roles"], *([who, who, roles] for who, roles in rows)])
    assert {p.handle: p.roles for p in importer.rows(Person)} == {
        "li": ["rep"], "wang": ["sales_manager", "management"], "zhao": ["rep"], "fm": ["finance_manager", "出纳"],
        "cfo": ["总监"],
    }  # fmt: skip
    assert codes(report.warnings) == [(5, "unknown_role"), (6, "unknown_role")]
    assert "no role: sales_director or finance_director, perhaps" in report.warnings[1]["reason"]
    importer.lang = "zh"
    said = importer("people", [["handle", "name", "roles"], ["cfo", "cfo", "总监"]]).warnings[0]["reason"]
    assert "不是角色，是不是销售总监或财务总监；" in said and "业务员、销售经理、" in said and "管理员" in said
    called = ["企业微信", "WeCom", "wechat work", "WeChat-Work", "钉钉", "DingTalk", "SLACK", "飞书", "telegram"]
    report = importer("accounts", [["person", "messenger", "user_id"], *(["li", name, f"U{name}"] for name in called)])
    assert [a.messenger for a in importer.rows(Account)] == ["wecom"] * 4 + ["dingtalk"] * 2 + ["slack"]
    assert codes(report.rejected) == [(9, "bad_value"), (10, "bad_value")]
    refused = report.rejected[0]["reason"]
    assert "飞书" in refused and "wecom/企业微信, dingtalk/钉钉, slack, local" in refused


def test_whatever_the_product_calls_a_role_or_a_messenger_is_read(importer: Importer) -> None:
    from bot.notifications.templates import templates
    from core import names

    for lang in ("zh", "en"):
        assert [names.role(templates().word(role, "role", lang)) for role in names.ROLES] == list(names.ROLES)
        assert [names.messenger(templates().word(m, "messenger", lang)) for m in names.MESSENGERS] == list(names.MESSENGERS)
