"""What members do with their phones, and what the product's passive reply does to their screens."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.fakes.wecom import xml
from tests.fakes.wecom.line import Delivery, Line, Reply
from tests.fakes.wecom.refused import BadReply, NotThere, Refused
from tests.fakes.wecom.screen import Selection, Shown, choose, look
from tests.fakes.wecom.sending import Sender
from tests.fakes.wecom.state import App, Corp, Member, Message, View

AUTHORIZE = "/connect/oauth2/authorize"
BAD_LINK = 40058  # [?] a browser sees an error page; the number is ours
# [?] Which events may be answered with what: updates for taps (documented for card menus, taken for buttons as well),
# texts for everything that is not a tap.
ALLOWED = {
    "tap": {"update_button", "update_template_card"},
    "say": {"text"},
    "menu": {"text"},
    "enter": {"text"},
}


@dataclass(frozen=True)
class Opened:
    """Where the phone goes after an authorize link."""

    url: str  # the product's page with code and state
    code: str
    state: str


class Phones:
    def __init__(self, corp: Corp, line: Line, sender: Sender, lint: list[str], wrong: list[str]) -> None:
        self._corp = corp
        self._line = line
        self._sender = sender
        self._lint = lint
        self._wrong = wrong
        self.trusted_domains: set[str] | None = None  # None: every domain

    # --- seeing

    def chat(self, user: str) -> list[Shown]:
        """Everything in the app's chat, the member's own words included, oldest first."""
        userid = self.member(user).userid
        return [look(message, userid) for message in self._corp.messages.values() if userid in message.views]

    def member(self, user: str) -> Member:
        found = self._corp.member(user)
        if found is None:
            raise NotThere(f"no member {user}")
        return found

    # --- doing

    async def tap(self, user: str, message: Shown | str, button: str, selected: Selection, stale: bool) -> Delivery:
        member = self.member(user)
        found = self._corp.messages.get(message if isinstance(message, str) else message.msgid)
        if found is None or member.userid not in found.views or found.recalled:
            raise NotThere(f"{user} has no such message")
        shown = message if stale and isinstance(message, Shown) else look(found, member.userid)
        in_menu = button in [entry.key for entry in shown.menu]
        if not in_menu and button not in [entry.key for entry in shown.buttons if entry.key]:
            raise NotThere(f"no button {button!r} that {user} could tap; there are {[*shown.buttons, *shown.menu]}")
        answers = choose(shown, selected)
        code = self._corp.new_code(found)
        plain = self._tap_xml(shown, found, button, {} if in_menu else answers, code, in_menu)
        delivery = await self._line.deliver(f"tap of {button} by {user}", plain, found.agentid)
        delivery = self._settle("tap", replace(delivery, response_code=code), member)
        if delivery.reply is not None:
            # [?] A passive update uses up the tap's code: the stricter of the two ways to read the page.
            self._corp.codes[code].used = True
            delivery = self._apply(delivery, delivery.reply, found, member)
        return delivery

    def _tap_xml(
        self, shown: Shown, found: Message, button: str, answers: Mapping[str, list[str]], code: str, in_menu: bool
    ) -> str:
        event: dict[str, Any] = {
            "EventKey": button,
            "TaskId": shown.card.get("task_id", ""),
            "CardType": shown.card["card_type"],
            "ResponseCode": code,
            "AgentID": found.agentid,
        }
        if answers:
            items = [{"QuestionKey": key, "OptionIds": {"OptionId": ids}} for key, ids in answers.items()]
            event["SelectedItems"] = {"SelectedItem": items}
        return self._event(shown.userid, "template_card_menu_event" if in_menu else "template_card_event", event)

    async def say(self, user: str, text: str, app: App) -> Delivery:
        member, msgid = self.member(user), str(secrets.randbelow(2**62))
        said = Message(msgid, app.agentid, "text", {"content": text}, self._corp.now(), {member.userid: View()}, True)
        self._corp.add(said)
        plain = self.words(member.userid, text, app, msgid)
        delivery = await self._line.deliver(f"{user} said {text[:20]!r}", plain, app.agentid)
        return self._answered("say", replace(delivery, message_id=msgid), member, app)

    async def menu_tap(self, user: str, key: str, app: App) -> Delivery:
        member = self.member(user)
        keys = [item.get("key") for item in self.menu_items(app) if item.get("type") == "click"]
        if key not in keys:
            raise NotThere(f"no entry {key!r} in the menu, only {keys}")
        plain = self._event(member.userid, "click", {"EventKey": key, "AgentID": app.agentid})
        delivery = await self._line.deliver(f"menu {key} by {user}", plain, app.agentid)
        return self._answered("menu", delivery, member, app)

    def menu_items(self, app: App) -> list[dict[str, Any]]:
        buttons = (app.menu or {}).get("button", [])
        return [item for button in buttons for item in (button.get("sub_button") or [button])]

    async def enter_agent(self, user: str, app: App) -> Delivery:
        member = self.member(user)
        plain = self._event(member.userid, "enter_agent", {"EventKey": "", "AgentID": app.agentid})
        delivery = await self._line.deliver(f"{user} opened the chat", plain, app.agentid)
        return self._answered("enter", delivery, member, app)

    def open_link(self, user: str, url: str) -> Opened:
        """Somebody who is no member may open a link too: the product then gets an openid."""
        member = self._corp.member(user)
        redirect, state = self._check_link(url)
        code = secrets.token_urlsafe(32)
        self._corp.oauth[code] = (self._corp.now(), member.userid if member else user, False)
        extra = urlencode({"code": code, "state": state})
        return Opened(redirect + ("&" if urlsplit(redirect).query else "?") + extra, code, state)

    def _check_link(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        if not parts.path.endswith(AUTHORIZE):
            raise NotThere(f"no authorize link: {url[:80]!r}")
        given = {key: values[0] for key, values in parse_qs(parts.query, keep_blank_values=True).items()}
        redirect, state = given.get("redirect_uri", ""), given.get("state", "")
        if given.get("appid") != self._corp.corp_id:
            raise Refused(40013, "appid is not the corp id")
        if given.get("response_type") != "code" or given.get("scope") not in ("snsapi_base", "snsapi_privateinfo"):
            raise Refused(BAD_LINK, "response_type or scope")
        if given.get("agentid") not in map(str, self._corp.apps):
            raise Refused(301002, f"agentid {given.get('agentid')}")
        if parts.fragment != "wechat_redirect":
            raise Refused(BAD_LINK, "no #wechat_redirect at the end")
        if not redirect.startswith(("http://", "https://")):
            raise Refused(BAD_LINK, f"redirect_uri {redirect!r}")
        if self.trusted_domains is not None and urlsplit(redirect).hostname not in self.trusted_domains:
            raise Refused(50001, f"{urlsplit(redirect).hostname} is no trusted domain of the app")
        if len(state.encode()) > 128:
            raise Refused(BAD_LINK, "state is longer than 128 bytes")
        if state and not (state.isascii() and state.isalnum()):
            self._lint.append(f"state {state!r}: an old page allows a-zA-Z0-9 only")
        return redirect, state

    # --- XML

    def _head(self, userid: str, msgtype: str) -> dict[str, Any]:
        return {
            "ToUserName": self._corp.corp_id,
            "FromUserName": userid,
            "CreateTime": int(self._corp.now()),
            "MsgType": msgtype,
        }

    def _event(self, userid: str, event: str, more: dict[str, Any]) -> str:
        return xml.element("xml", {**self._head(userid, "event"), "Event": event, **more})

    def words(self, userid: str, text: str, app: App, msgid: str = "") -> str:
        """The XML of a text message."""
        number = int(msgid or secrets.randbelow(2**62))
        return xml.element("xml", {**self._head(userid, "text"), "Content": text, "MsgId": number, "AgentID": app.agentid})

    # --- passive replies

    def _settle(self, kind: str, delivery: Delivery, member: Member) -> Delivery:
        """Reads the reply of the last try; what WeCom would throw away goes to `wrong` and changes nothing."""
        if delivery.status != 200:
            return delivery
        try:
            reply = self._line.read(delivery.tries[-1], member.userid)
            if reply is not None:
                self._check(kind, reply)
        except BadReply as bad:
            self._wrong.append(f"{delivery.what}: {bad}")
            return replace(delivery, problem=str(bad))
        return replace(delivery, reply=reply)

    def _check(self, kind: str, reply: Reply) -> None:
        if reply.kind not in ALLOWED[kind]:
            raise BadReply(f"a {kind} may not be answered with {reply.kind}")
        if reply.kind == "text" and len(reply.text.encode()) > 2048:
            raise BadReply(f"{len(reply.text.encode())} of 2048 bytes")
        if reply.kind == "update_template_card":
            try:
                self._sender.check_card(reply.card, update=True)
            except Refused as refused:
                raise BadReply(f"the card is refused: {refused}") from refused

    def _apply(self, delivery: Delivery, reply: Reply, message: Message, member: Member) -> Delivery:
        if reply.kind == "update_button":
            message.views[member.userid].replaced = reply.text
            return delivery
        try:
            self._corp.take_task(message.agentid, reply.card, message.msgid)
        except Refused as refused:
            self._wrong.append(f"{delivery.what}: {refused}")
            return replace(delivery, reply=None, problem=str(refused))
        self._corp.show(message, member.userid, reply.card)
        return delivery

    def _answered(self, kind: str, delivery: Delivery, member: Member, app: App) -> Delivery:
        delivery = self._settle(kind, delivery, member)
        if delivery.reply is not None:
            content, views = {"content": delivery.reply.text}, {member.userid: View()}
            msgid = secrets.token_urlsafe(24)
            self._corp.add(Message(msgid, app.agentid, "text", content, self._corp.now(), views))
        return delivery
