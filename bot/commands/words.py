"""What commands do and did, and what their fields are called, (zh, en). What is wrong is said by bot/words.toml."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from bot.words import NOT_ALLOWED, beyond, days_in_words, known, sentence, words_of
from core.money import Money, format_money

_Two = tuple[str, str]

# What took effect, where the code says more than the action.
_DONE: dict[str, _Two] = {
    "promise.proposed": ("{why}，已请上级审批", "{why}: the manager is asked to approve"),
    "promise.made_instead": ("承诺已登记，先前待审批的承诺已撤回", "Logged; what waited for the manager is withdrawn"),
    "pause.proposed": ("暂停已提交，等上级审批", "The manager is asked to approve the pause"),
    "group.limit_ended": ("集团额度已取消", "The group has no limit of its own any more"),
    "limit.raised": ("临时额度已生效，到期恢复原额度", "The limit is raised until then"),
    "hold.suspended": ("催收流程的暂停下单已暂缓，到期未结清即恢复", "Dunning stops no orders until then"),
    "hold.both": ("客户已解冻；催收流程的暂停下单也已暂缓", "The hold is lifted, and that of dunning rests until then"),
    "hold.ladder_stays": (
        "人工冻结已解除；催收流程的暂停下单仍在，要暂缓请写明到哪天",
        "The hold is lifted; dunning still stops the orders: name a day until which it rests",
    ),
    "limit.prepared": ("临时额度已设定，到开始日期生效", "The limit is raised from that day on"),
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
    "group.limit_set": (("设置集团额度", "Set the limit of the group"), ("集团额度已调整", "Group limit set")),
    "limit.ask": (("申请临时额度", "Ask for a temporary limit"), ("申请已提交，等财务审批", "Asked; finance decides")),
    "limit.set": (("调整信用额度", "Set the credit limit"), ("信用额度已调整", "Credit limit set")),
    "hold.set": (("冻结客户，新订单须审批", "Hold the customer's orders"),
    ("客户已冻结，新订单须审批", "New orders need approval now")),
    "hold.lift": (("解冻客户", "Lift the hold"), ("客户已解冻", "The hold is lifted")),
    "blacklist.set": (("列入黑名单", "Blacklist the customer"),
    ("客户已列入黑名单，订单不予放行", "Blacklisted: orders are refused")),
    "blacklist.end": (("移出黑名单", "Take off the blacklist"), ("客户已移出黑名单", "Off the blacklist")),
    "rating.set": (("设定评级", "Set the rating"), ("评级已设定", "Rating set")),
    "person.away": (("登记外出", "Say that you are away"), ("已登记外出", "You are away")),
    "person.back": (("登记返岗", "Say that you are back"),
    ("已返岗，审批恢复由您处理", "Welcome back: approvals are yours again")),
    "account.code": (("绑定账号", "Link an account"), ("绑定码已生成", "Here is your code")),
    "account.prefer": (
        ("换推送渠道", "Choose where cards go"),
        ("好的，以后的卡片发到{messenger}", "Cards go to {messenger} from now on"),
    ),
    "lang.set": (("切换语言", "Change the language"), ("好的，以后用中文", "English from now on")),
}

LABELS: dict[str, _Two] = {
    "customer": ("客户", "Customer"), "date": ("承诺日期", "Promised for"), "amount": ("金额", "Amount"), "note": ("备注",
    "Note"),
    "from": ("开始日期", "From"), "deputy": ("代理人", "Deputy"),
    "rating": ("评级", "Rating"), "limit": ("额度", "Limit"), "group": ("集团", "Group"),
    "related": ("关联客户", "Related customers"),
    "reason": ("原因", "Reason"), "outcome": ("结果", "Outcome"), "until": ("直到", "Until"), "paid_on": ("付款日期",
    "Paid on"),
    "received_on": ("收款日期", "Received on"), "number": ("编号", "Number"), "receivable": ("应收", "Receivable"),
    "replaced": ("取代原承诺", "In place of"), "standing": ("原承诺不变", "Still stands"),
    "receipt": ("收款", "Receipt"), "link_code": ("绑定码", "Code"), "messenger": ("渠道", "Messenger"),
}  # fmt: skip

VALUES: dict[str, _Two] = {
    "quality": ("质量问题", "quality"), "quantity": ("数量不符", "quantity"), "price": ("价格有误", "price"),
    "delivery": ("交付问题", "delivery"), "invoice": ("发票有误", "invoice"), "contract": ("合同条款", "contract"),
    "unlimited": ("未设额度", "no limit"),
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


# What became of what a customer said; nothing is said of what still stands, or of what a letter's line shows anyway.
BECAME: dict[str, dict[str, _Two]] = {
    "promise": {
        "proposed": ("待审批", "waits for approval"), "kept": ("已兑现", "kept"),
        "partly_kept": ("部分兑现", "kept in part"),
        "broken": ("未兑现", "broken"), "replaced": ("已改期", "replaced"), "rejected": ("未获批准", "not approved"),
    },
    "claim": {
        "confirmed": ("已到账", "confirmed"), "voided": ("未查到款项", "no such payment"), "expired": ("已过期", "expired"),
    },
    "dispute": {
        "accepted": ("成立", "accepted"), "rejected": ("不成立", "rejected"), "part": ("部分成立", "accepted in part"),
        "ended": ("已结束", "ended"),
    },
}  # fmt: skip


def of(pair: _Two, lang: str) -> str:
    return pair[0] if lang == "zh" else pair[1]


def say(code: str, facts: Mapping[str, Any], lang: str, today: date | None = None) -> tuple[str, str]:
    """(message, hint), days as seen from `today`. A code without a sentence says itself; a hint whose facts are missing or
    empty is left out."""
    words = words_of(code)
    if words is None:
        return code, ""
    if code == NOT_ALLOWED:
        return sentence(code, facts, lang)
    shown = {key: _shown(fact, lang) for key, fact in days_in_words(facts, today, lang).items()}
    shown.setdefault("handle", shown.get("person", shown.get("value", "…")))
    if "needs" in facts:
        shown["why"] = beyond(facts, lang)
    en = lang != "zh"
    message, hint = words[en], words[2 + en] if len(words) > 2 else ""
    try:
        message = message.format_map(shown)
    except KeyError:
        message = code
    try:
        hint = hint.format_map(shown)
    except KeyError:
        return message, ""
    return message, "" if len(words) > 2 and "{next}" in words[2 + en] and not shown["next"] else hint


def said(
    action: str, code: str, facts: Mapping[str, Any], lang: str, *, already: bool = False, today: date | None = None
) -> str:
    """What became of an action that was not refused."""
    if already:
        return say(code, facts, lang, today)[0] if known(code) else of(_ALREADY, lang)
    if code in _DONE:
        return of(_DONE[code], lang).format(why=beyond(facts, lang) if "needs" in facts else "")
    return of(DOES[action][1], lang) if action in DOES else code


def _shown(fact: Any, lang: str) -> str:
    return format_money(fact, lang) if isinstance(fact, Money) else str(fact)


def label(name: str, lang: str) -> str:
    return of(LABELS.get(name, (name, name)), lang)


def value(code: str, lang: str) -> str:
    return of(VALUES.get(code, (code, code)), lang)


def happened(code: str, lang: str) -> str:
    return of(HAPPENED.get(code, (code, code)), lang)


def became(what: str, state: str, lang: str) -> str:
    """What became of a promise, claim or dispute; "" while it stands, and of anything else."""
    pair = BECAME.get(what, {}).get(state)
    return of(pair, lang) if pair is not None else ""
