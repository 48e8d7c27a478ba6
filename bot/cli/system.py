"""Running it: the demo, the server, the doctor."""

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.frame import DONE, FOUND, REFUSED, At, Json, example, instant, language, line, settings, show, t, table

Port = Annotated[int, typer.Option("--port", min=0, max=65535, metavar="N", help=t("端口", "port"))]


def demo(
    port: Port = 8321,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DIR", help=t("数据放在哪里", "where the data goes"))
    ] = None,
    at: At = "",
    no_browser: Annotated[bool, typer.Option("--no-browser", help=t("不打开浏览器", "do not open a browser"))] = False,
) -> None:
    from bot.demo import run

    run(settings(), port=port, data=data, at=instant(at) if at else None, browser=not no_browser)


def serve(
    host: Annotated[str, typer.Option("--host", metavar="H", help=t("监听的地址", "address to listen on"))] = "127.0.0.1",
    port: Port = 8080,
    no_engine: Annotated[
        bool, typer.Option("--no-engine", help=t("只提供网页和消息接口", "web and messengers only, no scheduler"))
    ] = False,
) -> None:
    from bot.cli.frame import database
    from bot.server import serve as start

    database().dispose()
    start(settings(), host=host, port=port, engine=not no_engine)


def doctor(
    data: Annotated[bool, typer.Option("--data", help=t("加上数据纪律清单", "add the lists of data discipline"))] = False,
    as_json: Json = False,
) -> int:
    from bot.doctor import examine, list_name
    from bot.notifications.templates import templates
    from bot.words import one_line, step_day
    from core.errors import ConfigError

    try:
        found = settings()
    except ConfigError as error:
        if as_json:
            raise
        line(f"✗ settings: {one_line(error, language())}", "red")
        return REFUSED
    report = examine(found, instant(""), lang=language(), data=data)

    def human() -> None:
        marks = {"ok": "✓", "warn": "!", "fail": "✗"}
        for check in report["checks"]:
            style = {"ok": "green", "warn": "yellow", "fail": "red"}[check["state"]]
            hint = f" — {check['hint']}" if check["hint"] else ""
            line(f"{marks[check['state']]} {check['name']}: {check['message']}{hint}", style)
        if report["cases"]:
            heads = t("客户 币种 状态 级别 下一步 日期", "customer currency state severity next on").split()
            now, over = t("（该做了）", " (due now)"), t("已走完", "none left")
            zh, waits = language() != "en", {"open": t("待跟进", "open"), "waiting": t("等待中", "waiting")}
            rows = [
                (c["customer"], c["currency"], waits.get(c["state"], c["state"]),
                 templates().word(c["severity"], "severity", "zh" if zh else "en"),
                 step_day(c["offset"], zh) if c["next"] else over, (c["on"] or "") + (now if c["due_now"] else ""))
                for c in report["cases"]
            ]  # fmt: skip
            table(heads, rows, t("每个案件的下一步", "The next step of every case"))
        for name, rows in report["gaps"].items():
            if rows:
                line(f"{t(*list_name(name))}: {', '.join(str(next(iter(row.values()))) for row in rows[:20])}")

    show(report, as_json, human)
    return FOUND if any(check["state"] == "fail" for check in report["checks"]) else DONE


def register(app: typer.Typer) -> None:
    app.command(
        "demo",
        help=t(
            "用示例公司试用：新数据库、本地消息页面、可拨动的时钟。",
            "A sample company to try: own database, chat page, a clock to move.",
        ),
        epilog=example("huikuan demo", "huikuan demo --port 9000 --at 2026-07-01T09:00 --no-browser"),
    )(demo)
    app.command(
        "serve",
        help=t("正式运行：网页、消息平台、定时器、发送。", "Production: web, messengers, scheduler, sender."),
        epilog=example("huikuan serve", "huikuan serve --port 8080", "huikuan serve --no-engine"),
    )(serve)
    app.command(
        "doctor",
        help=t("检查设置、数据库、模板、策略、日历、待发消息和数据缺口。",
               "Checks settings, database, templates, policy, calendar, deliveries and gaps in the data."),
        epilog=example("huikuan doctor", "huikuan doctor --data --json"),
    )(doctor)  # fmt: skip
