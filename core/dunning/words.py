"""A policy in plain words, and what is wrong with one, in zh and en."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from core.dunning.words_credit import credit_lines
from core.money import Money, format_money
from core.time import Window

if TYPE_CHECKING:
    from core.dunning.ladder import Ladder, Policy, Step, Watch, When

# What tomllib begins with -> zh
_TOML = {
    "Illegal character '\\n'": "引号没有在同一行内结束",
    "Illegal character": "引号里有不允许的字符",
    "Unterminated string": "引号没有结束",
    "Unescaped '\\' in a string": "引号里的反斜杠 \\ 要写成 \\\\",
    "Expected '=' after a key": "键后面缺少等号",
    "Expected ']]'": "缺少 ]]",
    "Expected ']'": "缺少 ]",
    "Expected newline or end of document": "一行里多了内容，一行只写一项",
    "Unclosed array": "方括号没有结束",
    "Unclosed inline table": "花括号没有结束",
    "Duplicate inline table key": "同一个键写了两次",
    "Cannot overwrite a value": "同一个键写了两次",
    "Cannot declare": "同一个表写了两次",
    "Cannot redefine": "同一个表写了两次",
    "Invalid date": "日期或时间写法不对",
    "Invalid value": "值的写法不对，文字要带引号",
    "Invalid statement": "这一行的写法不对",
    "Invalid initial character for a key": "键的写法不对",
}

# code -> (zh, en); after the bar: what to do about it.
_PROBLEMS = {
    "not_toml": ("不是有效的 TOML：{detail}", "not valid TOML: {detail}"),
    "unknown_key": ("不认识的键 {found}|可用的键：{allowed}", "unknown key {found}|known keys: {allowed}"),
    "unknown_word": ("不认识的值 {value}|可用的值：{allowed}", "unknown value {value}|known values: {allowed}"),
    "unknown_role": ("没有角色 {value}|可用的角色：{allowed}", "there is no role {value}|roles: {allowed}"),
    "unknown_currency": (
        "不认识的币种 {value}|请用 ISO 代码，如 CNY、USD",
        "unknown currency {value}|use ISO codes such as CNY, USD",
    ),
    "not_a_table": ("{key} 应是一个表|写成 [{key}]", "{key} must be a table|write [{key}]"),
    "not_tables": ("{key} 应是若干个表|写成 [[{key}]]", "{key} must be an array of tables|write [[{key}]]"),
    "not_text": ("{value} 应是带引号的文字", "{value} must be text in quotes"),
    "not_texts": ('{value} 应是一列文字|例如 ["owner"]', '{value} must be a list of texts|such as ["owner"]'),
    "not_whole": ("{value} 应是整数", "{value} must be a whole number"),
    "too_small": ("{value} 太小，至少为 {least}", "{value} is too small, at least {least}"),
    "too_big": ("{value} 太大，最多为 {most}", "{value} is too big, at most {most}"),
    "not_a_flag": ("{value} 应是 true 或 false（不带引号）", "{value} must be true or false, without quotes"),
    "not_an_amount": (
        '{value} 不是 {currency} 的有效金额|例如 "500.00"',
        '{value} is not an amount in {currency}|such as "500.00"',
    ),
    "not_a_share": ("{value} 应在 0 与 1 之间", "{value} must be between 0 and 1"),
    "bad_window": ('{value} 不是时间段|例如 "09:00-18:00"', '{value} is not a span of time|such as "09:00-18:00"'),
    "empty_window": (
        "{value} 不含任何时间|开始必须早于结束；只有 quiet 可以跨过午夜",
        "{value} holds no time|it must start before it ends; only quiet may pass midnight",
    ),
    "no_name": ('策略没有名称|在开头加一行 name = "..."', 'the policy has no name|add name = "..." at the top'),
    "no_ladder": (
        "策略没有阶梯|加一个 [[ladder]]，其下有 [[ladder.step]]",
        "the policy has no ladder|add [[ladder]] with [[ladder.step]] below it",
    ),
    "no_ladder_name": ('第 {n} 个阶梯没有名称|加 name = "..."', 'ladder {n} has no name|add name = "..."'),
    "same_ladder": ("有两个阶梯叫 {value}|名称不可重复", "two ladders are called {value}|names are unique"),
    "unreachable": (
        "阶梯 {name} 永远用不到：{before} 已适用于所有应收|给 {before} 加 [ladder.when]，或把它移到最后",
        "ladder {name} is never used: {before} before it fits all|give {before} a [ladder.when], or move it to the end",
    ),
    "no_catch_all": (
        "不符合任何条件的应收不会被催收|在最后加一个没有 [ladder.when] 的阶梯",
        "receivables that fit no ladder are never chased|add a last ladder without [ladder.when]",
    ),
    "other_day": (
        "步骤 {id} 在阶梯 {ladder} 与 {other} 中日子不同|步骤编号是永久的：换阶梯时同号的步骤算作已做",
        "step {id} is on different days in {ladder} and {other}|ids are permanent: when a case changes ladders, it is done",
    ),
    "empty_when": ("[ladder.when] 是空的|删掉它，或写上条件", "[ladder.when] is empty|remove it, or write a condition"),
    "empty_list": ("{key} 没有任何值，没有应收会符合|删掉这一行", "{key} has no values, nothing would fit|remove the line"),
    "no_step": ("阶梯 {ladder} 没有步骤|加一个 [[ladder.step]]", "ladder {ladder} has no step|add [[ladder.step]]"),
    "same_step": (
        "有两个步骤编号为 {value}|每个步骤要有自己的编号",
        "two steps have the id {value}|each step needs an id of its own",
    ),
    "bad_id": (
        '步骤需要编号（字母、数字、-、_、.，最多 64 个），而不是“{value}”|例如 id = "over7"',
        'a step needs an id (letters, digits, - _ ., up to 64), not "{value}"|such as id = "over7"',
    ),
    "no_offset": (
        "步骤 {id} 没有 at|到期后的天数，到期前为负数",
        "step {id} has no at|days after the due date; negative: before it",
    ),
    "every_without_until": ("every 没有 until|写明重复到第几天", "every without until|say until which day it repeats"),
    "until_without_every": ("until 没有 every|写明每几天重复", "until without every|say every how many days it repeats"),
    "until_before": ("until {until} 早于 at {at}", "until {until} is before at {at}"),
    "no_action": ("步骤没有动作|可用的动作：{allowed}", "the step does nothing|actions: {allowed}"),
    "action_twice": ("action 与 actions 只能写一个", "write either action or actions"),
    "letter_alone": (
        "信函不能与任务或提醒在同一步|分成两个步骤",
        "a letter cannot share a step with a task or an alert|make it two steps",
    ),
    "no_audience": ('没有写发给谁|例如 audience = ["owner"]', 'nobody is named|such as audience = ["owner"]'),
    "no_stage": (
        "信函步骤 {id} 没有 stage|1 友好提醒，2 正式通知，3 最后通知",
        "letter step {id} has no stage|1 friendly, 2 notice, 3 final",
    ),
    "stage_without_letter": ("只有信函才有 stage", "only a letter has a stage"),
    "customer_gets_letters_only": (
        "客户联系人（{value}）只收信函，不收任务和提醒",
        "a customer's contact ({value}) gets letters, no tasks or alerts",
    ),
    "letter_to_staff": (
        "信函 {id} 应发给 customer.finance 或 customer.business|只有第 3 阶段交给员工寄出",
        "letter {id} goes to customer.finance or customer.business|only stage 3 goes to staff, to be sent by hand",
    ),
    "final_to_customer": (
        '第 3 阶段的信函 {id} 由人寄出，应交给员工|例如 audience = ["owner"]',
        'a letter of stage 3 ({id}) is sent by a human: name staff|such as audience = ["owner"]',
    ),
    "letter_too_early": (
        "信函只列已逾期的款项，第 {at} 天还没有|最早为 at = 1",
        "letters list what is overdue, and on day {at} nothing is|the first day is at = 1",
    ),
    "cc_without_letter": ("只有信函才有 cc", "only a letter has a cc"),
    "answer_without_task": ("没有任务，answer_by 不起作用", "answer_by has no effect without a task"),
    "no_watched": (
        "没有写监控什么|加 of，可用的值：{allowed}",
        "nothing is said to be watched|add of; known values: {allowed}",
    ),
    "no_watch_name": (
        '第 {n} 项监控没有名称，或超过 64 个字|加 name = "..."',
        'watch {n} has no name, or one of more than 64 letters|add name = "..."',
    ),
    "same_watch": ("有两项监控叫 {value}|名称不可重复", "two watches are called {value}|names are unique"),
    "no_watch_amount": (
        '监控没有金额|例如 over = "500000"，超过即监控',
        'the watch has no amount|such as over = "500000": more than that is watched',
    ),
    "no_watch_tag": (
        '监控单笔应收须写标签，最多 {most} 个字|例如 tag = "重点监控"',
        'a watch of receivables needs a tag of at most {most} letters|such as tag = "key"',
    ),
    "no_part": (
        "parts 是空的，任何订单都不会占用额度|可用的值：{allowed}",
        "parts is empty, nothing would use up a limit|known values: {allowed}",
    ),
    "gap_between_parts": (
        "货物发出后、开票前不占用额度|如非有意，请在 parts 里加上 shipments",
        "what is shipped and not yet invoiced uses up nothing|unless that is meant, add shipments to parts",
    ),
    "own_rate": ("{value} 是公司的本位币，不需要汇率|删掉它", "{value} is the company's own currency|remove its rate"),
    "not_a_rate": (
        '{value} 不是有效的汇率，汇率应大于 0|1 {currency} 折合多少 {own}，例如 "7.10"',
        '{value} is not a rate above 0|how much {own} one {currency} is, such as "7.10"',
    ),
    "cuts_not_rising": (
        "分档天数没有逐级增大：{cuts}|A 小于 B，B 小于 C；超过 C 即为 D",
        "the cuts do not rise: {cuts}|A below B, B below C; above C is D",
    ),
    "cuts_not_falling": (
        "分档分数没有逐级减小：{cuts}|A 大于 B，B 大于 C；低于 C 即为 D",
        "the score cuts do not fall: {cuts}|A above B, B above C; below C is D",
    ),
    "weights_not_hundred": (
        "权重合计为 {sum}，应为 100|调整各项权重，使合计为 100",
        "the weights add up to {sum}, not to 100|change them until they do",
    ),
    "figure_without_scale": (
        "导入的指标 {name} 没有计分标准|写明 best 和 worst，例如 points = {{ \"{name}\" = {{ best = 0.4, worst = 0.8 }} }}",
        "the imported figure {name} has no scale|give both ends: points = {{ \"{name}\" = {{ best = 0.4, worst = 0.8 }} }}",
    ),
    "score_without_weights": (
        "按评分评级，却没有写权重|加 [credit.rating.weights]，可用的项：{known}",
        "the score decides, and there are no weights|add [credit.rating.weights]; known inputs: {known}",
    ),
    "no_scale": (
        "{name} 的 best 与 worst 相同，算不出分数|两者应不同",
        "best and worst of {name} are the same, that is no scale|they must differ",
    ),
    "not_a_figure": ('{value} 不是有效的数字|例如 30 或 "0.5"', '{value} is not a number|such as 30 or "0.5"'),
    "reminder_too_late": (
        "审批 {expires_hours} 小时后失效，第 {remind_hours} 小时的提醒永远发不出|remind_hours 应小于 expires_hours",
        "requests expire after {expires_hours} hours, a reminder after {remind_hours} never goes"
        "|remind_hours must be below expires_hours",
    ),
    "no_route_name": ('第 {n} 条审批路径没有名称|加 name = "..."', 'route {n} has no name|add name = "..."'),
    "same_route": ("有两条审批路径叫 {value}|名称不可重复", "two routes are called {value}|names are unique"),
    "route_unreachable": (
        "审批路径 {name} 永远用不到：符合它的订单已走 {before}|把 {name} 移到 {before} 之前，或删掉它",
        "route {name} is never used: {before} takes all of its orders|move {name} before {before}, or remove it",
    ),
    "no_route_for_rest": (
        "不符合任何条件的订单无人审批|在最后加一条不带条件的 [[credit.route]]",
        "nobody would be asked about orders that fit no route|add a last [[credit.route]] without conditions",
    ),
    "empty_condition": (
        "{key} 没有任何值，没有订单会符合|删掉这一行",
        "{key} has no values, no order would fit|remove the line",
    ),
    "not_a_share_over": (
        '{value} 应在 0 与 {most} 之间|超出部分与额度之比，"0.20" 即 20%',
        '{value} must be between 0 and {most}|what is over, as a share of the limit: "0.20" is 20%',
    ),
    "no_rung": (
        '审批路径没有审批人|例如 rungs = [{{ audience = ["role:finance_director"] }}]',
        'the route asks nobody|such as rungs = [{{ audience = ["role:finance_director"] }}]',
    ),
    "never_decides": (
        "{value} 没有审批权：业务员不能审批，客户负责人也不能|可用：{allowed}",
        "{value} can never decide: a rep may not, nor may the customer's owner|use {allowed}",
    ),
    "never_checks": (
        "{value} 只看得到自己的客户，不能排查关联企业|可用：{allowed}",
        "{value} sees only their own customers and can't check related ones|use {allowed}",
    ),
    "no_approver": (
        '这一级没有写由谁审批|例如 audience = ["role:finance_director"]',
        'nobody is named to approve|such as audience = ["role:finance_director"]',
    ),
}

_WORDS = {
    "owner": ("负责人", "the owner"),
    "owner.manager": ("负责人的上级", "the owner's manager"),
    "owner.director": ("负责人的销售总监", "the owner's sales director"),
    "customer.finance": ("客户财务联系人", "the customer's finance contact"),
    "customer.business": ("客户业务联系人", "the customer's business contact"),
    "rep": ("销售", "sales rep"),
    "sales_manager": ("销售经理", "sales manager"),
    "sales_director": ("销售总监", "sales director"),
    "finance": ("财务", "finance"),
    "finance_manager": ("财务经理", "finance manager"),
    "finance_director": ("财务总监", "finance director"),
    "risk": ("风控", "risk"),
    "management": ("管理层", "management"),
    "admin": ("管理员", "admin"),
    "due_soon": ("即将到期", "due soon"),
    "overdue": ("逾期", "overdue"),
    "severe": ("严重", "severe"),
    "critical": ("紧急", "critical"),
    "task": ("任务", "task"),
    "alert": ("提醒", "alert"),
    "flag": ("标记高风险", "high-risk flag"),
    "hold": ("暂停下单", "hold on orders"),
    "letter1": ("信函（友好提醒）", "letter (friendly reminder)"),
    "letter2": ("信函（正式通知）", "letter (formal notice)"),
    "letter3": ("最后通知（存为文件，由人寄出）", "final notice (a file, sent by hand)"),
    "off": ("不发", "off"),
    "review": ("财务放行后发出", "after release by finance"),
    "send": ("自动发出", "sent at once"),
    "quality": ("质量", "quality"),
    "quantity": ("数量", "quantity"),
    "price": ("价格", "price"),
    "delivery": ("交付", "delivery"),
    "invoice": ("发票", "invoice"),
    "contract": ("合同", "contract"),
    "other": ("其他", "other"),
    "rating": ("评级", "rating"),
    "type": ("类型", "type"),
    "tag": ("标签", "tag"),
    "region": ("区域", "region"),
}


def say(code: str, facts: Mapping[str, Any], lang: str) -> tuple[str, str]:
    """(message, hint) of a problem; an unknown code stands for itself."""
    pair = _PROBLEMS.get(code.removeprefix("policy."))
    if pair is None:
        return code, ""
    shown = {key: (", ".join(value) if isinstance(value, list) else value) for key, value in facts.items()}
    if code.endswith("not_toml") and lang == "zh":
        shown["detail"] = _in_chinese(str(shown["detail"]))
    message, _, hint = pair[lang != "zh"].partition("|")
    return message.format_map(shown), hint.format_map(shown)


def _in_chinese(detail: str) -> str:
    """What Python's reader of TOML says; what it says seldom stays as it is."""
    return next((zh for en, zh in _TOML.items() if detail.startswith(en)), detail)


