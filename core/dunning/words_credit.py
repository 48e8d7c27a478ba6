"""What a policy says about credit, in plain words, in zh and en."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from core.credit.rules import CreditRules, Route, Rung
from core.dunning.words_rating import rating_lines
from core.money import Money, format_money

Word = Callable[[str], str]  # the words of the rest of the policy: roles, people

_WORDS = {
    "open": ("应收余额", "open receivables"),
    "orders": ("已放行未发货的订单", "released orders not shipped"),
    "shipments": ("已发货未开票的货物", "shipments not invoiced"),
    "overdue_part": ("逾期款", "amounts overdue"),
    "this": ("本单", "the order itself"),
    "over_limit": ("超信用额度", "over the limit"),
    "over_group_limit": ("超集团额度", "over the limit of the group"),
    "over_part_limit": ("超分项额度", "over the limit of a part"),
    "no_credit": ("款到发货客户", "cash-only customer"),
    "overdue": ("有逾期款", "overdue"),
    "frozen": ("逾期冻结", "frozen"),
    "hold": ("暂停下单", "hold on orders"),
    "terms": ("账期过长", "terms too long"),
    "discount": ("折扣过大", "discount too high"),
    "below_cost": ("低于成本价", "below cost"),
    "no_rate": ("缺内部汇率", "no internal rate"),
    "prepayment_awaited": ("预付款未到账", "prepayment awaited"),
    "new": ("新客户", "new"),
}


def credit_lines(rules: CreditRules, word: Word, lang: str, currency: str) -> list[str]:
    """One line a sentence. `currency` is the company's."""
    zh = lang == "zh"
    lines = [_used(rules, zh), _asked(rules, zh), _hours(rules, zh)]
    if rules.part_limits:
        lines.append(_part_limits(rules, lang, currency))
    if rules.ask_within:
        role = word(rules.ask_within)
        lines.append(f"额度内的订单也须{role}审批" if zh else f"Orders within the limit are asked of the {role}, too")
    if rules.cash_only:
        rated = ("、" if zh else ", ").join(_say(rating, zh) for rating in rules.cash_only)
        cash = "只能款到发货（额度按 0 计）" if zh else "cash only, the limit counts as 0"
        lines.append(f"评级为 {rated} 的客户{cash}" if zh else f"Rated {rated}: {cash}")
    if rules.insured == "extra":
        lines.append("信用保险额度加到客户额度上" if zh else "What an insurer answers for is added to the limit")
    lines.append(_events(rules, zh))
    if rules.check_related:
        role = word(rules.check_related)
        check = f"客户列入黑名单后，由{role}排查关联企业" if zh else f"Related to a blacklisted customer: checked by {role}"
        lines.append(check)
    lines += _goods(rules, zh)
    if rules.rates:
        rates = [f"1 {code} = {rate:f} {currency}" for code, rate in rules.rates.items()]
        lines.append("内部汇率：" + "，".join(rates) if zh else "Internal rates: " + ", ".join(rates))
    lines += [_route(route, word, lang) for route in rules.routes]
    return [*lines, *rating_lines(rules, word, lang)]


def _events(rules: CreditRules, zh: bool) -> str:
    """What reports from outside lead to."""
    warned = rules.risk_alerts == "warning"
    if zh:
        then = {"hold": "，并暂停下单", "blacklist": "，并列入本公司黑名单", "alert": ""}
        told = "警示及重大事件" if warned else "重大事件"
        return f"外部风险事件：{told}通知风控和客户负责人；外部列入黑名单也通知{then[rules.on_blacklist_event]}"
    then = {"hold": ", which stops orders", "blacklist": ", which blacklists the customer here", "alert": ""}
    told = "Warnings and major risk events" if warned else "Major risk events"
    return f"{told} are told to risk and the owner; so is a blacklisting elsewhere{then[rules.on_blacklist_event]}"


def _goods(rules: CreditRules, zh: bool) -> list[str]:
    """Who is asked about goods that nobody has signed for, or invoiced."""
    said = []
    if days := rules.unsigned_days:
        said.append(f"发货满 {days} 天未签收，提醒负责人" if zh else f"not signed for after {days} days: the owner is asked")
    if days := rules.uninvoiced_days:
        said.append(
            f"签收或订单关闭满 {days} 天未开票，提醒财务" if zh
            else f"not invoiced {days} days after the signature, or the end of the order: finance is asked"
        )  # fmt: skip
    return [("发货：" if zh else "Goods: ") + ("；" if zh else "; ").join(said)] if said else []


def _say(code: str, zh: bool) -> str:
    return _WORDS[code][not zh] if code in _WORDS else code


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"


