"""/help, /whoami, /lang: the person and the bot."""

from sqlmodel import select

from bot.commands.parser import NAMES, WORDS, Ask, parse
from bot.commands.reply import CommandReply
from bot.commands.words import DOES, of
from bot.notifications.views import DoneView, HelpView, Line, WhoamiView
from core.models import Account, Person
from core.permissions import FINANCE, SEE_ALL, SEE_BELOW, SEE_OWN, may
from core.search import sound

_LANGS = {
    "zh": "zh", "中文": "zh", "chinese": "zh", "cn": "zh", "汉语": "zh",
    "en": "en", "英文": "en", "english": "en", "英语": "en",
}  # fmt: skip

# (zh usage, en usage), (zh meaning, en meaning). Also the usage that an incomplete command is answered with.
HELP: dict[str, tuple[tuple[str, str], tuple[str, str]]] = {
    "balance": (("余额 客户", "/balance customer"), ("客户余额、账龄、承诺、信用", "balance, aging, promises and credit")),
    "aging": (
        ("账龄 [客户|@业务员|区域] [按开票]", "/aging [customer|@rep|region] [invoice]"),
        ("账龄表，默认按到期日", "aging, by due date unless asked by invoice date"),
    ),
    "overdue": (("逾期 [n]", "/overdue [n]"), ("逾期最多的客户", "who owes most")),
    "todo": (("待办", "/todo"),
    ("等我处理的审批、核对和待办，风险高的在前", "what waits for your word, and your tasks, riskiest first")),
    "promise": (("承诺 客户 日期 [金额] [备注]", "/promise customer date [amount] [note]"),
    ("登记付款承诺", "log a promise to pay")),
    "paid": (("已付 客户 [金额] [日期]", "/paid customer [amount] [date]"),
    ("客户称已付款", "the customer says it is paid")),
    "dispute": (
        ("争议 客户 [原因] [金额]；争议 客户 接受|驳回|部分 金额",
        "/dispute customer [reason] [amount], or accept|reject|part amount"),
        ("登记或处理争议", "log or settle a dispute"),
    ),
    "pause": (("暂停 客户 到 日期 原因", "/pause customer until date reason"), ("暂停催收", "no dunning until then")),
    "unpause": (("恢复 客户", "/unpause customer"), ("恢复催收", "resume dunning")),
    "log": (("记录 客户 文字", "/log customer text"), ("记一笔沟通", "note what was said")),
    "snooze": (("稍后 客户 日期", "/snooze customer date"), ("到那天再提醒", "hide the task until then")),
    "receipt": (("收款 客户 金额 日期 [编号]", "/receipt customer amount date [number]"),
    ("登记收款", "record money received")),
    "allocate": (("核销 收款编号 应收编号 [金额]", "/allocate receipt receivable [amount]"),
    ("用收款核销应收", "put a receipt on a receivable")),
    "credit-note": (("红字 客户 金额 [编号] 原因", "/credit-note customer amount [number] reason"),
    ("登记红字", "record a credit note")),
    "trace": (("追溯 编号", "/trace number"), ("一笔应收的来龙去脉", "the whole story of one receivable")),
    "approvals": (("审批", "/approvals"), ("等我审批的订单", "orders that wait for your approval")),
    "order": (("订单 编号", "/order number"),
    ("订单能不能放行、等谁审批、怎么批的", "whether an order is released, who is asked, who decided")),
    "approve": (("批准 订单编号", "/approve number"),
    ("批准放行订单，确认后生效", "release an order; you are asked to confirm it")),
    "reject": (("驳回 订单编号 原因", "/reject number reason"),
    ("驳回订单的放行申请，确认后生效", "reject an order; you are asked to confirm it")),
    "withdraw": (("撤回 订单编号 [原因]", "/withdraw number [reason]"),
    ("撤回自己的放行申请，确认后生效", "take back your request to release an order; you are asked to confirm it")),
    "credit": (("信用 客户", "/credit customer"),
    ("客户的额度、已用、可用和在途订单", "a customer's limit, what is used and what is left")),
    "rating": (("评级 客户 [明细|历史|A|B|C|D 到 日期 原因]", "/rating customer [details|history|A to D until date reason]"),
    ("客户的评级和依据；“明细”列全部依据，“历史”列历次评级；写明评级、日期和原因即人工设定",
     "a customer's rating, what it goes by, its history; with a rating, a date and a reason it is set by hand")),
    "deviation": (("授信偏差 [n]", "/deviation [n]"),
    ("授信与模型额度相差多少，偏差大的在前", "limits that are off their model, the farthest first")),
    "limit": (("额度 客户 [金额|无 [自 日期] [到 日期] 原因]",
    "/limit customer [amount|none [from date] [until date] reason]"),
    ("调整信用额度；写明日期的为临时额度，到期恢复原额度；0 表示款到发货；“额度 集团 名称 …”设集团额度；"
     "不写金额则显示额度和变更记录",
     "set the credit limit, or a temporary one until a date; 0 is cash only; “/limit group NAME …” is for a group; "
     "without an amount: the limit and its history")),
    "hold": (("冻结 客户 原因 [到 日期]", "/hold customer reason [until date]"),
    ("暂停下单，新订单须审批；不写客户则列出冻结和黑名单的客户",
     "no new orders without approval; alone, it lists who is on hold")),
    "unhold": (("解冻 客户 原因 [到 日期]", "/unhold customer reason [until date]"),
    ("恢复下单；冻结人本人不能解冻；催收流程的暂停下单写明日期，到期未结清即恢复",
     "lift a hold that somebody else set; one of dunning rests until a date")),
    "blacklist": (("黑名单 客户 原因", "/blacklist customer reason"),
    ("列入黑名单，订单一律不予放行；不写客户则列出黑名单",
     "blacklist a customer: orders are refused; alone, it lists them")),
    "unblacklist": (("移出黑名单 客户 原因", "/unblacklist customer reason"),
    ("移出黑名单；列入人本人不能移出", "take a customer off the blacklist that somebody else put on it")),
    "away": (("外出 [从 日期] 到 日期 [代理 @同事]", "/away [from date] until date [deputy @colleague]"),
    ("外出期间，信用审批由代理人处理", "while you are away, your deputy decides about credit")),
    "back": (("回来", "/back"), ("提前返岗，审批恢复由本人处理", "you are back: approvals are yours again")),
    "whoami": (("我是谁", "/whoami"), ("我的角色和账号", "your roles and accounts")),
    "lang": (("语言 zh|en", "/lang zh|en"), ("切换语言", "the language I speak")),
    "link": (("绑定", "/link"), ("要一个绑定码，绑定我的另一个账号", "a code to link another account of yours")),
    "notify": (("推送 企业微信|钉钉|slack", "/notify wecom|dingtalk|slack"),
    ("卡片发到哪里", "where cards reach you")),
    "help": (("帮助 [命令]", "/help [command]"), ("命令列表", "this list")),
}
_ASKS_LIMIT = (  # of whoever sets none
    ("额度 客户 [金额 [自 日期] 到 日期 原因]", "/limit customer [amount [from date] until date reason]"),
    ("申请临时额度，由财务审批；不写金额则显示额度和变更记录",
     "ask for a temporary limit, which finance decides; without an amount: the limit and its history"),
)  # fmt: skip
_FINANCE = {"receipt": "receipt.record", "allocate": "receipt.allocate", "credit-note": "credit_note.record"}
_VERBS = {
    "hold": "hold.set", "unhold": "hold.lift", "blacklist": "blacklist.set",
    "unblacklist": "blacklist.end",
}  # fmt: skip
_SELLS = frozenset({"rep", "sales_manager"})
_DECIDES = frozenset({"sales_manager", "sales_director", "finance_manager", "finance_director", "risk", "management"})
_FIRST: tuple[tuple[frozenset[str], tuple[str, ...]], ...] = (  # on a phone the first ten are seen
    (_DECIDES, ("approvals", "approve", "reject", "order", "credit")),
    (FINANCE, ("receipt", "allocate", "credit-note")),
    (_SELLS, ("promise", "paid", "dispute", "log", "snooze")),
)
MANY = 8  # commands; of more, all are named before they are explained
LONGEST_WORD = 8  # of a command, with some to spare
_LATER = ("promise", "snooze")  # the customer pays later, or the task can wait: only they know which
_MEANS = {word: _LATER for word in ("延期", "推迟", "宽限", "展期", "缓期", "postpone", "extend", "delay", "later")}
_ALWAYS = ("todo", "approvals", "whoami", "lang", "link", "notify", "help")