def audience(code: str, lang: str) -> str:
    """Whom a step tells, in words."""
    return str(_word(lang)(code))


def describe(policy: "Policy", lang: str = "zh", currency: str = "CNY") -> list[str]:
    """The whole policy, one line a sentence. `currency` is the company's: that of amounts which the policy leaves open."""
    zh = lang == "zh"
    word = _word(lang)
    work, letters, quiet = (_span(window) for window in (policy.windows.work, policy.windows.letters, policy.windows.quiet))
    lines = [
        f"策略 {policy.name}；给客户的信函：{word(policy.letters)}" if zh
        else f"Policy {policy.name}; letters to customers: {word(policy.letters)}",
        f"工作日 {work} 发送任务和提醒，{letters} 发送信函；{quiet} 不打扰" if zh
        else f"Tasks and alerts go on working days {work}, letters {letters}; quiet {quiet}",
    ]  # fmt: skip
    for ladder in policy.ladders:
        lines.append(_ladder(ladder, lang))
        lines += ["  " + _step(step, lang) for step in ladder.steps]
    lines += [_watch(watch, lang) for watch in policy.watches]
    return lines + _limits(policy, lang, currency) + credit_lines(policy.credit, word, lang, currency)


def _word(lang: str) -> Any:
    def word(code: str) -> str:
        kind, _, rest = code.partition(":")
        if kind == "role":
            return word(rest)
        if kind == "person":
            return rest
        return _WORDS[code][lang != "zh"] if code in _WORDS else code

    return word


