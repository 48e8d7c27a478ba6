"""Accounts and messengers: a code to link an account, a card to try, and what a message looks like where."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from bot.cli.frame import DONE, FOUND, Json, application, card, example, language, line, settings, show, t, table

if TYPE_CHECKING:
    from bot.card import Lang
    from bot.preview import Preview

Person = Annotated[str, typer.Argument(metavar="PERSON", help=t("工号", "handle"))]


def link(person: Person, as_json: Json = False) -> None:
    code = application().issue_code(person)

    def human() -> None:
        line(t(f"{person} 的绑定码：{code}", f"Code of {person}: {code}"))
        line(t(f"请在 30 分钟内，用要绑定的账号给机器人发：绑定 {code}",
               f"Within 30 minutes, send this to the bot from the account to be linked: link {code}"))  # fmt: skip

    show({"person": person, "code": code}, as_json, human)


def unlink(
    person: Person,
    messenger: Annotated[str, typer.Argument(metavar="MESSENGER", help=t("平台", "the messenger"))],
    account: Annotated[
        str, typer.Argument(metavar="[ACCOUNT]", help=t("平台账号，有几个时写明", "which user id, if there are several"))
    ] = "",
    as_json: Json = False,
) -> None:
    from core import names

    name = names.messenger(messenger) or messenger  # an older version stored whatever the file said
    ended = application().take_away(person, name, account)
    said = t(f"{person} 的账号已去掉：{name} {ended}。未办的卡片会发到其他账号，没有其他账号的由财务经理跟进。",
             f"Taken away from {person}: {name} {ended}. Open cards come to their other accounts; without one, the finance"
             " manager is told.")  # fmt: skip
    show({"person": person, "messenger": name, "user_id": ended}, as_json, lambda: line(said))


def send_test(
    person: Person,
    messenger: Annotated[
        str, typer.Option("--messenger", metavar="NAME", help=t("只发到这个平台", "to this messenger only"))
    ] = "",
    as_json: Json = False,
) -> int:
    from bot.trial import why_not
    from core import names

    results = application().send_test(person, names.messenger(messenger) or messenger)

    def human() -> None:
        for found in results:
            if found["sent"]:
                said = t("已发出，请在手机上按“收到了”", "sent; press “Got it” on it")
                line(f"{found['messenger']}: {said}")
            else:
                line(f"{found['messenger']}: {why_not(person, found, language())}", "red")

    show({"person": person, "results": results}, as_json, human)
    return DONE if all(found["sent"] for found in results) else FOUND


def preview(
    kind: Annotated[
        str,
        typer.Argument(metavar="[KIND]", help=t("消息种类；不写就列出全部", "the kind of message; without it, lists all")),
    ] = "",
    messenger: Annotated[
        Literal["slack", "dingtalk", "wecom", "text", "mail", "file"] | None,
        typer.Option("--messenger", metavar="NAME", help=t("只看这个平台", "this messenger only")),
    ] = None,
    lang: Annotated[
        Literal["zh", "en"] | None, typer.Option("--lang", metavar="zh|en", help=t("哪种语言", "which language"))
    ] = None,
    as_json: Json = False,
) -> None:
    spoken: Lang = "en" if (lang or language()) == "en" else "zh"
    if kind:
        _preview(kind, messenger or "", spoken, as_json)
    else:
        _kinds(spoken, as_json)


def _kinds(lang: "Lang", as_json: bool) -> None:
    from bot.preview import example as drawn
    from bot.preview import faces_of, kinds

    found = [
        {"kind": kind, "title": drawn(kind, lang)[0].title, "messengers": [face.name for face in faces_of(kind)]}
        for kind in kinds()
    ]
    show({"kinds": found}, as_json, lambda: table(
        (t("种类", "kind"), t("例子的标题", "title of the example")), [(one["kind"], one["title"]) for one in found]
    ))  # fmt: skip


def _preview(kind: str, messenger: str, lang: "Lang", as_json: bool) -> None:
    """Errors: preview.unknown_kind, preview.not_there"""
    from bot.preview import form_of, previews
    from core.errors import DomainError

    drawn = previews(kind, lang, form_of(settings().public_url))
    found = [made for made in drawn.values() if messenger in ("", made.face.messenger)]
    if not found:
        raise DomainError("preview.not_there", kind=kind, messenger=messenger)

    def human() -> None:
        for made in found:
            _draw(made, lang)

    shown = [{"messenger": made.face.name, "payload": made.payload, "lost": list(made.lost)} for made in found]
    show({"kind": kind, "lang": lang, "previews": shown}, as_json, human)


def _draw(made: "Preview", lang: "Lang") -> None:
    """The words of one messenger's drawing, and what it lacks."""
    from bot.card import card_json
    from bot.lost import in_words

    line(f"── {made.face.zh if lang == 'zh' else made.face.en} ──", "bold cyan")
    if (said := _said(made.payload)) is not None:
        line(said)
        line()
    else:
        shown = card_json(made.card)
        shown["actions"] += [{"label": text, "id": url} for text, url in _own_links(made)]
        card(shown)
    for lost in made.lost:
        line("  - " + in_words(lost, lang), "yellow")
    if made.lost:
        line()


def _own_links(made: "Preview") -> list[tuple[str, str]]:
    """(words, address) of the buttons that an adapter adds to a card: WeCom's “Fill in”."""
    drawn = made.payload.get("template_card", {}).get("button_list", [])
    known = {action.url for action in made.card.actions}
    return [(str(one["text"]), str(one["url"])) for one in drawn if one.get("url") and one["url"] not in known]


def _said(payload: dict[str, object]) -> str | None:
    """What a payload without blocks or buttons says; None where it is a card."""
    said = payload.get("markdown" if payload.get("msgtype") == "markdown" else "text")
    if isinstance(said, dict):
        said = said.get("content")
    if not isinstance(said, str) or "blocks" in payload:
        return None
    return f"{payload['subject']}\n\n{said}" if "subject" in payload else said


def register(app: typer.Typer) -> None:
    app.command(
        "link",
        help=t("给一个人发绑定码，用来绑定他的消息账号。", "A one-time code with which a person links an account."),
        epilog=example("huikuan link lina"),
    )(link)
    app.command(
        "unlink",
        help=t(
            "去掉一个人的消息账号，例如填错的。", "Takes an account away from a person: a wrong one, say."
        ),
        epilog=example("huikuan unlink lina dingtalk", "huikuan unlink lina wecom LiNa01"),
    )(unlink)
    app.command(
        "send-test",
        help=t("给一个人发一张可以按的测试卡片。", "Sends a person a card to press."),
        epilog=example("huikuan send-test lina", "huikuan send-test lina --messenger wecom"),
    )(send_test)
    app.command(
        "preview",
        help=t(
            "一种消息在各平台上的样子，以及哪里少了什么。", "What a message looks like in each messenger, and what it loses."
        ),
        epilog=example("huikuan preview", "huikuan preview task.overdue --messenger slack --json"),
    )(preview)
