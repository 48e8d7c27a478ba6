"""Orders from a file, checked against credit as they come in; and what waits for somebody's approval."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.frame import (
    DONE,
    FOUND,
    As,
    At,
    Json,
    application,
    example,
    instant,
    language,
    line,
    os_user,
    settings,
    show,
    t,
    table,
)

if TYPE_CHECKING:
    from datetime import datetime

    from bot.app import App
    from bot.card import Lang
    from core.work import Work

order = typer.Typer(rich_markup_mode=None, help=t("订单的信用检查。", "Orders against credit."), no_args_is_help=True)

MAX_BYTES, MAX_ORDERS, MAX_SOURCE = 1_000_000, 1_000, 64


def submit(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help=t("JSON：一张订单或一个列表；- 为标准输入",
                                                     "JSON: an order or a list; - is standard input"))
    ],
    source: Annotated[
        str, typer.Option("--source", metavar="S", help=t("订单来自哪个系统", "the system the orders come from"))
    ] = "",
    person: As = "",
    at: At = "",
    as_json: Json = False,
) -> int:  # fmt: skip
    import asyncio

    from core.errors import DomainError

    if len(source) > MAX_SOURCE or not source.isprintable():
        raise DomainError("order.bad_field", field="--source", value=source[:MAX_SOURCE])
    now = instant(at, speaks=True)
    orders = _read(file)
    app = application()
    app.set_clock(now)

    async def steps() -> list[dict[str, Any]]:
        await app.start(listening=False)
        try:
            who = _who(app, person, now)
            answers = [await asyncio.to_thread(_one, app, data, source, who, now) for data in orders]
            if not settings().real_messengers:  # with one, `serve` sends the cards
                await app.deliver(now)
            return answers
        finally:
            await app.stop()

    answers = asyncio.run(steps())
    bad = sum("error" in answer for answer in answers)
    show({"orders": answers, "failed": bad}, as_json, lambda: _report(answers))
    return FOUND if bad else DONE


def _read(file: str) -> list[Any]:
    """The orders of a file, still to be checked. Errors: order.file_too_large, order.not_utf8, order.not_json,
    order.too_deep, order.field_twice, order.too_many, file.unreadable."""
    import json

    from core.errors import DomainError

    raw = _bytes(file)
    if len(raw) > MAX_BYTES:
        raise DomainError("order.file_too_large", file=file, most=MAX_BYTES)
    try:
        data = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_once)
        json.dumps(data, ensure_ascii=False).encode()  # half of a pair of surrogates is no text
    except UnicodeError:
        raise DomainError("order.not_utf8", file=file) from None
    except RecursionError:
        raise DomainError("order.too_deep", file=file) from None
    except ValueError as error:
        raise DomainError("order.not_json", file=file, detail=str(error)[:100]) from None
    orders = data if isinstance(data, list) else [data]
    if len(orders) > MAX_ORDERS:
        raise DomainError("order.too_many", file=file, count=len(orders), most=MAX_ORDERS)
    return orders


def _bytes(file: str) -> bytes:
    import sys
    from pathlib import Path

    if file == "-":
        return sys.stdin.buffer.read(MAX_BYTES + 1)
    with Path(file).open("rb") as found:
        return found.read(MAX_BYTES + 1)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two amounts nobody knows which one is meant."""
    from core.errors import DomainError

    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise DomainError("order.field_twice", field=name[:80])
        found[name] = value
    return found


def _who(app: "App", handle: str, now: "datetime") -> dict[str, Any]:
    """Who enters the orders, for the audit. Errors: person.unknown, person.inactive."""
    if not handle:
        return {"actor": f"cli:{os_user()}", "channel": "cli"}
    with app.transactions.look(now) as work:
        return {"actor": f"cli:{os_user()} as {handle}", "person_id": _person(work, handle), "channel": "cli"}


def _person(work: "Work", handle: str) -> int:
    from sqlalchemy import select

    from core.errors import DomainError
    from core.models import Person
    from core.models.base import table_of

    P = table_of(Person)
    row = work.session.execute(select(P.c.id, P.c.active).where(P.c.handle == handle)).first()
    if row is None or not row.active:
        raise DomainError("person.unknown" if row is None else "person.inactive", handle=handle)
    return int(row.id)


def _one(app: "App", data: Any, source: str, who: dict[str, Any], now: "datetime") -> dict[str, Any]:
    """One order in a transaction of its own: its answer, or what is wrong with it."""
    from bot.words import explain
    from core.credit import incoming, orders
    from core.dunning.stored import active
    from core.errors import DomainError, Unreachable

    try:
        with app.work(now, **who) as work:
            new = incoming.parse(data, work.company.currency)
            found = orders.submit(work, active(work)[1], new, source)
            return orders.as_json(found.order, found.request_id)
    except Unreachable:
        raise
    except DomainError as problem:
        number = data.get("number") if isinstance(data, dict) else None
        return {"number": number[:100] if isinstance(number, str) else None, "error": explain(problem, language())}


def _report(answers: list[dict[str, Any]]) -> None:
    from bot.commands.orders import reasons_of
    from bot.notifications.templates import templates

    words = templates()
    lang: Lang = "en" if language() == "en" else "zh"
    rows = []
    for answer in answers:
        if error := answer.get("error"):
            said = ("。" if lang == "zh" else ". ").join(part for part in (error["message"], error["hint"]) if part)
            rows.append((answer["number"], t("未接受", "not taken"), said, ""))
        else:
            why = "；".join(words.phrase(phrase, lang) for phrase in reasons_of(answer["reasons"], lang))
            rows.append((answer["number"], words.word(answer["verdict"], "order", lang), why, answer["request"]))
    table(t("订单 结果 说明 申请", "order outcome because request").split(), rows)


def approvals(person: As = ..., at: At = "", as_json: Json = False) -> None:  # type: ignore[assignment]
    from core.waiting import approvals_now as waiting

    now = instant(at)
    app = application()
    with app.transactions.look(now) as work:
        rows = waiting(work, _person(work, person))
    _show_approvals(person, rows, as_json)


def _show_approvals(person: str, rows: list[Any], as_json: bool) -> None:
    from bot.commands.orders import approvals_json, was_over
    from core.money import Money, format_money

    document = approvals_json(person, rows, settings().zone)

    def money(amount: Money) -> str:
        return format_money(amount, language())

    def human() -> None:
        if not rows:
            return line(t("没有待审批的订单", "No orders wait for an approval"))
        shown = [
            (a["name"], a["order"], money(Money(row.amount_minor, row.currency)),
             money(Money(*row.over)) if row.over[0] else "", money(was) if (was := was_over(row)) else "", a["by"],
             ", ".join(a["for"]), a["since"][:16], a["expires"][:16])
            for a, row in zip(document["approvals"], rows, strict=True)
        ]  # fmt: skip
        heads = "客户 订单 金额 超额 原超额 申请人 代 发起 截止", "customer order amount over was by for since until"
        table(t(*heads).split(), shown, right=(2, 3, 4))
        return None

    show(document, as_json, human)


def register(app: typer.Typer) -> None:
    order.command(
        "submit",
        help=t("提交订单：按信用规则放行，或送审批。", "Submits orders: released, or held for approval."),
        epilog=example("huikuan order submit orders.json", "huikuan order submit - --source shop --as li --json"),
    )(submit)
    app.add_typer(order, name="order")
    app.command(
        "approvals",
        help=t("等某人审批的订单。", "The orders that wait for a person's approval."),
        epilog=example("huikuan approvals --as zhou", "huikuan approvals --as zhou --json"),
    )(approvals)