def _span(window: Window) -> str:
    return f"{window.start:%H:%M}–{window.end:%H:%M}"


def _ladder(ladder: "Ladder", lang: str) -> str:
    who = _when(ladder.when, lang)
    return f"阶梯 {ladder.name}：{who}" if lang == "zh" else f"Ladder {ladder.name}: {who}"


def _when(when: "When", lang: str) -> str:
    zh = lang == "zh"
    if when.everybody:
        return "所有其余应收" if zh else "everything else"
    word = _word(lang)
    parts = [
        f"{word(key)} {('、' if zh else ' or ').join(values)}"
        for key, values in (("rating", when.rating), ("type", when.type), ("tag", when.tag), ("region", when.region))
        if values
    ]
    if when.min_amount:
        amounts = (" / ").join(format_money(Money(minor, code), lang) for code, minor in when.min_amount.items())
        parts.append(f"单笔未收至少 {amounts}" if zh else f"at least {amounts} open")
    if when.above_average is not None:
        times = f"{when.above_average:f}"
        parts.append(f"金额至少为客户均额的 {times} 倍" if zh else f"at {times} times the customer's average or more")
    return ("，" if zh else ", ").join(parts)


def _watch(watch: "Watch", lang: str) -> str:
    zh = lang == "zh"
    over = " / ".join(format_money(Money(minor, code), lang) for code, minor in watch.over.items())
    if watch.of == "receivable":
        if zh:
            return f"监控 {watch.name}：单笔应收超过 {over}，标“{watch.tag}”，直到结清"
        return f'Watch {watch.name}: a receivable of more than {over} carries "{watch.tag}" until it is settled'
    people = ("、" if zh else " and ").join(map(_word(lang), watch.audience))
    if zh:
        return f"监控 {watch.name}：客户逾期合计超过 {over}，向{people}发专题报告"
    return f"Watch {watch.name}: a customer's overdue total above {over} is reported to {people}"


