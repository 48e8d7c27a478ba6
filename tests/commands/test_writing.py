"""What people write down: promises, payments, disputes, pauses, receipts. Today is Wednesday, 8 July 2026.

`asked` are the requests that reached core.actions: exactly these, with canonical texts, or none at all.
"""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlmodel import Session

from bot.commands import CommandReply, handle, picked
from core import actions
from core.actions import ActionRequest, Outcome, Result
from core.errors import DomainError
from core.models import Person
from core.search import index_text
from core.work import Work
from tests.factories import customer, make_work, person, receipt, receivable

AT = datetime(2026, 7, 8, 2, 0, tzinfo=UTC)


class Desk:
    """小李 owns 华兴商贸 (C019) and 7 Eleven; finance is 财务. Actions are only written down."""

    def __init__(self, session: Session, patch: pytest.MonkeyPatch) -> None:
        self.work = make_work(session, AT)
        self.li = person(self.work, "li", "rep", name="小李")
        self.fin = person(self.work, "fin", "finance", name="财务")
        self.hx = self.customer("C019", "华兴商贸有限公司", short_name="华兴商贸")
        self.seven = self.customer("S 7", "7 Eleven")
        self.asked: list[tuple[str, str, int | None, dict[str, str]]] = []
        self.outcome = Outcome(Result.done, "fine")
        patch.setattr(actions, "execute", self.execute)

    def customer(self, code: str, name: str, **more: Any) -> Any:
        search = index_text(code, name, more.get("short_name", ""))
        return customer(self.work, code, name, self.li, search=search, **more)

    def execute(self, work: Work, request: ActionRequest) -> Outcome:
        self.asked.append((request.action, request.subject, request.subject_id, dict(request.input)))
        return self.outcome

    def says(self, who: Person, text: str, lang: str = "zh", confirmed: bool = False) -> CommandReply:
        reply = handle(self.work, who, text, lang=lang, confirmed=confirmed)
        json.dumps(reply.json)
        return reply


