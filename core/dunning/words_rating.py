"""What a policy says about ratings, what they are worth, and proposals for limits, in plain words, in zh and en."""

from collections.abc import Callable, Mapping
from decimal import Decimal

from core.credit.rules import CreditRules, Grade, ProposalRules, RatingRules
from core.money import Money, format_money

Word = Callable[[str], str]  # the words of the rest of the policy: roles, people

# What a score can be made of: also on the card that explains one, see bot.notifications.views.ratings.
INPUTS = {
    "avg_late_days": ("平均逾期天数", "average days late"),
    "late_share": ("逾期付款占比", "share paid late"),
    "max_late_days": ("最长逾期天数", "longest late"),
    "times_overdue": ("逾期次数", "times overdue"),
    "overdue_share": ("现有逾期占比", "share overdue now"),
    "on_time_run": ("连续按期付款", "on time in a row"),
    "broken_promises": ("失约次数", "promises broken"),
    "promises_kept": ("承诺兑现率", "promises kept"),
    "disputes": ("争议次数", "disputes"),
    "returns_share": ("退货折让率", "returns and credit notes"),
    "volume": ("开票金额", "invoiced"),
    "months_known": ("往来月数", "months known"),
    "trend_days": ("逾期趋势", "trend of lateness"),
    "usage": ("额度使用率", "usage of the limit"),
    "risk_events": ("外部风险事件", "risk events"),
}


def rating_lines(rules: CreditRules, word: Word, lang: str) -> list[str]:
    """One line a sentence."""
    zh = lang == "zh"
    lines = [_rating(rules.rating, zh)]
    if rules.rating.weights:
        lines.append(_score(rules.rating, zh))
    lines += [_grade(rating, grade, lang) for rating, grade in rules.grades.items() if grade != Grade()]
    if rules.proposals is not None:
        lines += _proposals(rules.proposals, word, zh)
    return lines


def _percent(share: Decimal) -> str:
    return f"{(share * 100).normalize():f}%"


def _rating(rules: RatingRules, zh: bool) -> str:
    cuts: Mapping[str, int] = rules.cuts_days
    if rules.method == "score":
        cuts = rules.score_cuts
        if zh:
            steps = "，".join(f"{letter} 满 {cut} 分" for letter, cut in cuts.items())
            by = f"评级看最近 {rules.window_months} 个月的评分：{steps}"
        else:
            steps = ", ".join(f"{letter} from {cut}" for letter, cut in cuts.items())
            by = f"Rating, by the score of the last {rules.window_months} months: {steps}"
    elif zh:
        steps = "，".join(f"{letter} 不超过 {days} 天" for letter, days in cuts.items())
        by = f"评级看最近 {rules.window_months} 个月平均逾期天数：{steps}"
    else:
        steps = ", ".join(f"{letter} up to {days}" for letter, days in cuts.items())
        by = f"Rating, by average days late in the last {rules.window_months} months: {steps}"
    if zh:
        return (
            f"{by}，其余为 D；已付应收不足 {rules.min_paid} 笔为新客户；连续 {rules.lift_after_on_time} 笔按时付款升一级；"
            f"承诺未兑现满 {rules.broken_promises_d} 次为 D；逾期超过 {rules.overdue_days_d} 天为 D，新客户也不例外"
        )
    return (
        f"{by}, else D; new with fewer than {rules.min_paid} paid; D from {rules.broken_promises_d} broken promises on; "
        f"overdue by more than {rules.overdue_days_d} days is D, for new customers, too; one step better after "
        f"{rules.lift_after_on_time} paid on time in a row"
    )


def _score(rules: RatingRules, zh: bool) -> str:
    named = ((INPUTS.get(name, (name, name))[not zh], weight) for name, weight in rules.weights.items())
    parts = ("，" if zh else ", ").join(f"{name} {weight}%" for name, weight in named)
    decides = rules.method == "score"
    if zh:
        return f"评分（0–100）：{parts}" + ("" if decides else "；只供参考，不决定评级")
    return f"Score (0 to 100): {parts}" + ("" if decides else "; shown only, it decides nothing")


def _grade(rating: str, grade: Grade, lang: str) -> str:
    zh = lang == "zh"
    limit = " / ".join(format_money(Money(minor, code), lang) for code, minor in grade.limit.items())
    if zh:
        who = "新客户" if rating == "new" else f"评级为 {rating} 的客户"
        said = [f"未单独设额度的，额度 {limit}"] if limit else []
        said += [f"账期超过 {grade.terms_days} 天须审批"] if grade.terms_days is not None else []
        return f"{who}：" + "；".join(said)
    who = "New customers" if rating == "new" else f"Rated {rating}"
    said = [f"a limit of {limit} where none is set"] if limit else []
    said += [f"terms above {grade.terms_days} days need approval"] if grade.terms_days is not None else []
    return f"{who}: " + "; ".join(said)


def _proposals(rules: ProposalRules, word: Word, zh: bool) -> list[str]:
    people, lines = [word(one) for one in rules.audience], []
    model = (", " if not zh else "，").join(f"{letter} {months}" for letter, months in rules.model_months.items())
    if zh:
        to = f"由{'或'.join(people)}决定，{rules.days} 个工作日内有效"
        if rules.raise_by:
            lines.append(f"连续 {rules.months} 个月收款不少于到期金额且无逾期：建议提额 {_percent(rules.raise_by)}，{to}")
        if rules.shrink:
            parts = "，".join(f"{letter} 为原额度的 {_percent(part)}" for letter, part in rules.shrink.items())
            lines.append(f"评级下降：建议降额，降到 {parts}，{to}")
        return [*lines, f"模型额度为月均开票金额的倍数：{model}；偏差超过 ±{_percent(rules.deviation)} 标出"]
    to = f"decided by {' or '.join(people)} within {rules.days} working days"
    if rules.raise_by:
        lines.append(
            f"{rules.months} months in a row in which receipts covered what fell due, and nothing overdue: "
            f"{_percent(rules.raise_by)} more is proposed, {to}"
        )
    if rules.shrink:
        parts = ", ".join(f"{letter} {_percent(part)}" for letter, part in rules.shrink.items())
        lines.append(f"A rating gets worse: a smaller limit is proposed, this much of the old one: {parts}; {to}")
    return [*lines, f"Model limit, in average months of invoices: {model}; beyond ±{_percent(rules.deviation)} is flagged"]
