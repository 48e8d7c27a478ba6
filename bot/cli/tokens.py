"""`huikuan token`: who may call the REST API."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.frame import Json, application, day, example, instant, line, os_user, settings, show, t, table

if TYPE_CHECKING:
    from datetime import datetime

    from core.models import ApiToken

token = typer.Typer(rich_markup_mode=None, help=t("REST API 的令牌。", "Tokens of the REST API."), no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="NAME", help=t("哪个系统，例如 shop", "which system, such as shop"))]


def add(
    name: Name,
    scope: Annotated[
        list[str],
        typer.Option(
            "--scope", metavar="SCOPE",
            help=t(
                "权限，可重复：orders、customers、receivables、receipts、shipments、risk 后加 :write，"
                "或 orders:read、credit:read",
                "right, repeatable: orders, customers, receivables, receipts, shipments or risk with :write, "
                "or orders:read, credit:read",
            ),
        ),
    ],
    source: Annotated[
        str, typer.Option("--source", metavar="S", help=t("订单来自哪个系统", "the system the orders come from"))
    ] = "",
    expires: Annotated[
        str, typer.Option("--expires", metavar="DATE", help=t("最后可用的一天", "the last day on which it works"))
    ] = "",
    as_json: Json = False,
) -> None:  # fmt: skip
    from core import tokens

    now, until = instant(""), _end_of(expires)
    app = application()
    with app.work(now, actor=f"cli:{os_user()}", channel="cli") as work:
        row, secret = tokens.issue(work, name, scope, source=source, expires_at=until)
        document = _json(row, now) | {"token": secret}

    def human() -> None:
        line(t("令牌（只显示这一次，请妥善保存）：", "The token (shown only once; keep it safe):"))
        print(secret)

    show(document, as_json, human)


def _end_of(text: str) -> "datetime | None":
    """The midnight after that day. Errors: time.bad_date."""
    from datetime import date, time, timedelta

    from core.errors import DomainError
    from core.time import local_instant

    if not text:
        return None
    last = day(text, "--expires")
    if last.year >= date.max.year:
        raise DomainError("time.bad_date", value=text, option="--expires")
    return local_instant(last + timedelta(days=1), time(0), settings().zone)


def list_(as_json: Json = False) -> None:
    from core import tokens

    now = instant("")
    app = application()
    with app.transactions.look(now) as work:
        rows = [_json(row, now) for row in tokens.every(work)]

    def human() -> None:
        if not rows:
            return line(t("没有令牌", "There are no tokens"))
        words = {"active": t("可用", "active"), "expired": t("已过期", "expired"), "revoked": t("已撤销", "revoked")}
        heads = t("名称 来源 权限 状态 最后一天 最近使用", "name source scopes state last_day used").split()
        shown = [
            (r["name"], r["source"], " ".join(r["scopes"]), words[r["state"]], r["last_day"], r["last_used"])
            for r in rows
        ]
        table(heads, shown)
        return None

    show({"tokens": rows}, as_json, human)


def revoke(name: Name, as_json: Json = False) -> None:
    from core import tokens

    now = instant("")
    app = application()
    with app.work(now, actor=f"cli:{os_user()}", channel="cli") as work:
        document = _json(tokens.revoke(work, name), now)
    show(document, as_json, lambda: line(t(f"已撤销：{name}", f"Revoked: {name}")))


def _json(row: "ApiToken", now: "datetime") -> dict[str, Any]:
    from datetime import timedelta

    from core.tokens import state

    zone = settings().zone
    ends = row.expires_at.astimezone(zone) if row.expires_at is not None else None
    return {
        "name": row.name,
        "source": row.source,
        "scopes": list(row.scopes),
        "state": state(row, now),
        "created": row.created_at.astimezone(zone).isoformat(),
        "expires": ends.isoformat() if ends is not None else None,
        "last_day": (ends - timedelta(microseconds=1)).date().isoformat() if ends is not None else None,
        "last_used": row.last_used_on.isoformat() if row.last_used_on is not None else None,
    }


def register(app: typer.Typer) -> None:
    token.command(
        "add",
        help=t("发一个令牌；只显示一次。", "Issues a token; it is shown once."),
        epilog=example(
            "huikuan token add shop --scope orders:write --scope orders:read --source shop --expires 2027-12-31",
            "huikuan token add erp --scope customers:write --scope receivables:write --scope receipts:write --source erp",
        ),
    )(add)
    token.command(
        "list",
        help=t("所有令牌和它们的状态。", "All tokens and their states."),
        epilog=example("huikuan token list", "huikuan token list --json"),
    )(list_)
    token.command(
        "revoke",
        help=t("撤销一个令牌，立即生效。", "Revokes a token, at once."),
        epilog=example("huikuan token revoke shop"),
    )(revoke)
    app.add_typer(token, name="token")