def _step(step: "Step", lang: str) -> str:
    zh = lang == "zh"
    word = _word(lang)
    join = "、" if zh else " and "
    acts = join.join(word(f"letter{step.stage}" if action == "letter" else action) for action in step.actions)
    line = f"{_day(step, zh)}：{join.join(map(word, step.audience))}，{acts}" if zh else (
        f"{_day(step, zh)}: {acts} to {join.join(map(word, step.audience))}"
    )  # fmt: skip
    if step.cc:
        line += ("，抄送" if zh else ", cc ") + join.join(map(word, step.cc))
    if step.severity:
        line += ("，级别" if zh else ", ") + word(step.severity)
    if step.answer_by:
        line += f"，{step.answer_by} 个工作日内答复" if zh else f", answer within {step.answer_by} working days"
    return f"{line}（{step.id}）" if zh else f"{line} ({step.id})"


def _day(step: "Step", zh: bool) -> str:
    day = _at(step.at, zh)
    if step.every is None or step.until is None:
        return day
    until = _at(step.until, zh)
    often = ("每天" if step.every == 1 else f"每 {step.every} 天") if zh else f"every {step.every} days"
    return f"{day}起{often}，至{until}" if zh else f"{day}, {'every day' if step.every == 1 else often} until {until}"


def _at(days: int, zh: bool) -> str:
    if days < 0:
        return f"到期前 {-days} 天" if zh else f"{-days} days before due"
    if days == 0:
        return "到期当天" if zh else "on the due day"
    return f"逾期第 {days} 天" if zh else f"day {days} overdue"


