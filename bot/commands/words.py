"""Sentences of the commands: (zh, en) of what is wrong, and of what to do about it."""

from collections.abc import Mapping
from typing import Any

from core.money import Money, format_money

_Two = tuple[str, str]

ERRORS: dict[str, tuple[_Two, _Two]] = {
    "customer.unknown": (
        ("找不到客户“{value}”", "No customer called “{value}”"),
        ("可用编号、名称、简称或拼音首字母", "Try the code, the name, the short name or initials"),
    ),
    "customer.missing": (("请写明客户", "Which customer?"), ("用法：{usage}", "Usage: {usage}")),
    "person.unknown": (("找不到人员“{value}”", "No person called “{value}”"), ("", "")),
    "receivable.unknown": (("找不到应收“{value}”", "No receivable “{value}”"), ("", "")),
    "receipt.unknown": (("找不到收款“{value}”", "No receipt “{value}”"), ("", "")),
    "command.usage": (("还缺内容", "Something is missing"), ("用法：{usage}", "Usage: {usage}")),
    "command.rest": (("看不懂“{value}”", "I don't understand “{value}”"), ("用法：{usage}", "Usage: {usage}")),
    "command.later": (("本版本还没有“{value}”", "“{value}” is not in this version yet"),
    ("输入 帮助 看可用的命令", "Type help for what there is")),
    "action.not_allowed": (("您没有此操作的权限", "You may not do that"), ("", "")),
    "date.unknown": (
        ("“{value}”不是日期", "“{value}” is no date I know"),
        ("例如：明天、周五、月底、7-15、2026-07-15", "For example: tomorrow, fri, end of month, 7-15, 2026-07-15"),
    ),
    "date.no_such_day": (("没有“{value}”这一天", "There is no such day: “{value}”"),
    ("月在前，日在后，例如 7-15", "Month first, then day: 7-15")),
    "date.past": (("“{value}”已经过去了", "“{value}” has passed"), ("如指明年，请写 {next}", "For next year, write {next}")),
    "date.future": (("“{value}”还没有到", "“{value}” has not come yet"), ("", "")),
    "amount.bad": (("“{value}”不是金额", "“{value}” is no amount"),
    ("例如：5万、50,000、USD 500", "For example: 50,000 or 5k or USD 500")),
    "amount.ambiguous": (
        ("“{value}”可以有两种读法", "“{value}” could mean two amounts"),
        ("请写成 1234.56 或 1,234.56", "Please write 1234.56 or 1,234.56"),
    ),
    "amount.unit": (
        ("“{value}”缺少单位，读法不止一种", "“{value}” lacks a unit and could be read in two ways"),
        ("请写成 1.5万 或 15000", "Please write 15k or 15000"),
    ),
    "date.or_amount": (
        ("“{value}”可以是日期，也可以是金额", "“{value}” could be a date or an amount"),
        ("日期请写成 7月15日 或 7-15，金额请写成 12.10元", "Please write a date as 7-15, an amount as CNY 12.10"),
    ),
    "amount.negative": (("金额不能是负数：{value}", "An amount cannot be negative: {value}"), ("", "")),
    "amount.zero": (("金额不能是零", "An amount cannot be zero"), ("", "")),
    "money.precision": (("{currency} 最多 {digits} 位小数：{value}", "{currency} has {digits} decimals: {value}"), ("", "")),
    "money.too_large": (("金额太大：{value}", "That amount is too large: {value}"), ("", "")),
    "lang.unknown": (("没有这种语言：{value}", "No such language: {value}"), ("可用：zh、en", "There are zh and en")),
}

