"""/link and /notify: which accounts are somebody's, and in which messenger cards reach them."""

from bot.commands.parser import Ask
from bot.commands.reply import CommandReply
from bot.commands.words import label, said
from bot.notifications.views import DoneView, Line
from core import accounts

MESSENGERS = {
    "slack": "slack",
    "dingtalk": "dingtalk", "钉钉": "dingtalk", "ding": "dingtalk",
    "wecom": "wecom", "企业微信": "wecom", "企微": "wecom", "微信": "wecom",
    "local": "local", "本地": "local", "网页": "local",
}  # fmt: skip


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
    messenger = MESSENGERS.get(" ".join(ask.typed.words).casefold())
    if messenger is None:
        return ask.error("command.usage", usage=ask.usage)
    if messenger not in ask.work.company.messengers:
        return ask.error("account.messenger_off", messenger=messenger)
    accounts.prefer(ask.work, ask.person.id or 0, messenger, ask.person.handle)
    view = DoneView(
        today=ask.work.today, what=said("account.prefer", "account.prefer", {}, ask.lang),
        details=(Line(label=label("messenger", ask.lang), value=messenger),),
    )  # fmt: skip
    return CommandReply(
        kind="reply.done", view=view, json={"messenger": messenger}, outcome="done", code="account.prefer", facts={}
    )