def usage(name: str, lang: str) -> str:
    return of(HELP[name][0], lang) if name in HELP else ""


def allowed(person: Person) -> list[str]:
    """The commands worth showing to this person."""
    roles = set(person.roles)
    if not roles & (SEE_OWN | SEE_BELOW | SEE_ALL):
        return [name for name in HELP if name in _ALWAYS]
    hidden = {name for name, verb in _VERBS.items() if not may(verb, roles)} | (set() if roles & FINANCE else set(_FINANCE))
    return [name for name in HELP if name not in hidden]


def _for_help(person: Person) -> list[str]:
    """The same, those for their role first."""
    roles, names = set(person.roles), allowed(person)
    first = ["todo", "balance", *(name for some, theirs in _FIRST if roles & some for name in theirs)]
    return [name for name in dict.fromkeys([*first, *names]) if name in names]


def help_(ask: Ask) -> CommandReply:
    topic = parse(" ".join(ask.typed.words)).name if ask.typed.words else ""
    if ask.typed.words and not topic:
        return unknown(ask, " ".join(ask.typed.words))
    if topic in HELP and topic not in allowed(ask.person):
        return ask.error("action.not_allowed", "not_allowed", action=(_VERBS | _FINANCE).get(topic, ""))
    return _listed(ask, [topic] if topic in HELP else _for_help(ask.person))


