"""What people ask: balances, aging, what is overdue, what is to do. Today is Wednesday, 8 July 2026."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, func, select

from bot.commands import CommandReply, handle
from bot.fit import PROFILES, fit
from bot.notifications.templates import render
from core.dunning import stored
from core.models import (
    Audit,
    Case,
    Cover,
    Customer,
    Dispute,
    Entry,
    Firing,
    Letter,
    Pause,
    Person,
    Promise,
    StoredPolicy,
    Task,
    TaskReceivable,
)
from core.search import index_text
from core.work import Work
from tests.factories import customer, make_work, person, receipt, receivable

TODAY = date(2026, 7, 8)
AT = datetime(2026, 7, 8, 2, 0, tzinfo=UTC)


class Firm:
    """小李 under 王总 owns 甲公司; 小张 owns 乙公司; 财务 sees all."""

    def __init__(self, session: Session) -> None:
        self.work = make_work(session, AT)
        stored.ensure(self.work)  # as the application does when it starts
        self.wang = person(self.work, "wang", "sales_manager", name="王总")
        self.li = person(self.work, "li", "rep", self.wang, name="小李")
        self.zhang = person(self.work, "zhang", "rep", name="小张")
        self.fin = person(self.work, "fin", "finance", name="财务")
        self.jia = self.customer("C001", "甲公司", self.li, region="华东", rating="C", credit_limit_minor=50_000_000)
        self.yi = self.customer("C002", "乙公司", self.zhang, region="华南")
        self.late = receivable(self.work, "INV-1", self.jia, "120000.00", due=date(2026, 7, 1), issued=date(2026, 6, 1))
        self.soon = receivable(self.work, "INV-2", self.jia, "80000.00", due=date(2026, 7, 20))
        self.undated = receivable(self.work, "INV-3", self.jia, "1500.00", due=None, issued=date(2026, 6, 20))
        self.old = receivable(self.work, "INV-9", self.yi, "300000.00", due=date(2026, 3, 1))
        session.flush()

    def customer(self, code: str, name: str, owner: Person | None = None, **more: Any) -> Customer:
        return customer(self.work, code, name, owner, search=index_text(code, name), **more)

    def says(self, who: Person, text: str, lang: str = "zh") -> CommandReply:
        reply = handle(self.work, who, text, lang=lang)
        json.dumps(reply.json)
        return reply

    def add(self, row: Any) -> Any:
        self.work.session.add(row)
        self.work.session.flush()
        return row


@pytest.fixture
def firm(session: Session) -> Firm:
    return Firm(session)


@pytest.mark.parametrize(
    "text",
    ["/balance C001", "余额 甲公司", "余额甲公司", "/余额 甲公司", "BALANCE c001", "／ｂａｌａｎｃｅ　Ｃ００１",
    "/hk balance 甲公司", "bal jgs", "balance: 甲公司"],
)
def test_a_balance_however_it_is_asked_for(firm: Firm, text: str) -> None:
    reply = firm.says(firm.li, text)
    assert (reply.kind, reply.outcome, reply.customer_id) == ("reply.balance", "done", firm.jia.id)
    assert reply.json["customer"] == {"code": "C001", "name": "甲公司", "rating": "C", "owner": "小李"}


def test_the_figures_of_a_balance(firm: Firm) -> None:
    receipt(firm.work, firm.jia, "5000.00", on=date(2026, 7, 6))
    receivable(firm.work, "US-1", firm.jia, "1234.00", due=date(2026, 7, 5), currency="USD")
    made = firm.add(Promise(customer_id=firm.jia.id, currency="CNY", amount_minor=6_000_000, due_on=date(2026, 7, 10),
                            made_at=AT, ends_on=date(2026, 7, 13)))  # fmt: skip
    firm.add(Promise(customer_id=firm.jia.id, currency="CNY", amount_minor=100, due_on=date(2026, 7, 3), state="broken",
                     made_at=AT - timedelta(days=9), ends_on=date(2026, 7, 6)))  # fmt: skip
    firm.add(Cover(kind="promise", subject_id=made.id, receivable_id=firm.late.id, amount_minor=6_000_000))
    view = firm.says(firm.li, "/balance 甲公司").json
    assert view["currency"] == "CNY"
    assert view["balance"] == "196500.00"
    assert (view["overdue"], view["not_due"], view["undated"], view["unapplied"]) == (
        "120000.00", "81500.00", "1500.00", "-5000.00",
    )  # fmt: skip
    assert view["buckets"] == {
        "not_due": "81500.00", "d1_30": "120000.00", "d31_60": "0.00", "d61_90": "0.00", "d90_plus": "0.00",
    }  # fmt: skip
    assert (view["oldest_due"], view["days_overdue_max"]) == ("2026-07-01", 7)
    assert view["credit"] == {"limit": "500000.00", "used": "196500.00", "available": "303500.00", "usage": "39%"}
    assert [(p["date"], p["amount"], p["state"]) for p in view["promises"]] == [
        ("2026-07-10", "60000.00", "open"), ("2026-07-03", "1.00", "broken"),
    ]  # fmt: skip
    assert view["last_receipt"] == {"date": "2026-07-06", "amount": "5000.00"}
    assert view["open"][0] == {
        "number": "INV-1", "issued": "2026-06-01", "due": "2026-07-01", "open": "120000.00", "days_overdue": 7,
        "state": "overdue",  # the promise covers only half of it
    }  # fmt: skip
    assert [(row["number"], row["state"]) for row in view["open"]] == [
        ("INV-1", "overdue"), ("INV-2", "not_due"), ("INV-3", "undated"),
    ]  # fmt: skip
    assert [(other["currency"], other["balance"], other["overdue"]) for other in view["others"]] == [
        ("USD", "1234.00", "1234.00")
    ]


def test_what_keeps_an_invoice_out_of_dunning_is_its_state(firm: Firm) -> None:
    made = firm.add(Dispute(customer_id=firm.jia.id, currency="CNY", reason="price", amount_minor=12_000_000, made_at=AT))
    firm.add(Cover(kind="dispute", subject_id=made.id, receivable_id=firm.late.id, amount_minor=12_000_000))
    firm.add(Pause(customer_id=firm.jia.id, reason="年底对账", from_on=TODAY, until=date(2026, 7, 15), made_at=AT))
    reply = firm.says(firm.fin, "/balance C001")
    assert [row["state"] for row in reply.json["open"]] == ["disputed", "paused", "paused"]
    assert reply.view.paused_until == date(2026, 7, 15)


def test_a_customer_who_owes_only_dollars_is_shown_in_dollars(firm: Firm) -> None:
    bing = firm.customer("C003", "丙公司", firm.li)
    receivable(firm.work, "US-1", bing, "10.00", due=date(2026, 7, 5), currency="USD")
    view = firm.says(firm.li, "/balance C003").json
    assert (view["currency"], view["balance"], view["others"], view["credit"]) == ("USD", "10.00", [], None)


def test_a_customer_who_owes_nothing(firm: Firm) -> None:
    firm.customer("C003", "丙公司", firm.li)
    view = firm.says(firm.li, "/balance C003").json
    assert (view["currency"], view["balance"], view["open"], view["oldest_due"]) == ("CNY", "0.00", [], None)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("command", ["/balance", "/aging", "/promise", "/log", "/unpause", "/pause"])
def test_outside_the_scope_is_as_if_it_did_not_exist(firm: Firm, command: str, lang: str) -> None:
    rest = {"/promise": " 明天", "/log": " 打过电话", "/pause": " until 7-15 对账"}.get(command, "")
    there = firm.says(firm.li, f"{command} C002{rest}", lang)
    nobody = firm.says(firm.li, f"{command} C777{rest}", lang)
    assert there.kind == nobody.kind == "reply.error"
    assert there.code == nobody.code == "customer.unknown"
    assert json.dumps(there.json).replace("C002", "C777") == json.dumps(nobody.json)
    assert firm.says(firm.add(Person(handle="root", name="管理员", roles=["admin"])),
    "/balance C001").code == "customer.unknown"


def test_owning_one_invoice_of_a_customer_shows_this_invoice_only(firm: Firm) -> None:
    receivable(firm.work, "INV-10", firm.yi, "70.00", due=date(2026, 7, 1), owner=firm.li)
    receipt(firm.work, firm.yi, "5.00", on=TODAY)
    view = firm.says(firm.li, "/balance C002").json
    assert [row["number"] for row in view["open"]] == ["INV-10"]
    assert (view["balance"], view["unapplied"], view["last_receipt"], view["credit"]) == ("70.00", "0.00", None, None)
    assert firm.says(firm.li, "/trace INV-9").code == "receivable.unknown"
    assert firm.says(firm.li, "/trace INV-10").kind == "reply.trace"


def test_several_hits_are_a_choice(firm: Firm) -> None:
    firm.customer("C010", "华兴商贸有限公司", firm.li)
    firm.customer("C011", "华兴电子有限公司", firm.li)
    reply = firm.says(firm.li, "/balance 华兴")
    assert (reply.kind, reply.pending) == ("reply.choice", "/balance {pick}")
    assert [option.value for option in reply.view.options] == ["C010", "C011"]


def test_aging_adds_up_in_every_scope(firm: Firm) -> None:
    receipt(firm.work, firm.jia, "5000.00", on=TODAY)
    mine, all_ = firm.says(firm.li, "/aging").json, firm.says(firm.fin, "账龄").json
    assert [group["key"] for group in mine["groups"]] == ["C001"]
    assert (mine["total"], mine["unapplied"], mine["undated"]) == ("196500.00", "-5000.00", "1500.00")
    assert [group["key"] for group in all_["groups"]] == ["C002", "C001"]
    assert all_["total"] == "496500.00"
    assert all_["buckets"]["d90_plus"] == "300000.00"
    assert (all_["as_of"], all_["basis"], all_["currency"], all_["others"]) == ("2026-07-08", "due", "CNY", [])


def test_aging_of_one_customer_rep_or_region(firm: Firm) -> None:
    assert firm.says(firm.fin, "/aging 甲公司").json["total"] == "201500.00"
    assert firm.says(firm.fin, "/aging @zhang").json["total"] == "300000.00"
    assert firm.says(firm.fin, "/aging @小李").json["total"] == "201500.00"
    assert firm.says(firm.fin, "/aging 华南").json["total"] == "300000.00"
    assert firm.says(firm.wang, "/aging @li").json["total"] == "201500.00"
    assert firm.says(firm.wang, "/aging @zhang").code == "person.unknown"
    assert firm.says(firm.wang, "/aging @nobody").code == "person.unknown"
    assert firm.says(firm.li, "/aging 华南").code == "customer.unknown"


@pytest.mark.parametrize("text", ["/aging invoice", "账龄 按开票", "/aging 甲公司 按开票", "/aging 甲公司 invoice"])
def test_aging_by_invoice_date(firm: Firm, text: str) -> None:
    view = firm.says(firm.li, text)
    assert (view.json["basis"], view.view.basis) == ("invoice", "issued")
    assert (view.json["buckets"]["not_due"], view.json["total"]) == ("0.00", "201500.00")
    assert view.json["buckets"]["d31_60"] == "120000.00"


def test_who_owes_most(firm: Firm) -> None:
    reply = firm.says(firm.fin, "/overdue")
    assert [(c["code"], c["overdue"], c["days_overdue_max"], c["owner"]) for c in reply.json["customers"]] == [
        ("C002", "300000.00", 129, "小张"),
        ("C001", "120000.00", 7, "小李"),
    ]
    assert [c["code"] for c in firm.says(firm.fin, "逾期1").json["customers"]] == ["C002"]
    assert [c["code"] for c in firm.says(firm.fin, "/overdue ５").json["customers"]] == ["C002", "C001"]
    assert [c["code"] for c in firm.says(firm.li, "/overdue").json["customers"]] == ["C001"]
    assert firm.says(firm.fin, "/overdue many").code == "command.rest"
    assert firm.says(firm.fin, "/overdue 0").code == "command.rest"


def test_to_do_is_riskiest_first(firm: Firm) -> None:
    big = firm.customer("C003", "丙公司", firm.li)
    huge = receivable(firm.work, "INV-20", big, "900000.00", due=date(2026, 7, 7))
    small = firm.add(Task(customer_id=firm.jia.id, person_id=firm.li.id, severity="severe", opened_at=AT,
                          answer_by=AT + timedelta(days=2)))  # fmt: skip
    large = firm.add(Task(customer_id=big.id, person_id=firm.li.id, severity="overdue", opened_at=AT,
                          answer_by=AT - timedelta(days=1)))  # fmt: skip
    other = firm.add(Task(kind="copy", customer_id=firm.jia.id, person_id=firm.li.id, severity="overdue", opened_at=AT,
                          snoozed_until=date(2026, 7, 9)))  # fmt: skip
    firm.add(Task(customer_id=firm.yi.id, person_id=firm.zhang.id, severity="critical", opened_at=AT))
    for task, row in ((small, firm.late), (small, firm.soon), (large, huge)):
        firm.add(TaskReceivable(task_id=task.id, receivable_id=row.id))
    reply = firm.says(firm.li, "待办")
    assert reply.json["person"] == "li"
    assert [(t["task"], t["customer"], t["overdue"], t["days_overdue_max"], t["state"]) for t in reply.json["tasks"]] == [
        (small.id, "C001", "120000.00", 7, "open"),
        (large.id, "C003", "900000.00", 1, "silent"),
        (other.id, "C001", "0.00", 0, "snoozed"),
    ]
    assert reply.json["tasks"][0]["answer_by"] == "2026-07-10T10:00:00+08:00"
    assert reply.view.count == 3
    assert firm.says(firm.fin, "/todo").view.none


def test_the_trace_of_an_invoice(firm: Firm) -> None:
    receipt(firm.work, firm.jia, "20000.00", on=date(2026, 7, 3), number="R-1", to=firm.late)
    reply = firm.says(firm.li, "/trace inv-1")
    assert reply.json["customer"] == {"code": "C001", "name": "甲公司"}
    assert (reply.json["amount"], reply.json["open"], reply.json["days_overdue"]) == ("120000.00", "100000.00", 7)
    assert [(e["on"], e["kind"], e["amount"], e["reference"]) for e in reply.json["entries"]] == [
        ("2026-06-01", "issue", "120000.00", ""),
        ("2026-07-03", "allocation", "-20000.00", "R-1"),
    ]
    assert [step.what for step in reply.view.steps] == ["开票", "核销"]
    assert [step.what for step in firm.says(firm.li, "/trace INV-1", "en").view.steps] == ["issued", "paid"]
    assert firm.says(firm.zhang, "/trace INV-1").code == "receivable.unknown"
    assert firm.says(firm.li, "/trace").code == "command.usage"


def test_the_trace_says_who_booked_an_entry_and_through_what(firm: Firm) -> None:
    for actor, number in (("cli:root as fin", "R-1"), ("fin", "R-2"), ("import", "R-3"), ("system", "R-4")):
        receipt(replace(firm.work, actor=actor), firm.jia, "100.00", on=date(2026, 7, 3), number=number, to=firm.late)
    reply = firm.says(firm.li, "/trace INV-1")
    assert [(e["reference"], e["actor"], e["handle"], e["via"]) for e in reply.json["entries"]][1:] == [
        ("R-1", "财务", "fin", "cli:root"),
        ("R-2", "财务", "fin", "chat"),
        ("R-3", "", "", "import"),
        ("R-4", "", "", "system"),
    ]
    assert [step.detail for step in reply.view.steps][1:] == ["财务 R-1", "财务 R-2", "R-3", "R-4"]
    assert "cli:" not in json.dumps([step.detail for step in reply.view.steps])


def test_the_trace_names_contacts(firm: Firm) -> None:
    made = firm.add(Promise(customer_id=firm.jia.id, currency="CNY", amount_minor=6_000_000, due_on=date(2026, 7, 10),
                            made_by_id=firm.li.id, made_at=AT, ends_on=date(2026, 7, 13)))  # fmt: skip
    firm.add(Cover(kind="promise", subject_id=made.id, receivable_id=firm.late.id, amount_minor=6_000_000))
    firm.work.audit("task.note", "customer", firm.jia.id, firm.jia.id, note="财务出差")
    firm.work.session.flush()
    contacts = firm.says(firm.li, "追溯 INV-1").json["contacts"]
    assert [(c["what"], c["who"], c["amount"], c["date"], c["note"]) for c in contacts] == [
        ("note", "system", None, None, "财务出差"),
        ("promise", "小李", "60000.00", "2026-07-10", ""),
    ]
    assert firm.work.session.exec(select(func.count()).select_from(Firing)).one() == 0
    assert "未兑现" not in firm.says(firm.li, "追溯 INV-1").view.steps[-1].detail
    made.state = "broken"
    policy = firm.add(StoredPolicy(name="p", fingerprint="f", toml="", applied_at=AT, active_from=AT))
    case = firm.add(Case(customer_id=firm.jia.id, currency="CNY", opened_on=date(2026, 7, 2), policy_id=policy.id))
    firm.add(Firing(receivable_id=firm.late.id, due_on=date(2026, 7, 1), step="over1", audience="owner",
                    case_id=case.id, customer_id=firm.jia.id, ladder="standard", offset_days=1, action="task",
                    kind="task.overdue", severity="overdue", fired_on=date(2026, 7, 2), recorded_at=AT, outcome="acted",
                    reason=""))  # fmt: skip
    steps = {step.what: step.detail for step in firm.says(firm.li, "追溯 INV-1").view.steps}
    assert steps["承诺"] == "小李 7月10日 未兑现" and steps["提醒"] == "逾期第1天 负责人"


def test_the_trace_names_results_and_who_logged_them(firm: Firm) -> None:
    for somebody in (firm.li, firm.fin):
        task = firm.add(Task(kind="collect", message="task.overdue", customer_id=firm.jia.id, currency="CNY",
                             person_id=somebody.id, opened_at=AT, state="answered", closed_at=AT,
                             closed_by="cli:root as li", result={"kind": "other", "note": "换了会计"}))  # fmt: skip
        firm.add(TaskReceivable(task_id=task.id, receivable_id=firm.late.id))
    firm.work.session.flush()
    reply = firm.says(firm.li, "/trace INV-1")
    assert [(c["what"], c["who"], c["note"]) for c in reply.json["contacts"]] == [("other", "小李", "换了会计")]
    assert [(s.what, s.detail) for s in reply.view.steps][-1] == ("其他结果", "小李 换了会计")


def test_what_is_overdue_in_another_currency_is_said(firm: Firm) -> None:
    firm.old.due_on = date(2026, 8, 1)
    receivable(firm.work, "U-1", firm.yi, "500.00", due=date(2026, 7, 2), currency="USD")
    firm.work.session.flush()
    reply = firm.says(firm.fin, "/balance C002")
    text = render(reply.kind, reply.view, "zh").text
    assert "有逾期 US$500.00" in text and "没有逾期" not in text


def test_every_currency_of_the_heading_is_in_a_row(firm: Firm) -> None:
    receivable(firm.work, "U-1", firm.jia, "500.00", due=date(2026, 7, 2), currency="USD")
    only = firm.customer("C009", "美元客户", firm.li)
    receivable(firm.work, "U-2", only, "700.00", due=date(2026, 7, 3), currency="USD")
    firm.work.session.flush()
    card = render("reply.overdue", firm.says(firm.fin, "/overdue").view, "zh")
    assert card.title == "逾期客户 3 个 · ¥420,000.00 + US$1,200.00"
    assert [(row[0], row[1]) for row in card.rows][2:] == [("美元客户", "US$700.00"), (firm.jia.name, "US$500.00")]
    assert "CNY" not in card.footer


def test_the_first_of_the_overdue_are_called_that(firm: Firm) -> None:
    receivable(firm.work, "U-1", firm.jia, "500.00", due=date(2026, 7, 2), currency="USD")
    firm.work.session.flush()
    every = firm.says(firm.fin, "/overdue").view
    one = firm.says(firm.fin, "/overdue 1").view
    assert not every.cut and every.count > 1
    assert one.cut and one.count == 1 and one.customers == every.customers[:1]
    assert "前 1 名" in render("reply.overdue", one, "zh").title
    assert firm.says(firm.fin, "/overdue -1").code == "command.rest"


def test_letters_go_by_the_names_of_their_stages_in_a_trace(firm: Firm) -> None:
    for stage in (1, 2, 3):
        firm.add(Letter(customer_id=firm.jia.id, currency="CNY", stage=stage, to="a@x.example", state="sent",
                        created_at=AT, sent_on=date(2026, 7, 2), receivables=["INV-1"]))  # fmt: skip
    firm.work.session.flush()
    steps = firm.says(firm.li, "/trace INV-1").view.steps
    assert sorted(s.what for s in steps if s.what != "开票") == ["付款通知", "催款函", "友好提醒"]


@pytest.mark.parametrize(
    "text",
    ["/balance C001", "/aging", "/aging @li", "/overdue 5", "/todo", "/trace INV-1", "/help", "/whoami", "blah",
    "/balance nobody"],
)
def test_questions_change_nothing(firm: Firm, text: str) -> None:
    session = firm.work.session
    session.commit()
    written: list[str] = []

    def note(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "WITH", "BEGIN")):
            written.append(statement)

    event.listen(session.get_bind(), "before_cursor_execute", note)
    firm.says(firm.li, text)
    event.remove(session.get_bind(), "before_cursor_execute", note)
    assert written == [] and not session.dirty and not session.new


def test_a_balance_takes_the_same_few_statements_for_many_invoices(firm: Firm) -> None:
    session, count = firm.work.session, [0]

    def add(*_: Any) -> None:
        count[0] += 1

    firm.says(firm.li, "/balance C001")  # what was added is written, and the policy's text is known
    event.listen(session.get_bind(), "before_cursor_execute", add)
    firm.says(firm.li, "/balance C001")
    few, count[0] = count[0], 0
    for number in range(50):
        receivable(firm.work, f"M-{number}", firm.jia, "10.00", due=date(2026, 7, 2))
    count[0] = 0
    firm.says(firm.li, "/balance C001")
    event.remove(session.get_bind(), "before_cursor_execute", add)
    assert count[0] == few <= 16


@pytest.mark.parametrize(
    ("typed", "meant"), [("承若 甲公司", "承诺"), ("余而 星辰科技", "余额"), ("待版", "待办"), ("balanse 甲", "余额")]
)
def test_what_is_mistyped_is_answered_with_what_sounds_like_it(firm: Firm, typed: str, meant: str) -> None:
    assert any(line.label.startswith(meant) for line in firm.says(firm.li, typed).view.commands[:2])


def test_help_names_what_one_may_do(firm: Firm) -> None:
    rep = firm.says(firm.li, "/help").view
    assert any(line.label.startswith("承诺") for line in rep.commands)
    assert not any(line.label.startswith("收款") for line in rep.commands)
    assert any(line.label.startswith("/receipt") for line in firm.says(firm.fin, "help", "en").view.commands)
    assert [line.label for line in firm.says(firm.li, "/help 承诺").view.commands] == ["承诺 客户 日期 [金额] [备注]"]
    admin = firm.add(Person(handle="root", name="管理员", roles=["admin"]))
    assert len(firm.says(admin, "帮助").view.commands) == 7


@pytest.mark.parametrize(
    ("role", "first"),
    [
        ("rep", {"余额", "待办", "承诺", "已付", "争议", "记录", "稍后"}),
        ("finance", {"余额", "待办", "收款", "核销", "红字"}),
        ("finance_director", {"审批", "批准", "驳回", "订单", "信用", "待办", "余额"}),
        ("sales_director", {"审批", "批准", "驳回", "订单", "信用", "待办"}),
    ],
)
def test_help_begins_with_what_the_role_does_and_names_all_where_few_lines_fit(
    firm: Firm, role: str, first: set[str]
) -> None:
    reply = firm.says(firm.add(Person(handle="new", name="新人", roles=[role])), "帮助")
    names = [line.label.split()[0] for line in reply.view.commands]
    assert first <= set(names[:10]), names
    card = render(reply.kind, reply.view, "zh")
    for profile in PROFILES:
        shown = fit(card, PROFILES[profile], today=reply.view.today)[0]
        missing = [name for name in names if name not in shown.text and not any(name in row[0] for row in shown.rows)]
        assert not missing and "帮助" in shown.text, (profile, missing, shown.text)


@pytest.mark.parametrize(("text", "near"), [("/ablance 甲公司", "余额 客户"), ("promis 甲", "承诺 客户 日期 [金额] [备注]")])
def test_what_is_not_understood_gets_the_nearest_commands(firm: Firm, text: str, near: str) -> None:
    reply = firm.says(firm.li, text)
    assert (reply.kind, reply.outcome, reply.code) == ("reply.help", "invalid", "command.unknown")
    assert reply.view.unknown == text
    assert near in [line.label for line in reply.view.commands]


@pytest.mark.parametrize("text", ["", "   ", "/", "你好", "?!", "\u200b"])
def test_nonsense_gets_the_short_help(firm: Firm, text: str) -> None:
    assert firm.says(firm.li, text).kind == "reply.help"


def test_what_comes_later_says_so(firm: Firm) -> None:
    assert firm.says(firm.li, "/policy").code == "command.later"


@pytest.mark.parametrize("text", ["/handover 甲公司 @zhang", "移交 甲公司"])
def test_what_is_done_on_a_card_says_where(firm: Firm, text: str) -> None:
    reply = firm.says(firm.li, text)
    assert reply.code == "command.on_card" and "待办" in reply.view.hint


@pytest.mark.parametrize("text", ["延期 甲公司 7-20", "延期", "推迟甲公司", "postpone 甲公司 7-20"])
def test_a_word_that_may_mean_two_things_is_answered_with_both(firm: Firm, text: str) -> None:
    reply = firm.says(firm.li, text)
    assert reply.code == "command.unknown"
    assert [command["name"] for command in reply.json["commands"]] == ["promise", "snooze", "help"]


def test_whoami(firm: Firm) -> None:
    reply = firm.says(firm.li, "我是谁")
    assert (reply.json["person"], reply.json["roles"], reply.json["manager"]) == ("li", ["rep"], "wang")
    assert reply.json["accounts"] == [{"messenger": "local", "user_id": "li"}]


def test_the_language_is_kept_and_survives_the_next_import(firm: Firm) -> None:
    reply = firm.says(firm.li, "/lang EN")
    assert (reply.outcome, reply.view.what) == ("done", "English from now on")
    assert (firm.li.locale, firm.li.edited) == ("en", ["locale"])
    assert firm.says(firm.li, "语言 英文").outcome == "already"
    assert firm.says(firm.li, "/lang fr").code == "lang.unknown"
    audits = firm.work.session.exec(select(Audit).where(Audit.action == "lang.set")).all()
    assert [audit.data for audit in audits] == [{"old": "", "new": "en"}]


def test_a_work_is_enough(firm: Firm) -> None:
    assert isinstance(firm.work, Work)
    assert firm.work.session.exec(select(func.count()).select_from(Entry)).one() == 4