# The same for what the domain refuses: most of them need no advice.
_REFUSED: dict[str, _Two] = {
    "action.unknown": ("没有这个操作：{action}", "There is no such action: {action}"),
    "action.stale": ("卡片已更新，请看最新一张", "The card has changed; look at the newest one"),
    "claim.bad_amount": ("金额不对", "That amount is not right"),
    "claim.decided": ("已经处理过了", "It has been decided already"),
    "claim.future": ("付款日期还没有到：{on}", "That day has not come yet: {on}"),
    "claim.nothing_open": ("没有未结金额", "Nothing is open"),
    "claim.number_taken": ("编号已用过：{number}", "That number is taken: {number}"),
    "claim.which_currency": ("请写明币种：{currencies}", "Which currency: {currencies}?"),
    "credit_note.there": ("这张红字已登记：{number}", "That credit note is recorded already: {number}"),
    "dispute.amount_needed": ("请写明接受的金额", "How much of it is accepted?"),
    "dispute.decided": ("争议已经处理过了", "The dispute is settled already"),
    "dispute.none": ("没有待处理的争议", "No dispute is open"),
    "dispute.nothing_open": ("没有未结金额", "Nothing is open"),
    "dispute.outcome": ("请写 接受、驳回 或 部分", "Accept, reject or part?"),
    "dispute.reason": ("没有这种争议原因：{reason}", "No such reason: {reason}"),
    "dispute.too_much": ("超过可争议的金额", "More than can be disputed"),
    "dispute.which_currency": ("请写明币种：{currencies}", "Which currency: {currencies}?"),
    "input.bad_amount": ("“{value}”不是金额", "“{value}” is no amount"),
    "input.bad_date": ("“{value}”不是日期", "“{value}” is no date"),
    "task.copy_what": ("请填写需要什么单据", "Please say which document is needed"),
    "input.missing": ("还缺内容：{name}", "Something is missing: {name}"),
    "ledger.already_undone": ("核销已撤销", "That allocation is undone already"),
    "ledger.bad_amount": ("金额不对：{amount}", "That amount is not right: {amount}"),
    "ledger.below_allocated": ("低于已核销的金额", "Less than what is allocated already"),
    "ledger.not_enough_credit": ("收款余额不足", "Not that much is left of the receipt"),
    "ledger.nothing_open": ("{number} 没有未结金额", "Nothing is open on {number}"),
    "ledger.other_currency": ("{credit} 与 {number} 币种不同", "{credit} and {number} have different currencies"),
    "ledger.other_customer": ("{credit} 与 {number} 不是同一客户", "{credit} and {number} belong to different customers"),
    "ledger.too_much": ("超过未结金额", "More than is open"),
    "money.not_a_number": ("“{value}”不是金额", "“{value}” is no amount"),
    "pause.decided": ("已经处理过了", "It has been decided already"),
    "pause.no_manager": ("没有可以审批的上级", "There is no manager who could approve it"),
    "pause.none": ("没有暂停", "Nothing is paused"),
    "pause.past": ("{on} 已经过去了", "{on} has passed"),
    "pause.reason": ("请写明暂停原因", "Why is it paused?"),
    "pause.running": ("已经在暂停中", "It is paused already"),
    "promise.beyond_limits": ("超出承诺限制", "Beyond the limits for promises"),
    "promise.decided": ("已经处理过了", "It has been decided already"),
    "promise.expired": ("{on} 已经过去了", "{on} has passed"),
    "promise.nothing_open": ("没有未结金额", "Nothing is open"),
    "promise.past": ("{on} 已经过去了", "{on} has passed"),
    "promise.which_currency": ("请写明币种：{currencies}", "Which currency: {currencies}?"),
    "receipt.future": ("{on} 还没有到", "{on} has not come yet"),
    "receipt.nothing_unapplied": ("收款没有可核销的余额", "Nothing is left of the receipt"),
    "receipt.other_currency": ("收款币种是 {receipt}，不是 {currency}", "The receipt is in {receipt}, not in {currency}"),
    "receipt.there": ("这笔收款已登记：{number}", "That receipt is recorded already: {number}"),
    "task.again_past": ("{on} 已经过去了", "{on} has passed"),
    "task.again_too_far": ("最晚到 {latest}", "Not later than {latest}"),
    "task.none": ("您没有这个客户的待办", "You have no open task about this customer"),
    "task.note_needed": ("请写几个字说明", "Please say a few words"),
    "task.snooze_past": ("{on} 已经过去了", "{on} has passed"),
    "task.snooze_often": ("不能再推迟了", "It cannot be snoozed again"),
}
ERRORS |= {code: (pair, ("", "")) for code, pair in _REFUSED.items()}

# What took effect, where the code says more than the action.
_DONE: dict[str, _Two] = {
    "promise.proposed": ("承诺超出限制，已请上级审批", "Beyond the limits: the manager is asked to approve"),
    "pause.proposed": ("暂停已提交，等上级审批", "The manager is asked to approve the pause"),
    "receipt.was_claim": ("收款已登记，即先前所称的付款", "Receipt recorded; it is the payment claimed before"),
    "dispute.accepted": ("争议已接受，已开红字", "Dispute accepted; a credit note is posted"),
    "dispute.rejected": ("争议已驳回", "Dispute rejected"),
    "dispute.part": ("争议部分接受，已开红字", "Dispute accepted in part; a credit note is posted"),
}
_ALREADY = ("之前已经处理过，没有变化", "That had been done before; nothing changed")

