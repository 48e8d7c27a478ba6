"""/rating 客户 明细 [页], /rating 客户 历史 [页]: every row behind a rating, and every version of it, a page at a time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from bot.card import day_words
from bot.commands import words
from bot.commands.parser import Ask, Named
from bot.commands.reply import CommandReply
from bot.notifications.views.ratings import RatingListLine, RatingListView, letter_of
from core.credit.behind import Behind, behind
from core.credit.inputs import Item
from core.credit.rating import explain
from core.dunning.stored import active
from core.models import Customer, Person
from core.models.base import table_of
from core.models.credit import Rating
from core.money import Money, format_major, format_money

PAGE = 20
ROWS = frozenset({"明细", "全部", "details", "rows", "all"})
HISTORY = frozenset({"历史", "记录", "history", "versions"})
T, P = table_of(Rating), table_of(Person)
_SOURCE = {
    "computed": ("按付款记录计算", "computed"), "override": ("人工设定", "set by hand"), "import": ("导入", "imported"),
}  # fmt: skip
_WHAT = {
    "promise": ("承诺", "promise"), "dispute": ("争议", "dispute"), "credit_note": ("红字", "credit note"),
    "kept": ("已兑现", "kept"), "partly_kept": ("部分兑现", "partly kept"), "broken": ("未兑现", "broken"),
}  # fmt: skip


def asked(rest: Sequence[str]) -> str:
    """`rows`, `history`, or "" where a rating is to be set."""
    first = rest[0].casefold() if rest else ""
    return "rows" if first in ROWS else "history" if first in HISTORY else ""


def listed(ask: Ask, name: Named, what: str) -> CommandReply:
    """Whoever sees the customer's rating sees these."""
    typed = name.rest[1:]
    if len(typed) > 1 or (typed and not (typed[0].isascii() and typed[0].isdecimal() and int(typed[0][:6]) > 0)):
        return ask.error("command.rest", value=" ".join(typed), usage=ask.usage)
    customer = name.one
    found, told = (_rows if what == "rows" else _history)(ask, customer)
    pages = max(1, -(-len(found) // PAGE))
    page = min(int(typed[0][:6]) if typed else 1, pages)
    view = RatingListView(
        today=ask.work.today, code=customer.code, name=customer.name, about=what, count=len(found), page=page, pages=pages,
        lines=tuple(found[(page - 1) * PAGE : page * PAGE]),
    )  # fmt: skip
    return CommandReply(
        kind="reply.rating_list", view=view, customer_id=customer.id,
        facts={"customer": customer.name, "code": customer.code},
        json={"customer": {"code": customer.code, "name": customer.name}, what: told},
    )  # fmt: skip


def _history(ask: Ask, customer: Customer) -> tuple[list[RatingListLine], list[dict[str, Any]]]:
    """Versions, the newest first, and as JSON."""
    query = select(T, P.c.name.label("by"), P.c.handle).outerjoin_from(T, P, P.c.id == T.c.made_by_id)
    rows = ask.work.session.execute(query.where(T.c.customer_id == customer.id).order_by(T.c.version)).all()
    lines, told = [], []
    before = ""
    for row in rows:
        arrow = f"{letter_of(before) or '–'} → {letter_of(row.value) or row.value}"
        why = words.of(_SOURCE[row.source], ask.lang) + (f" · {row.reason}" if row.reason else "")
        until = f" · {_until(ask, row.until)}" if row.until else ""
        lines.append(RatingListLine(on=row.from_on, what=arrow, said=why + until, by=row.by or ""))
        told.append({
            "version": row.version, "date": row.from_on.isoformat(), "from": before or None, "to": row.value,
            "source": row.source, "reason": row.reason, "by": row.handle,
            "until": row.until.isoformat() if row.until else None, "inputs": row.inputs,
        })  # fmt: skip
        before = row.value
    return lines[::-1], told[::-1]


def _until(ask: Ask, day: Any) -> str:
    shown = day_words(day, ask.work.today, ask.lang)
    return f"至{shown}" if ask.lang == "zh" else f"until {shown}"


def _rows(ask: Ask, customer: Customer) -> tuple[list[RatingListLine], list[dict[str, Any]]]:
    """Receivables as they are weighed, then promises, disputes and credit notes, the newest first; and as JSON."""
    found = explain(ask.work, active(ask.work)[1], customer.id or 0)
    items, others = worst(found.items), behind(ask.work, found.inputs)
    lines = [*(_receivable(ask, item) for item in items), *(_other(ask, row) for row in others)]
    return lines, as_json_rows(items, others)


def worst(items: Sequence[Item]) -> list[Item]:
    """What is weighed first, the longest late first, of equals the largest."""
    return sorted(items, key=lambda item: (not item.weighed, -item.days_late, -item.amount_minor, item.receivable_id))


def as_json_rows(items: Sequence[Item], others: Sequence[Behind]) -> list[dict[str, Any]]:
    """Every row behind the figures, in one list."""
    found = [{"kind": "receivable"} | item_json(item) for item in items]
    return found + [{"kind": row.kind} | behind_json(row) for row in others]


def behind_json(row: Behind) -> dict[str, Any]:
    says = {"promise": "state", "dispute": "reason", "credit_note": "number"}[row.kind]
    amount, currency = row.amount.minor, row.amount.currency
    return {"date": row.on.isoformat(), "amount": format_major(amount, currency), "currency": currency, says: row.said}


def item_json(item: Item) -> dict[str, Any]:
    return {
        "number": item.number, "due": item.due_on.isoformat(),
        "paid": item.paid_on.isoformat() if item.paid_on is not None else None, "days_late": item.days_late,
        "amount": format_major(item.amount_minor, item.currency), "currency": item.currency, "weighed": item.weighed,
    }  # fmt: skip


def _receivable(ask: Ask, item: Item) -> RatingListLine:
    zh = ask.lang == "zh"
    late = item.days_late
    if not late:
        said = "按期" if zh else "on time"
    elif item.paid_on is not None:
        said = f"晚{late}天付" if zh else f"paid {late} days late"
    else:
        said = f"逾期{late}天" if zh else f"{late} days overdue"
    amount = format_money(Money(item.amount_minor, item.currency), ask.lang)
    return RatingListLine(on=item.due_on, what=item.number, said=f"{amount} · {said}", by="")


def _other(ask: Ask, row: Behind) -> RatingListLine:
    said = words.of(_WHAT[row.said], ask.lang) if row.said in _WHAT else words.value(row.said, ask.lang)
    amount = format_money(row.amount, ask.lang)
    return RatingListLine(on=row.on, what=words.of(_WHAT[row.kind], ask.lang), said=f"{amount} · {said}", by="")
