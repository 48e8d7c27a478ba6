"""What people do, told to the product in the payloads that Slack builds. Everything here runs in the server's loop."""

from typing import Any

from tests.fakes.slack import elements
from tests.fakes.slack.chat import as_sent
from tests.fakes.slack.delivery import Answer, Courier
from tests.fakes.slack.others import answer_in_place, as_view, change, good_view, put_on_top
from tests.fakes.slack.state import (
    APP,
    BOT_USER,
    TEAM,
    TEAM_DOMAIN,
    Channel,
    Impossible,
    Message,
    Refused,
    ResponseUrl,
    View,
    Workspace,
)
from tests.fakes.slack.web_api import refusal

TOKEN = "verification-token"
RESPONSE_ACTIONS = ("errors", "update", "push", "clear")
NOTHING = Answer(True, None, 0.0, "")


class People:
    def __init__(self, at: Workspace, courier: Courier) -> None:
        self._at, self._courier = at, courier

    # Words

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        bot = {"enterprise_id": None, "team_id": TEAM, "user_id": BOT_USER, "is_bot": True, "is_enterprise_install": False}
        ids = {"token": TOKEN, "team_id": TEAM, "api_app_id": APP, "event_id": self._at.new_id("Ev")}
        when = {"event_time": int(self._at.now()), "is_ext_shared_channel": False, "event_context": self._at.new_id("EC")}
        return {**ids, **when, "type": "event_callback", "event": event, "authorizations": [bot]}

    async def tell(self, event: dict[str, Any]) -> Answer:
        event.setdefault("event_ts", event.get("ts") or self._at.new_ts())
        return await self._courier.push("events_api", self._event(event))

    async def say(self, user: str, text: str, thread_ts: str) -> Answer:
        self._at.person(user)
        said = self._said(self._at.dm(user), user, text, thread_ts)
        return await self.tell({**said, "channel_type": "im", "client_msg_id": self._at.new_id("c")})

    async def mention(self, user: str, channel: str, text: str) -> Answer:
        self._at.person(user)
        if channel not in self._at.channels or user not in self._at.channels[channel].members:
            raise Impossible(f"{user} is not in {channel}")
        said = self._said(self._at.channels[channel], user, f"<@{BOT_USER}> {text}", "")
        return await self.tell({**said, "type": "app_mention"})

    def _said(self, channel: Channel, user: str, text: str, thread_ts: str) -> dict[str, Any]:
        text = text if text.startswith("<@") else text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        message = self._at.post(Message(channel.id, self._at.new_ts(), user, text, thread_ts=thread_ts))
        return {**as_sent(self._at, message), "channel": channel.id}

    async def command(self, user: str, command: str, text: str, channel: str) -> Answer:
        person = self._at.person(user)
        place = self._at.channels[channel] if channel else self._at.dm(user)
        url = self._at.new_response_url(user, place.id)
        payload = {
            "token": TOKEN,
            "team_id": TEAM,
            "team_domain": TEAM_DOMAIN,
            "channel_id": place.id,
            "channel_name": place.name,
            "user_id": user,
            "user_name": person.name,
            "command": command,
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": url,
            "trigger_id": self._at.new_trigger(user),
        }
        answer = await self._courier.push("slash_commands", payload)
        if answer.acked and answer.reply:
            self._show_reply(self._at.response_urls[url.rsplit("/", 1)[1]], command, answer.reply)
        return answer

    def _show_reply(self, known: ResponseUrl, command: str, reply: Any) -> None:
        sent = {"text": reply} if isinstance(reply, str) else reply
        try:
            answer_in_place(self._at, known, f"ack of {command}", sent)
        except Refused as no:
            self._at.complain(f"the ack of {command} cannot be shown: {refusal(self._at, command, no)['error']}")

    # Cards

    def _who(self, user: str) -> dict[str, Any]:
        person = self._at.person(user)
        return {
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": TEAM},
            "team": {"id": TEAM, "domain": TEAM_DOMAIN},
            "api_app_id": APP,
            "token": TOKEN,
            "enterprise": None,
            "is_enterprise_install": False,
        }

    async def tap(
        self, user: str, where: Message | View, action_id: str, choice: Any, block_id: str | None, *, sure: bool
    ) -> Answer:
        place, blocks, context = self._on_screen(user, where)
        held = elements.find(blocks, action_id, block_id, choice if isinstance(choice, str) else None)
        is_button = held[1]["type"] == "button"
        picked = {} if is_button else elements.chosen(self._at, held[1], choice)
        if held[0]["type"] == "input" and not held[0].get("dispatch_action"):
            raise Impossible(f"{action_id} waits for the form to be submitted")
        if "confirm" in held[1] and not sure:
            return NOTHING
        if not is_button and held[1]["type"] not in elements.NO_STATE:
            elements.keep(self._at, place, user, held, picked)
        acts = {"actions": [elements.action(self._at, held, picked)], "trigger_id": self._at.new_trigger(user)}
        payload = {"type": "block_actions", **self._who(user), **context(), **acts}
        return await self._courier.push("interactive", payload)

    def _on_screen(self, user: str, where: Message | View) -> tuple[str, list[dict[str, Any]], Any]:
        """A place's name, its blocks as they are now, and what a payload says about it."""
        self._at.person(user)
        if isinstance(where, View):
            view = self._view(user, where)
            about = {"type": "view", "view_id": view.id}
            # [?] neither Home nor a modal has a response_url
            return view.id, view.blocks, lambda: {"container": about, "view": as_view(self._at, view)}
        message = self._at.message(where.channel, where.ts, user)
        if message is None or message not in self._at.seen_by(user):
            raise Impossible(f"{user} does not see that message")
        place = f"{message.channel}:{message.ts}"
        return place, message.blocks, lambda: self._about(user, place, message)

    def _about(self, user: str, place: str, message: Message) -> dict[str, Any]:
        channel = self._at.channels[message.channel]
        container = {"type": "message", "message_ts": message.ts, "channel_id": channel.id}
        about: dict[str, Any] = {
            "container": {**container, "is_ephemeral": message.ephemeral},
            "channel": {"id": channel.id, "name": channel.name},
            "response_url": self._at.new_response_url(user, channel.id, message.ts),
            "state": {"values": elements.state_of(self._at, place, user, message.blocks)},
        }
        if not message.ephemeral:  # [?] an ephemeral one's content does not come along
            about["message"] = as_sent(self._at, message)
        return about

    # Views

    def _view(self, user: str, view: View) -> View:
        home, top = self._at.homes.get(user), self._at.top_view(user)
        now = next((v for v in (home, top) if v is not None and v.id == view.id), None)
        if now is None:
            raise Impossible(f"{user} does not see the view {view.title or view.id}")
        return now

    def _fill(self, user: str, view: View, values: dict[Any, Any]) -> None:
        """Types what `values` says, by action id, block id or both; then looks whether Slack would send the form."""
        left = dict(values)
        for block, element in elements.usable(view.blocks):
            names = [(block["block_id"], element["action_id"]), element["action_id"], block["block_id"]]
            name = next((n for n in names if n in left), None)
            if name is not None and block["type"] == "input":
                picked = elements.chosen(self._at, element, left.pop(name))
                elements.keep(self._at, view.id, user, (block, element), picked)
        if left:
            raise Impossible(f"the form has no field {', '.join(map(str, left))}")
        for block, element in elements.usable(view.blocks):
            holds = elements.holds(self._at, view.id, user, block, element) if element["type"] != "button" else {}
            if block["type"] == "input" and not block.get("optional") and not holds[elements.HOLDS[element["type"]]]:
                raise Impossible(f"the form wants an answer to {block['label']['text']}")

    async def submit(self, user: str, view: View, values: dict[Any, Any]) -> Answer:
        view = self._view(user, view)
        if view.body["type"] != "modal" or "submit" not in view.body:
            raise Impossible(f"{view.title or view.id} has nothing to submit")
        self._fill(user, view, values)
        sent = {"view": as_view(self._at, view), "trigger_id": self._at.new_trigger(user), "response_urls": []}
        answer = await self._courier.push("interactive", {"type": "view_submission", **self._who(user), **sent})
        if answer.acked:
            self._after_submission(user, view, answer.reply)
        return answer

    def _after_submission(self, user: str, view: View, reply: Any) -> None:
        """[?] An ack without response_action closes one view; the one below comes back."""
        stack = self._at.stacks[user]
        if not reply:
            if view.id in stack:
                stack.remove(view.id)
            return
        kind = reply.get("response_action") if isinstance(reply, dict) else None
        if kind not in RESPONSE_ACTIONS:
            self._at.complain(f"a submission is answered with {kind!r}: it shows the person an error")
        elif kind == "errors":
            self._check_errors(view, reply.get("errors"))
        elif kind == "clear":
            stack.clear()
        else:
            self._change_view(user, view, kind, reply.get("view"))

    def _check_errors(self, view: View, errors: Any) -> None:
        inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
        if not isinstance(errors, dict) or not errors or set(errors) - inputs:
            self._at.complain(f"errors {errors} do not name inputs of the view, which are {sorted(inputs)}")

    def _change_view(self, user: str, view: View, kind: str, body: Any) -> None:
        try:
            if kind == "update":
                change(self._at, view, body)
            else:
                put_on_top(self._at, user, good_view(self._at, body, "modal"), fresh=False)
        except Refused as no:
            refusal(self._at, f"response_action {kind}", no)

    async def close(self, user: str, view: View) -> Answer:
        view = self._view(user, view)
        if view.body["type"] != "modal":
            raise Impossible("Home cannot be closed")
        self._at.stacks[user].remove(view.id)
        if not view.body.get("notify_on_close"):
            return NOTHING
        payload = {"type": "view_closed", **self._who(user), "view": as_view(self._at, view), "is_cleared": False}
        return await self._courier.push("interactive", payload)

    async def open_home(self, user: str) -> Answer:
        self._at.person(user)
        event: dict[str, Any] = {"type": "app_home_opened", "user": user, "channel": self._at.dm(user).id, "tab": "home"}
        if user in self._at.homes:
            event["view"] = as_view(self._at, self._at.homes[user])
        return await self.tell(event)
