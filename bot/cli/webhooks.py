"""`huikuan webhook`: what another system was told of, to be told again, and whether it listens."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bot.cli.frame import (
    DONE,
    FOUND,
    UNREACHED,
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
    from core.models import WebhookEvent
    from core.webhooks import Outcome

webhook = typer.Typer(
    rich_markup_mode=None, help=t("给订单系统的事件通知。", "Events for the order system."), no_args_is_help=True
)
State = Literal["pending", "sending", "accepted", "parked"]


def list_(
    state: Annotated[
        State | None, typer.Option("--state", help=t("只看这个状态的", "only those in this state"))
    ] = None,
    most: Annotated[
        int, typer.Option("--limit", metavar="N", min=1, max=10_000, help=t("最多多少条", "at most so many"))
    ] = 50,
    as_json: Json = False,
) -> None:
    from core import webhooks

    app = application()
    with app.transactions.look(instant("")) as work:
        rows = [_json(row) for row in webhooks.log(work, state or "", most)]

    def human() -> None:
        if not rows:
            return line(t("没有事件", "There are no events"))
        words = {"pending": t("待发送", "pending"), "sending": t("发送中", "sending"), "accepted": t("已接收", "accepted"),
                 "parked": t("已放弃", "parked")}  # fmt: skip
        heads = t("编号 时间 事件 对象 状态 次数 最近结果", "number at event about state tries last").split()
        table(heads, [
            (r["number"], r["at"][:19], r["event"], _about(r), words[r["state"]], r["attempts"], r["said"]) for r in rows
        ], right=(0, 5))  # fmt: skip
        return None

    show({"events": rows}, as_json, human)


def _about(event: dict[str, Any]) -> str:
    """The order's number or the customer's code: what people know it by."""
    body = event["body"]
    told = body.get("order", {}).get("number") or body.get("customer", {}).get("code")
    return str(told or event["subject"])


def _json(row: "WebhookEvent") -> dict[str, Any]:
    from bot.webhook_check import said

    zone = settings().zone

    def at(value: Any) -> str | None:
        return value.astimezone(zone).isoformat() if value is not None else None

    return {
        "number": row.id,
        "id": row.key,
        "event": row.kind,
        "subject": row.subject,
        "at": at(row.at),
        "state": row.state,
        "attempts": row.attempts,
        "next": at(row.not_before) if row.state == "pending" else None,
        "accepted": at(row.accepted_at),
        "status": row.last_status,
        "error": row.last_error,
        "said": said(row.last_status, row.last_error, language()),
        "body": row.body,
    }


def replay(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help=t("编号，或事件的 id", "numbers, or ids of events")),
    ] = None,
    since: Annotated[
        str, typer.Option("--since", metavar="INSTANT", help=t("这个时刻以来的全部", "all since this instant"))
    ] = "",
    as_json: Json = False,
) -> int:
    from bot.words import explain
    from core import webhooks
    from core.errors import ConfigError
    from core.time import parse_instant

    if bool(ids) == bool(since):
        raise ConfigError("webhook.which")
    begin = parse_instant(since, settings().zone) if since else None
    app = application()
    with app.work(instant(""), actor=f"cli:{os_user()}", channel="cli") as work:
        absent = webhooks.absent(work, ids or ())
        if ids and len(absent) < len(set(ids)):  # the others go all the same
            ids = [one for one in ids if one not in absent]
        count = webhooks.replay(work, ids or (), begin)
        days = work.company.webhook_days
        gone = begin is not None and begin < work.now - timedelta(days=days)

    left = [explain(problem, language()) for problem in absent.values()]

    def human() -> None:
        for one in left:
            line(f"{one['message']} — {one['hint']}", "yellow")
        line(t(
            f"{count} 条将由 huikuan serve 或 huikuan run-once 重新发送",
            f"{count} will be sent again by huikuan serve or huikuan run-once",
        ))  # fmt: skip
        if gone:
            line(t(
                f"对方接收后只保留 {days} 天，更早的已清理", f"Events are deleted {days} days after they were accepted"
            ))  # fmt: skip

    show({"replayed": count} | ({"left_out": left} if left else {}), as_json, human)
    return FOUND if left else DONE


def test(as_json: Json = False) -> int:
    import asyncio

    from bot import hooks
    from bot.webhook_check import said, without_query
    from core.time import utcnow

    receiver, now = hooks.require(settings()), utcnow()
    outcome: Outcome = asyncio.run(hooks.ping(receiver, now, now.astimezone(settings().zone)))
    document = {
        "url": without_query(receiver.url),
        "id": outcome.event.key,
        "accepted": outcome.accepted,
        "status": outcome.status,
        "error": outcome.error,
        "said": said(outcome.status, outcome.error, language()),
    }
    show(document, as_json, lambda: line(t(
        f"{document['url']}：{'已接收' if outcome.accepted else '未接收'}，{document['said']}",
        f"{document['url']}: {'accepted' if outcome.accepted else 'not accepted'}, {document['said']}",
    )))  # fmt: skip
    return DONE if outcome.accepted else UNREACHED if outcome.status is None else FOUND


def register(app: typer.Typer) -> None:
    webhook.command(
        "list",
        help=t("发给订单系统的事件，新的在前。", "The events for the order system, the newest first."),
        epilog=example("huikuan webhook list", "huikuan webhook list --state parked --json"),
    )(list_)
    webhook.command(
        "replay",
        help=t("按原 id 和原内容再发一次。", "Sends events again, with the same id and body."),
        epilog=example("huikuan webhook replay 17 18", "huikuan webhook replay --since 2026-07-01T09:00"),
    )(replay)
    webhook.command(
        "test",
        help=t("发一个 ping，看接收方怎么答复。", "Sends a ping and says what came back."),
        epilog=example("huikuan webhook test", "huikuan webhook test --json"),
    )(test)
    app.add_typer(webhook, name="webhook")