def unknown(ask: Ask, text: str) -> CommandReply:
    """What is near to what was typed, or the shortest way to help."""
    from rapidfuzz import fuzz, process

    head = text.split()[0].casefold().lstrip("/") if text.split() else ""
    hits = process.extract(head, list(WORDS), scorer=fuzz.ratio, score_cutoff=60, limit=6) if head else []
    meant = next((names for word, names in _MEANS.items() if head.startswith(word)), ())
    words = [*_heard(head), *(hit[0] for hit in hits)] if not meant else []
    near = [name for name in dict.fromkeys([*meant, *(WORDS[word] for word in words)]) if name in allowed(ask.person)][:3]
    reply = _listed(ask, [*near, "help"] if near else ["balance", "todo", "help"], text)
    return CommandReply(
        kind=reply.kind, view=reply.view, json=reply.json, outcome="invalid", code="command.unknown", facts={"value": text}
    )


def _heard(head: str) -> list[str]:
    """The commands that sound like it, the nearest first: whoever types pinyin picks the wrong character."""
    from rapidfuzz import fuzz, process

    if head.isascii() or len(head) > LONGEST_WORD:
        return []
    spoken = {word: sound(word) for word in WORDS if not word.isascii()}
    return [hit[2] for hit in process.extract(sound(head), spoken, scorer=fuzz.ratio, score_cutoff=75, limit=3)]


def _listed(ask: Ask, names: list[str], text: str = "") -> CommandReply:
    visible = [name for name in names if name in allowed(ask.person)]
    asks = {} if may("limit.set", ask.person.roles) else {"limit": _ASKS_LIMIT}
    entries = [asks.get(name, HELP[name]) for name in visible]
    lines = tuple(Line(label=of(says, ask.lang), value=of(does, ask.lang)) for says, does in entries)
    json = {
        "unknown": text,
        "commands": [
            {"name": name, "usage": line.label, "does": line.value, "words": list(NAMES[name])}
            for name, line in zip(visible, lines, strict=True)
        ],
    }
    words = tuple(NAMES[name][1] if ask.lang == "zh" else f"/{NAMES[name][0]}" for name in visible)
    view = HelpView(today=ask.work.today, commands=lines, words=words if len(words) > MANY else (), unknown=text)
    return CommandReply(kind="reply.help", view=view, json=json)


def whoami(ask: Ask) -> CommandReply:
    person, session = ask.person, ask.work.session
    accounts = session.exec(select(Account).where(Account.person_id == person.id).order_by(Account.messenger)).all()
    linked = [(account.messenger, account.user_id) for account in accounts]
    if "local" in ask.work.company.messengers and not any(messenger == "local" for messenger, _ in linked):
        linked.insert(0, ("local", person.handle))
    manager = session.get(Person, person.manager_id) if person.manager_id else None
    deputy = session.get(Person, person.deputy_id) if person.deputy_id else None
    since, until = person.away_from, person.away_until
    if until is not None and until < ask.work.today:
        since = until = None
    view = WhoamiView(
        today=ask.work.today, person=person.name, handle=person.handle, roles=tuple(person.roles),
        manager=manager.name if manager else "", region=person.region,
        deputy=deputy.name if deputy else "", away_from=since, away_until=until,
        accounts=tuple(Line(label=messenger, value=user_id) for messenger, user_id in linked), lang=ask.lang,
    )  # fmt: skip
    json = {
        "person": person.handle, "name": person.name, "roles": list(person.roles),
        "manager": manager.handle if manager else None,
        "region": person.region, "lang": ask.lang,
        "deputy": deputy.handle if deputy else None,
        "away": {"from": since and since.isoformat(), "until": until and until.isoformat()} if since or until else None,
        "accounts": [{"messenger": messenger, "user_id": user_id} for messenger, user_id in linked],
    }  # fmt: skip
    return CommandReply(kind="reply.whoami", view=view, json=json)


def lang(ask: Ask) -> CommandReply:
    typed = " ".join(ask.typed.words)
    if not typed:
        return ask.error("command.usage", usage=ask.usage)
    wanted = _LANGS.get(typed.casefold())
    if wanted is None:
        return ask.error("lang.unknown", value=typed)
    person = ask.work.session.get(Person, ask.person.id)
    assert person is not None
    already = person.locale == wanted
    if not already:
        ask.work.audit("lang.set", "person", person.id, old=person.locale, new=wanted)
        person.locale = wanted
        person.edited = sorted({*person.edited, "locale"})  # the next import keeps it
        ask.work.session.add(person)
        ask.work.session.flush()
    view = DoneView(today=ask.work.today, what=of(DOES["lang.set"][1], wanted))
    return CommandReply(
        kind="reply.done", view=view, json={"lang": wanted}, outcome="already" if already else "done", code="lang.set",
        facts={"lang": wanted},
    )  # fmt: skip