def _limits(policy: "Policy", lang: str, currency: str) -> list[str]:
    limits, word, zh = policy.limits, _word(lang), lang == "zh"
    share = f"{limits.promise_min_share * 100:.0f}%"
    owners = "、".join(f"{word(reason)} {word(role)}" for reason, role in policy.dispute_owners.items())
    least_of = limits.min_chase or {currency: limits.chase_from(currency)}
    least = " / ".join(format_money(Money(minor, code), lang) for code, minor in least_of.items())
    if zh:
        return [
            f"客户可催收合计低于 {least} 不催",
            f"承诺：最多 {limits.promise_max_days} 天后，至少占逾期 {share}，最多改 {limits.promise_max_replacements} 次，"
            f"宽限 {limits.promise_tolerance_days} 个工作日",
            f"“已付款”有效 {limits.claim_days} 个工作日；两封信函至少间隔 {limits.letter_gap_days} 天；"
            f"任务最多推迟 {limits.snooze_max} 次",
            f"争议由谁处理：{owners}",
        ]
    owners = ", ".join(f"{word(reason)}: {word(role)}" for reason, role in policy.dispute_owners.items())
    return [
        f"A customer's chaseable sum below {least} is not chased",
        f"Promises: at most {limits.promise_max_days} days ahead, at least {share} of what is overdue, "
        f"replaced at most {limits.promise_max_replacements} times, tolerance in working days: "
        f"{limits.promise_tolerance_days}",
        f'"Says paid" holds for {limits.claim_days} working days; at least {limits.letter_gap_days} days between letters; '
        f"a task is snoozed at most {limits.snooze_max} times",
        f"Disputes go to: {owners}",
    ]
