"""Accounts and messengers: a code to link an account, a card to try whether messages arrive."""

from typing import Annotated

import typer

from bot.cli.frame import DONE, FOUND, Json, application, example, language, line, show, t

Person = Annotated[str, typer.Argument(metavar="PERSON", help=t("工号", "handle"))]


def link(person: Person, as_json: Json = False) -> None:
    code = application().issue_code(person)

    def human() -> None:
        line(t(f"{person} 的绑定码：{code}", f"Code of {person}: {code}"))
        line(t(f"请在 30 分钟内，用要绑定的账号给机器人发：绑定 {code}",
               f"Within 30 minutes, send this to the bot from the account to be linked: link {code}"))  # fmt: skip

    show({"person": person, "code": code}, as_json, human)


def send_test(
    person: Person,
    messenger: Annotated[
        str, typer.Option("--messenger", metavar="NAME", help=t("只发到这个平台", "to this messenger only"))
    ] = "",
    as_json: Json = False,
) -> int:
    from bot.words import sentence

    results = application().send_test(person, messenger)

    def human() -> None:
        for found in results:
            if found["sent"]:
                said = t("已发出，请在手机上按“收到了”", "sent; press “Got it” on it")
                line(f"{found['messenger']}: {said}")
            else:
                line(f"{found['messenger']}: {sentence('messenger.refused', found, language())[0]}", "red")

    show({"person": person, "results": results}, as_json, human)
    return DONE if all(found["sent"] for found in results) else FOUND


def register(app: typer.Typer) -> None:
    app.command(
        "link",
        help=t("给一个人发绑定码，用来绑定他的消息账号。", "A one-time code with which a person links an account."),
        epilog=example("huikuan link lina"),
    )(link)
    app.command(
        "send-test",
        help=t("给一个人发一张可以按的测试卡片。", "Sends a person a card to press."),
        epilog=example("huikuan send-test lina", "huikuan send-test lina --messenger wecom"),
    )(send_test)