def _used(rules: CreditRules, zh: bool) -> str:
    parts = " + ".join(_say(part, zh) for part in rules.parts)
    if zh:
        net = "，减未核销款" if rules.net_unapplied else ""
        return f"信用占用：{parts}{net}；预付款{'到账才算' if rules.prepaid == 'received' else '按订单所写即算'}"
    net = ", less unapplied credit" if rules.net_unapplied else ""
    return f"Credit used: {parts}{net}; prepayment counts {'once it is in' if rules.prepaid == 'received' else 'as ordered'}"


def _part_limits(rules: CreditRules, lang: str, currency: str) -> str:
    zh = lang == "zh"
    said = [
        f"{_say('overdue_part' if part == 'overdue' else part, zh)} {format_money(Money(minor, currency), lang)}"
        for part, minor in rules.part_limits.items()
    ]
    if zh:
        return f"分项额度：{'，'.join(said)}；超出的须审批"
    return f"Limits of parts: {', '.join(said)}; beyond one of them: approval"


def _asked(rules: CreditRules, zh: bool) -> str:
    frozen, terms, discount = rules.freeze_days_over, rules.terms_days, _percent(rules.discount)
    refused = rules.below_cost == "refuse"
    if zh:
        overdue = "客户有逾期款；" if rules.hold_on_overdue else ""
        below = "低于成本价的订单直接拒绝" if refused else "低于成本价的订单也须审批"
        return f"须审批：超信用额度；{overdue}逾期超过 {frozen} 天；账期超过 {terms} 天；折扣超过 {discount}。{below}"
    overdue = "anything overdue; " if rules.hold_on_overdue else ""
    below = "Below cost: refused" if refused else "Below cost: approval, too"
    return (
        f"Needs approval: over the limit; {overdue}overdue by more than {frozen} days; terms above {terms} days; "
        f"discount above {discount}. {below}"
    )


def _hours(rules: CreditRules, zh: bool) -> str:
    if zh:
        lapse = f"{rules.expires_hours} 个工作小时未处理即失效；批准后 {rules.approval_good_days} 天内预付款未到账，重新审批"
        above = f"第 {rules.escalate_at} 次提醒起上级也可审批，" if rules.escalate_at else ""
        return f"审批申请 {rules.remind_hours} 个工作小时未处理即提醒，{above}{lapse}"
    lapse = f"expired after {rules.expires_hours}; asked anew if prepayment takes {rules.approval_good_days} days or more"
    above = f"from reminder {rules.escalate_at} on whoever is above may decide, too; " if rules.escalate_at else ""
    return f"Requests: a reminder after {rules.remind_hours} working hours; {above}{lapse}"


def _route(route: Route, word: Word, lang: str) -> str:
    zh = lang == "zh"
    rungs = ("，再由" if zh else ", then ").join(_rung(rung, word, zh) for rung in route.rungs)
    when = ("，" if zh else ", ").join(_conditions(route, lang)) or ("其余订单" if zh else "all other orders")
    return f"审批路径 {route.name}（{when}）：由{rungs}审批" if zh else f"Route {route.name} ({when}): {rungs}"


def _rung(rung: Rung, word: Word, zh: bool) -> str:
    people = [word(one) for one in rung.audience]
    if rung.need == "all":
        return "、".join(people) + "全部" if zh else "all of " + " and ".join(people)
    return "或".join(people) if zh else " or ".join(people)


def _conditions(route: Route, lang: str) -> list[str]:
    zh = lang == "zh"
    said: list[str] = []
    if route.reasons:
        reasons = _any(route.reasons, zh)
        said.append(f"原因：{reasons}" if zh else f"because of: {reasons}")
    if route.over_from:
        amounts = _amounts(route.over_from, lang)
        said.append(f"超额至少 {amounts}" if zh else f"over by at least {amounts}")
    if route.over_share_from == 0:
        said.append(_say("over_limit", zh))
    elif route.over_share_from is not None:
        share = _percent(route.over_share_from)
        said.append(f"超额至少为额度的 {share}" if zh else f"over by at least {share} of the limit")
    if route.overdue_from:
        amounts = _amounts(route.overdue_from, lang)
        said.append(f"逾期金额至少 {amounts}" if zh else f"at least {amounts} overdue")
    if route.overdue_days_from is not None:
        days = route.overdue_days_from
        said.append(f"逾期至少 {days} 天" if zh else f"overdue by at least {days} days")
    if route.rating:
        rated = _any(route.rating, zh)
        said.append(f"评级 {rated}" if zh else f"rated {rated}")
    return said


def _amounts(by_currency: Mapping[str, int], lang: str) -> str:
    return " / ".join(format_money(Money(minor, code), lang) for code, minor in by_currency.items())


def _any(codes: Iterable[str], zh: bool) -> str:
    return ("或" if zh else " or ").join(_say(code, zh) for code in codes)
