"""/link and /notify: which accounts are somebody's, and in which messenger cards reach them."""

from bot.card import as_lang
from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.commands.words import label, said
from bot.notifications.templates import templates
from bot.notifications.views import DoneView, Line
from core import accounts, names
from core.errors import DomainError


def link(ask: Ask) -> CommandReply:
    """A one-time code for another account of the same person. An account that is linked needs none for itself."""
    if ask.typed.words:
        return ask.error("account.linked_already", name=ask.person.name)
    code = accounts.issue(ask.work, ask.person.id or 0)
    detail = Line(label=label("link_code", ask.lang), value=code)
    view = DoneView(
        today=ask.work.today, what=said("account.code", "account.code", {}, ask.lang), details=(detail,),
        next=_how(code, ask.lang),
    )  # fmt: skip
    return CommandReply(kind="reply.done", view=view, json={"code": code}, outcome="done", code="account.code", facts={})


def _how(code: str, lang: str) -> str:
    if lang == "zh":
        return f"30 分钟内，用另一个账号给我发：绑定 {code}"
    return f"Within 30 minutes, send me from the other account: link {code}"


def notify(ask: Ask) -> CommandReply:
    """Cards go to this messenger from now on."""
    typed = " ".join(ask.typed.words)
    if not typed:
        return ask.error("command.usage", usage=ask.usage)
    messenger = names.messenger(typed)
    there = [_name(one, ask.lang) for one in ask.work.company.messengers]
    if messenger is None:
        return ask.error("account.no_such_messenger", value=typed, names=_or(there, ask.lang))
    name = _name(messenger, ask.lang)
    if messenger not in ask.work.company.messengers:
        return ask.error("account.messenger_off", messenger=name, names=_or(there, ask.lang))
    try:
        accounts.prefer(ask.work, ask.person.id or 0, messenger, ask.person.handle)
    except DomainError as problem:
        return ask.error(problem.code, messenger=name)
    what = said("account.prefer", "account.prefer", {}, ask.lang).format(messenger=name)
    view = DoneView(today=ask.work.today, what=what)
    return CommandReply(
        kind="reply.done", view=view, json={"messenger": messenger}, outcome="done", code="account.prefer", facts={}
    )


def _name(messenger: str, lang: str) -> str:
    return templates().word(messenger, "messenger", as_lang(lang))


def _or(names: list[str], lang: str) -> str:
    return ("、" if lang == "zh" else ", ").join(names)