# What a write does, on its confirm and done cards.
DOES: dict[str, tuple[_Two, _Two]] = {
    "task.promise": (("登记承诺", "Log a promise"), ("承诺已登记", "Promise logged")),
    "task.paid": (("登记“客户称已付款”", "Log that they say it is paid"), ("已登记，待财务核对", "Logged; finance checks")),
    "task.dispute": (("登记争议", "Log a dispute"), ("争议已登记", "Dispute logged")),
    "dispute.settle": (("处理争议", "Settle the dispute"), ("争议已处理", "Dispute settled")),
    "pause.set": (("暂停催收", "Pause dunning"), ("已暂停催收", "Dunning paused")),
    "pause.end": (("恢复催收", "Resume dunning"), ("已恢复催收", "Dunning resumed")),
    "task.note": (("记录", "Add a note"), ("已记录", "Noted")),
    "task.snooze": (("稍后提醒", "Snooze"), ("稍后再提醒", "Snoozed")),
    "receipt.record": (("登记收款", "Record a receipt"), ("收款已登记", "Receipt recorded")),
    "receipt.allocate": (("核销", "Allocate"), ("已核销", "Allocated")),
    "credit_note.record": (("登记红字", "Record a credit note"), ("红字已登记", "Credit note recorded")),
    "lang.set": (("切换语言", "Change the language"), ("好的，以后用中文", "English from now on")),
}

LABELS: dict[str, _Two] = {
    "customer": ("客户", "Customer"), "date": ("承诺日期", "Promised for"), "amount": ("金额", "Amount"), "note": ("备注",
    "Note"),
    "reason": ("原因", "Reason"), "outcome": ("结果", "Outcome"), "until": ("直到", "Until"), "paid_on": ("付款日期",
    "Paid on"),
    "received_on": ("收款日期", "Received on"), "number": ("编号", "Number"), "receivable": ("应收", "Receivable"),
    "receipt": ("收款", "Receipt"),
}  # fmt: skip

VALUES: dict[str, _Two] = {
    "quality": ("质量问题", "quality"), "quantity": ("数量不符", "quantity"), "price": ("价格有误", "price"),
    "delivery": ("交付问题", "delivery"), "invoice": ("发票有误", "invoice"), "contract": ("合同条款", "contract"),
    "other": ("其他", "other"), "accepted": ("接受", "accepted"), "rejected": ("驳回", "rejected"), "part": ("部分接受",
    "in part"),
}  # fmt: skip

# What happened to a receivable, in its trace.
HAPPENED: dict[str, _Two] = {
    "issue": ("开票", "issued"), "adjustment": ("调整", "adjusted"), "allocation": ("核销", "paid"),
    "letter": ("信函", "letter"),
    "letter.friendly": ("友好提醒", "friendly reminder"), "letter.notice": ("付款通知", "payment notice"),
    "letter.final": ("催款函", "letter of demand"),
    "promise": ("承诺", "promise"), "claim": ("称已付款", "says paid"), "dispute": ("争议", "dispute"), "task": ("提醒",
    "reminder"),
    "alert": ("预警", "alert"), "result": ("登记结果", "result"), "note": ("记录", "note"), "credit_note": ("红字",
    "credit note"),
    "undone": ("撤销核销", "unallocated"),
    "paid": ("称已付款", "says paid"), "part_paid": ("称已付部分", "says part is paid"), "not_reached": ("联系不上",
    "not reached"), "copy": ("需要单据", "needs a copy"), "other": ("其他结果", "other result"),
}  # fmt: skip


def of(pair: _Two, lang: str) -> str:
    return pair[0] if lang == "zh" else pair[1]


def say(code: str, facts: Mapping[str, Any], lang: str) -> tuple[str, str]:
    """(message, hint). A code without a sentence says itself; a hint whose facts are missing or empty is left out."""
    known = ERRORS.get(code)
    if known is None:
        return code, ""
    shown = {key: _shown(fact, lang) for key, fact in facts.items()}
    message, hint = (of(pair, lang) for pair in known)
    try:
        message = message.format_map(shown)
    except KeyError:
        message = code
    try:
        hint = hint.format_map(shown)
    except KeyError:
        return message, ""
    return message, "" if "{next}" in of(known[1], lang) and not shown["next"] else hint


def said(action: str, code: str, facts: Mapping[str, Any], lang: str, *, already: bool = False) -> str:
    """What became of an action that was not refused."""
    if already:
        return say(code, facts, lang)[0] if code in ERRORS else of(_ALREADY, lang)
    if code in _DONE:
        return of(_DONE[code], lang)
    return of(DOES[action][1], lang) if action in DOES else code


def _shown(fact: Any, lang: str) -> str:
    return format_money(fact, lang) if isinstance(fact, Money) else str(fact)


def label(name: str, lang: str) -> str:
    return of(LABELS.get(name, (name, name)), lang)


def value(code: str, lang: str) -> str:
    return of(VALUES.get(code, (code, code)), lang)


def happened(code: str, lang: str) -> str:
    return of(HAPPENED.get(code, (code, code)), lang)
