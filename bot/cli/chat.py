"""The local messenger from the command line: look into a chat or mailbox, type, press a button, run the engine."""

from typing import Annotated

import typer

from bot.cli.frame import (
    DONE,
    FOUND,
    As,
    At,
    Json,
    application,
    card,
    example,
    inputs,
    instant,
    language,
    line,
    need_local,
    show,
    t,
    table,
)

Person = Annotated[str, typer.Argument(metavar="PERSON", help=t("工号", "handle"))]


def run_once(at: At = "", as_json: Json = False) -> int:
    now = instant(at, speaks=True)
    report = application().run_once(now)

    def human() -> None:
        from bot.words import reason, sentence

        rows = [
            (d["customer"], d["receivable"], d["step"], ", ".join(d["to"]) or d["audience"],
             sentence(f"fired.{d['outcome']}", lang=language())[0], reason(d["reason"], language()))
            for d in report["decisions"]
        ]  # fmt: skip
        if rows:
            heads = t("客户 应收 步骤 给谁 结果 原因", "customer receivable step to outcome reason").split()
            table(heads, rows, report["at"])
        counts = (report["sent"], report["deferred"], report["failed"])
        line(t("已发 {} 条，推迟 {} 条，失败 {} 条", "{} sent, {} deferred, {} failed").format(*counts))

    show(report, as_json, human)
    return FOUND if report["failed"] else DONE


def chat(person: Person, as_json: Json = False) -> None:
    need_local()
    found = application().chat(person)

    def human() -> None:
        for drawn in found["cards"]:
            card(drawn)
        if not found["cards"]:
            line(t("还没有消息", "No messages yet"))

    show(found, as_json, human)


def mailbox(
    address: Annotated[
        str, typer.Argument(metavar="[CUSTOMER|ADDRESS]", help=t("客户编号或邮箱", "customer code or address"))
    ] = "",
    as_json: Json = False,
) -> None:
    found = application().mailbox(address)

    def human() -> None:
        for letter in found["letters"]:
            line(f"{letter['at']}  {letter['to']}  {letter['subject']}", "bold")
            line("  " + letter["text"].replace("\n", "\n  "))
            line()
        if not found["letters"]:
            line(t("没有信函", "No letters"))

    show(found, as_json, human)


def say(
    person: Person,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=t("输入的文字", "what is typed"))],
    at: At = "",
    as_json: Json = False,
) -> None:
    need_local()
    now = instant(at, speaks=True)
    answer = application().say(person, text, now)
    show(answer, as_json, lambda: card(answer["reply"]) if answer["reply"] else line(answer["message"] or answer["outcome"]))


def tap(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help=t("卡片编号", "the card's delivery"))],
    action: Annotated[
        str, typer.Argument(metavar="ACTION", help=t("按钮，例如 task.promise", "button, such as task.promise"))
    ],
    values: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help=t("表单内容", "what its form asks"))
    ] = None,
    person: As = ...,  # type: ignore[assignment]
    at: At = "",
    as_json: Json = False,
) -> int:
    need_local()
    now, form = instant(at, speaks=True), inputs(values or [])
    answer = application().tap(delivery, action, form, person, now)

    def human() -> None:
        line(answer["message"], "bold")
        if answer.get("card"):
            card(answer["card"])

    show(answer, as_json, human)
    return DONE if answer["outcome"] in ("done", "already") else FOUND


def register(app: typer.Typer) -> None:
    app.command(
        "run-once",
        help=t("引擎运行一次，并发出所有到期的消息。", "One engine cycle, and delivery of everything due."),
        epilog=example("huikuan run-once --at 2026-07-02T09:00 --json"),
    )(run_once)
    app.command(
        "chat",
        help=t("某人在本地消息中的聊天。", "A person's chat in the local messenger."),
        epilog=example("huikuan chat li", "huikuan chat li --json"),
    )(chat)
    app.command(
        "mailbox",
        help=t("发给客户的信函。", "Letters to customers."),
        epilog=example("huikuan mailbox", "huikuan mailbox C001 --json"),
    )(mailbox)
    app.command(
        "say",
        help=t("以某人身份输入文字，看看得到什么回答。", "What typed text does and answers, as that person."),
        epilog=example('huikuan say li "余额 华兴商贸"', 'huikuan say li "/promise C001 周五 5万" --at 2026-07-03T10:00'),
    )(say)
    app.command(
        "tap",
        help=t("在本地消息中按下卡片上的按钮。", "Presses a button of a card in the local messenger."),
        epilog=example(
            "huikuan tap 12 task.promise date=2026-07-06 --as li",
            "huikuan tap 12 claim.confirm --as zhou --at 2026-07-03T10:00",
        ),
    )(tap)