@pytest.fixture
def desk(session: Session, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(session, monkeypatch)


REP = [
    ("/promise C019 7-15 5万 尾款", "task.promise", {"date": "2026-07-15", "amount": "50000.00", "note": "尾款"}),
    ("承诺 华兴商贸 周五", "task.promise", {"date": "2026-07-10"}),
    ("承诺华兴商贸 周五", "task.promise", {"date": "2026-07-10"}),
    ("承诺 华兴商贸 5万 下周五", "task.promise", {"date": "2026-07-17", "amount": "50000.00"}),
    ("promise C019 end of month USD 500", "task.promise", {"date": "2026-07-31", "amount": "500.00", "currency": "USD"}),
    ("/promise C019 jul 15 2000", "task.promise", {"date": "2026-07-15", "amount": "2000.00"}),
    ("/promise C019 20260715", "task.promise", {"date": "2026-07-15"}),
    ("／承诺　Ｃ０１９　７月１５日　５万", "task.promise", {"date": "2026-07-15", "amount": "50000.00"}),
    ("/promise C019 tomorrow 3月货款", "task.promise", {"date": "2026-07-09", "note": "3月货款"}),
    ("/promise C019 in 3 days 5k call at 9", "task.promise", {"date": "2026-07-11", "amount": "5000.00",
    "note": "call at 9"}),
    ("承诺 C019 12.1 5万", "task.promise", {"date": "2026-12-01", "amount": "50000.00"}),
    ("承诺 C019 12月1日 5万元", "task.promise", {"date": "2026-12-01", "amount": "50000.00"}),
    ("承诺 C019 5万 12.1 电话确认", "task.promise", {"date": "2026-12-01", "amount": "50000.00", "note": "电话确认"}),
    ("承诺 C019 12.1", "task.promise", {"date": "2026-12-01"}),
    ("承诺 C019 周五 12.1", "task.promise", {"date": "2026-07-10", "amount": "12.10"}),
    ("承诺 C019 12月1日5万元", "task.promise", {"date": "2026-12-01", "amount": "50000.00"}),
    ("承诺 C019 12月1日，5万元，客户说下周先付、其余月底", "task.promise",
    {"date": "2026-12-01", "amount": "50000.00", "note": "客户说下周先付、其余月底"}),
    ("承诺 C019 周五 １，２３４．５０", "task.promise", {"date": "2026-07-10", "amount": "1234.50"}),
    ("承诺 C019 周五 1.5万 ，周六、周日不上班", "task.promise",
    {"date": "2026-07-10", "amount": "15000.00", "note": "，周六、周日不上班"}),
    ("/paid C019 12.1元", "task.paid", {"amount": "12.10"}),
    ("/paid C019 7.1 5千", "task.paid", {"amount": "5000.00", "paid_on": "2026-07-01"}),
    ("/paid C019 12.10 昨天", "task.paid", {"amount": "12.10", "paid_on": "2026-07-07"}),
    ("/paid C019", "task.paid", {}),
    ("说已付 华兴商贸 5万 昨天", "task.paid", {"amount": "50000.00", "paid_on": "2026-07-07"}),
    ("/paid C019 7-1 500元", "task.paid", {"amount": "500.00", "paid_on": "2026-07-01"}),
    ("/dispute C019", "task.dispute", {"reason": "other"}),
    ("争议 华兴商贸 质量 3千 包装破损", "task.dispute", {"reason": "quality", "amount": "3000.00", "note": "包装破损"}),
    ("/dispute C019 3000 price", "task.dispute", {"reason": "price", "amount": "3000.00"}),
    ("争议 C019 短少 8888.88", "task.dispute", {"reason": "other", "amount": "8888.88", "note": "短少"}),
    ("争议 C019 短少 100", "task.dispute", {"reason": "other", "amount": "100.00", "note": "短少"}),
    ("争议 C019 质量 划痕 5万元 待复检", "task.dispute", {"reason": "quality", "amount": "50000.00", "note": "划痕 待复检"}),
    ("争议 C019 金额 50000", "task.dispute", {"reason": "other", "amount": "50000.00"}),
    ("争议 C019 金额：50000元 短少", "task.dispute", {"reason": "other", "amount": "50000.00", "note": "短少"}),
    ("争议 C019 短少8888.88元", "task.dispute", {"reason": "other", "amount": "8888.88", "note": "短少"}),
    ("争议 C019 质量 第 3 批 有划痕", "task.dispute", {"reason": "quality", "note": "第 3 批 有划痕"}),
    ("争议 C019 短少 100件", "task.dispute", {"reason": "other", "note": "短少 100件"}),
    ('争议 C019 质量 "批次 20260701"', "task.dispute", {"reason": "quality", "note": "批次 20260701"}),
    ("/dispute C019 short by USD 500", "task.dispute",
    {"reason": "other", "amount": "500.00", "currency": "USD", "note": "short by"}),
    ("承诺 C019 周五 先付 5万 余款下月", "task.promise",
    {"date": "2026-07-10", "amount": "50000.00", "note": "先付 余款下月"}),
    ("/promise C019 fri call at 9", "task.promise", {"date": "2026-07-10", "note": "call at 9"}),
    ("/dispute C019 accept", "dispute.settle", {"outcome": "accepted"}),
    ("争议 华兴商贸 驳回", "dispute.settle", {"outcome": "rejected"}),
    ("/dispute C019 part 1,000", "dispute.settle", {"outcome": "part", "amount": "1000.00"}),
    ("/pause C019 until 7-15 年中对账", "pause.set", {"until": "2026-07-15", "reason": "年中对账"}),
    ("暂停 华兴商贸 到 7月15日 对账", "pause.set", {"until": "2026-07-15", "reason": "对账"}),
    ("暂停 华兴商贸 月底 对账 中", "pause.set", {"until": "2026-07-31", "reason": "对账 中"}),
    ("/unpause C019", "pause.end", {}),
    ("恢复 华兴商贸", "pause.end", {}),
    ("/log C019 财务说 7-15 付 5万", "task.note", {"note": "财务说 7-15 付 5万"}),
    ("/snooze C019 明天", "task.snooze", {"until": "2026-07-09"}),
]


def test_what_a_rep_writes(desk: Desk) -> None:
    for text, action, given in REP:
        reply = desk.says(desk.li, text)
        assert desk.asked.pop() == (action, "customer", desk.hx.id, given), text
        assert (reply.kind, reply.outcome, reply.code, reply.customer_id) == ("reply.done", "done", "fine", desk.hx.id)
        assert reply.json["customer"] == {"code": "C019", "name": "华兴商贸有限公司"}
        assert desk.asked == []


@pytest.mark.parametrize("text", ["/promise 7 Eleven 7-15 500", '/promise "S 7" 7-15 500', "承诺 「7 eleven」 7-15 500"])
def test_names_with_spaces_and_digits(desk: Desk, text: str) -> None:
    desk.says(desk.li, text)
    assert desk.asked == [("task.promise", "customer", desk.seven.id, {"date": "2026-07-15", "amount": "500.00"})]


def test_an_unsure_name_is_asked_back_and_the_tap_does_the_same(desk: Desk) -> None:
    today, tomorrow = desk.work, make_work(desk.work.session, date(2026, 7, 9))
    for text, action, given in REP:
        unsure = text.replace("承诺华", "承诺 华").replace("C019", "hxsm").replace("华兴商贸", "hxsm").replace("Ｃ０１９",
        "hxsm")
        desk.work = today
        reply = desk.says(desk.li, unsure)
        assert desk.asked == []
        assert (reply.kind, reply.view.code, reply.customer_id) == ("reply.confirm", "C019", desk.hx.id), unsure
        named = {"code": "C019", "name": "华兴商贸有限公司"}
        assert reply.json["confirm"] == {"action": action, "customer": named, "input": given}
        assert reply.pending is not None
        desk.work = tomorrow  # the tap comes a day later and means the same day
        desk.says(desk.li, reply.pending, confirmed=True)
        assert desk.asked.pop() == (action, "customer", desk.hx.id, given), reply.pending


def test_several_customers_are_a_choice_and_nothing_happens_yet(desk: Desk) -> None:
    other = desk.customer("C 20", "华兴电子")
    reply = desk.says(desk.li, "/promise 华兴 明天 5万")
    assert (reply.kind, reply.outcome, desk.asked) == ("reply.choice", "done", [])
    assert [option.value for option in reply.view.options] == ["C 20", "C019"]
    assert reply.pending == "/promise {pick} 2026-07-09 50000.00"
    desk.says(desk.li, picked(reply.pending, "C 20"), confirmed=True)
    assert desk.asked == [("task.promise", "customer", other.id, {"date": "2026-07-09", "amount": "50000.00"})]


WRONG = [
        ("/promise", "customer.missing"), ("/promise C019", "command.usage"), ("/promise C019 soon", "date.unknown"),
        ("/promise C019 6-30", "date.past"), ("/promise C019 2-30", "date.no_such_day"),
        ("/promise C019 5万", "command.usage"),
        ("/promise C019 7-15 1.234,56", "amount.ambiguous"), ("/promise C019 7-15 -500", "amount.negative"),
        ("/promise C019 7-15 NaN", "amount.bad"), ("/promise C019 7-15 1e9", "amount.bad"),
        ("/promise C019 7-15 0", "amount.zero"), ("/promise C019 7-15 1万5", "amount.unit"),
        ("/promise C019 8.5 12.1", "date.or_amount"), ("/paid C019 12.1", "date.or_amount"),
        ("争议 C019 短少 5万 破损 3万", "amount.several"), ("争议 C019 短少 1.234,56", "amount.ambiguous"),
        ("/promise C019 5.5 5万", "date.past"),
        ("/promise C019 7-15 0.001", "money.precision"), ("/promise C777 7-15", "customer.unknown"),
        ("/promise 不存在 明天 5万", "customer.unknown"), ("/paid C019 明天", "date.future"),
        ("/paid C019 yes", "command.rest"),
        ("/pause C019 7-15", "command.usage"), ("/pause C019 对账", "date.unknown"), ("/snooze C019", "command.usage"),
        ("/log C019", "command.usage"), ("/dispute C019 part", "command.usage"), ("/unpause C019 now", "customer.unknown"),
        ("/receipt C019 500 7-1", "action.not_allowed"), ("/allocate R-1 INV-1", "action.not_allowed"),
        ("/credit-note C019 500 退货", "action.not_allowed"),
]  # fmt: skip


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_is_wrong_is_said_and_nothing_happens(desk: Desk, lang: str) -> None:
    for text, code in WRONG:
        reply = desk.says(desk.li, text, lang)
        assert desk.asked == []
        assert (reply.kind, reply.code, reply.view.code) == ("reply.error", code, code), text
        assert reply.outcome == ("not_allowed" if code == "action.not_allowed" else "invalid")
        assert reply.view.message != code and "{" not in reply.view.message + reply.view.hint
        assert set(reply.json["error"]) == {"code", "message", "hint"}


def test_a_past_day_offers_next_year(desk: Desk) -> None:
    reply = desk.says(desk.li, "/promise C019 6-30")
    assert reply.facts["next"] == "2027-06-30"
    assert reply.view.hint == "如指明年，请写 2027-06-30"
    assert desk.says(desk.li, "/promise C019 2025-01-01").view.hint == ""


FINANCE = [
    ("/receipt C019 5万 7-1", "receipt.record", {"amount": "50000.00", "date": "2026-07-01"}),
    ("收款 华兴商贸 昨天 USD 500 R-77", "receipt.record",
     {"amount": "500.00", "currency": "USD", "date": "2026-07-07", "number": "R-77"}),
    ("/receipt C019 500 20260701 2026001", "receipt.record", {"amount": "500.00", "date": "2026-07-01",
    "number": "2026001"}),
    ("/credit-note C019 500 CN-1 退货 两箱", "credit_note.record", {"amount": "500.00", "number": "CN-1",
    "reason": "退货 两箱"}),
    ("红字 华兴商贸 500 退货", "credit_note.record", {"amount": "500.00", "reason": "退货"}),
    ("credit note C019 500 returned goods", "credit_note.record", {"amount": "500.00", "reason": "returned goods"}),
]  # fmt: skip


def test_the_card_repeats_what_was_understood(desk: Desk) -> None:
    def shown(text: str, lang: str) -> list[tuple[str, str]]:
        return [(line.label, line.value) for line in desk.says(desk.li, text, lang).view.details]

    assert shown("/promise C019 7-15 5万 尾款", "zh") == [
        ("客户", "华兴商贸有限公司"), ("承诺日期", "7月15日"), ("金额", "¥50,000.00"), ("备注", "尾款"),
    ]  # fmt: skip
    assert shown("/promise C019 2027-01-05 USD 5k", "en")[1:] == [("Promised for", "5 Jan 2027"), ("Amount", "US$5,000.00")]
    assert shown("/dispute C019 质量", "zh")[1:] == [("原因", "质量问题")]


def test_what_finance_books(desk: Desk) -> None:
    for text, action, given in FINANCE:
        assert desk.says(desk.fin, text).kind == "reply.done"
        assert desk.asked.pop() == (action, "customer", desk.hx.id, given), text


def test_an_amount_is_never_without_its_currency(desk: Desk) -> None:
    def amount(text: str) -> str:
        return next(line.value for line in desk.says(desk.fin, text).view.details if line.label == "金额")

    assert amount("收款 华兴商贸 5000 7-1") == amount("红字 华兴商贸 5000 退货") == "¥5,000.00"
    receivable(desk.work, "INV-1", desk.hx, "500.00", currency="USD")
    assert amount("收款 华兴商贸 5000 7-1") == "US$5,000.00", "the only currency open"
    assert amount("收款 华兴 5000 7-1") == "US$5,000.00", "asked back, too"
    assert amount("收款 华兴商贸 EUR 5000 7-1") == "€5,000.00"


def test_what_finance_got_wrong(desk: Desk) -> None:
    receipt(desk.work, desk.hx, "500.00", number="R-1")
    receivable(desk.work, "INV-1", desk.hx, "500.00")
    for text, code in [
        ("/receipt C019", "command.usage"), ("/receipt C019 500", "command.usage"), ("/receipt C019 7-1", "command.usage"),
        ("/receipt C019 五六 7-1", "amount.bad"), ("/receipt C019 500 明天", "date.future"),
        ("/credit-note C019 500", "command.usage"), ("/allocate R-1", "command.usage"),
        ("/allocate R-404 INV-1", "receipt.unknown"), ("/allocate R-1 INV-404", "receivable.unknown"),
        ("/allocate R-1 INV-1 all", "command.rest"),
    ]:  # fmt: skip
        assert desk.says(desk.fin, text).code == code, text
        assert desk.asked == []


def test_a_receipt_is_put_on_a_receivable(desk: Desk) -> None:
    money = receipt(desk.work, desk.hx, "500.00", number="R-1", source="bank")
    receipt(desk.work, desk.seven, "500.00", number="R-1", source="manual")
    receivable(desk.work, "INV-1", desk.hx, "500.00")
    desk.says(desk.fin, "/allocate R-1 INV-1")
    desk.says(desk.fin, "核销 R-1 INV-1 ¥200")
    given = {"receipt": "R-1", "receivable": "INV-1"}
    assert desk.asked == [
        ("receipt.allocate", "receipt", money.id, given),
        ("receipt.allocate", "receipt", money.id, given | {"amount": "200.00", "currency": "CNY"}),
    ]


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (Outcome(Result.already, "task.answered", {"by": "小张"}), "reply.done"),
        (Outcome(Result.not_allowed, "action.not_allowed", {"action": "task.promise"}), "reply.error"),
        (Outcome(Result.invalid, "promise.nothing_open"), "reply.error"),
        (Outcome(Result.stale, "action.stale"), "reply.error"),
    ],
)
def test_the_outcome_is_told(desk: Desk, outcome: Outcome, kind: str) -> None:
    desk.outcome = outcome
    reply = desk.says(desk.li, "/promise C019 明天")
    assert (reply.kind, reply.outcome, reply.code) == (kind, str(outcome.result), outcome.code)


def test_domain_errors_never_escape(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def execute(work: Work, request: ActionRequest) -> Outcome:
        raise DomainError("ledger.too_much", outcome="y")

    monkeypatch.setattr(actions, "execute", execute)
    assert desk.says(desk.li, "/paid C019").code == "ledger.too_much"
