"""What people do in their DingTalk clients, and what stands on their screens. Runs in the server's loop."""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import unquote

from . import stream
from .cards import Cards
from .state import Answer, Card, Json, Message, NotOnScreen, Seen, Todo, User, World, new_id
from .stream import Stream

SESSION_SECONDS = 5400
LINK = re.compile(r"(?<!\\)\[((?:\\.|[^\]\\])*)\]\(([^)\s]+)\)")
DTMD = "dtmd://dingtalkclient/sendMessage?content="
NUMBER, DATE, DATETIME = r"-?\d+(\.\d+)?", r"\d{4}-\d\d-\d\d", r"\d{4}-\d\d-\d\d \d\d:\d\d"
PATTERNS = {"NUMBER": NUMBER, "DATE": DATE, "DATETIME": DATETIME, "TIME": r"\d\d:\d\d"}
LISTS = {"MULTI_SELECT", "MULTI_CHECKBOX_GROUP", "TEXT_ARRAY"}


class People:
    def __init__(self, world: World, stream_: Stream, cards: Cards) -> None:
        self.world, self.stream, self.cards = world, stream_, cards
        self.base = ""  # http://host:port
        self.tap_shape = "cardPrivateData"  # or "actionId", "value": three shapes occur in the wild

    # --- screens ----------------------------------------------------------------------------------

    def screen(self, user_id: str) -> list[Seen]:
        self._user(user_id)
        return [self.seen(each, user_id) for each in self.world.messages if user_id in each.seen_by and not each.recalled]

    def seen(self, message: Message, user_id: str) -> Seen:
        base = Seen(message.message_id, message.kind, message.sender, message.conversation, message.title, message.text)
        if message.card is None:
            links = {_unescaped(text): address for text, address in LINK.findall(message.text)}
            return replace(base, links={**(links if message.kind != "text" else {}), **message.links})
        face = self.cards.face(message.card, user_id)
        return replace(
            base,
            card=message.card.out_track_id,
            variables=face.variables,
            buttons=face.buttons,
            form=face.form,
            form_action=face.form_action,
            form_params=dict(face.form_params),
            problem=face.problem,
        )

    def read(self, user_id: str) -> None:
        for message in self.world.messages:
            if user_id in message.seen_by:
                message.read_by.add(user_id)

    def todos(self, user_id: str) -> list[Todo]:
        union_id = self._user(user_id).union_id
        return [replace(each) for each in self.world.todos.values() if union_id in self._who_sees(each)]

    def _who_sees(self, todo: Todo) -> list[str]:
        others = [] if todo.only_executors else [todo.creator, *todo.participants]
        return [*todo.executors, *others]

    def _user(self, user_id: str) -> User:
        if user_id not in self.world.users:
            raise NotOnScreen(f"nobody is called {user_id}")
        return self.world.users[user_id]

    # --- talking ----------------------------------------------------------------------------------

    async def say(self, user_id: str, text: str, conversation: str | None = None, **how: Any) -> Answer:
        user = self._user(user_id)
        seen_by = [user_id] if conversation is None else self.world.groups[conversation]
        self.world.post(Message(new_id("msg"), "text", user_id, list(seen_by), conversation, text=text))
        return await self._push(user_id, stream.CHAT, self._chat(user, text, conversation), **how)

    def _chat(self, user: User, text: str, conversation: str | None) -> Json:
        session, until = new_id(), self.world.now() + SESSION_SECONDS
        self.world.webhooks[session] = (user.user_id, conversation, until)
        data: Json = {
            "conversationId": conversation or f"cid-{user.user_id}",
            "conversationType": "1" if conversation is None else "2",
            "chatbotCorpId": self.world.corp_id,
            "chatbotUserId": "$:LWCP_v1:$robot",
            "createAt": int(self.world.now() * 1000),
            "isAdmin": False,
            "msgId": new_id("msg"),
            "msgtype": "text",
            "robotCode": self.world.robot_code,
            "senderCorpId": user.corp_id,
            "senderId": f"$:LWCP_v1:${user.union_id}",
            "senderNick": user.name,
            "senderPlatform": "Mac",
            "sessionWebhook": f"{self.base}/robot/sendBySession?session={session}",
            "sessionWebhookExpiredTime": int(until * 1000),
            "text": {"content": text if conversation is None else f" {text}"},
        }
        if user.corp_id == self.world.corp_id:  # absent for people outside the company [?]
            data["senderStaffId"] = user.user_id
        if conversation is not None:
            at = [{"dingtalkId": "$:LWCP_v1:$robot"}]
            data |= {"isInAtList": True, "conversationTitle": conversation, "atUsers": at}
        return data

    async def _push(
        self,
        user_id: str,
        topic: str,
        data: Json,
        *,
        replies: int = 0,
        patience: float = 5.0,
        copies: int = 1,
        change: Mapping[str, Any] | None = None,
        without: Iterable[str] = (),
        answered: Callable[[Answer], bool] = lambda _: False,
    ) -> Answer:
        """Changes the frame's data as asked, pushes it, and gathers what the robot then says to the person."""
        known, started = len(self.world.messages), time.monotonic()
        data = {key: value for key, value in {**data, **(change or {})}.items() if key not in set(without)}
        answer = await self.stream.push("CALLBACK", topic, data, patience=patience, copies=copies)
        applied = answered(answer)
        while len(self._heard(user_id, known)) < replies and time.monotonic() - started < patience:
            await asyncio.sleep(0.005)
        return replace(answer, applied=applied, messages=tuple(self._heard(user_id, known)))

    def _heard(self, user_id: str, known: int) -> list[Seen]:
        new = self.world.messages[known:]
        return [self.seen(each, user_id) for each in new if each.sender == "robot" and user_id in each.seen_by]

    async def follow(self, user_id: str, message: Seen | str, link_text: str, **how: Any) -> Answer:
        """A dtmd link says its content as the person. Blanks are %20: whether + is one too is unverified [?]: no."""
        seen = message if isinstance(message, Seen) else self._on_screen(user_id, lambda each: each.message_id == message)
        if seen.kind not in ("markdown", "action_card"):
            raise NotOnScreen(f"{seen.kind}: dtmd links work in markdown messages only, not in a card's or in plain text")
        if link_text not in seen.links:
            raise NotOnScreen(f"no link {link_text!r} among {list(seen.links)}")
        return await self._open(user_id, seen.links[link_text], seen.conversation, **how)

    async def _open(self, user_id: str, address: str, conversation: str | None, **how: Any) -> Answer:
        if not address.startswith(DTMD):
            return Answer("", False)  # a page outside DingTalk
        if conversation is not None:
            self.world.complain(f"a dtmd link in a group does not reach the robot: {address}")
            return Answer("", False)
        return await self.say(user_id, unquote(address.removeprefix(DTMD)), **how)

    # --- cards ------------------------------------------------------------------------------------

    async def tap(self, user_id: str, card: Seen | str, action: str, *, anyway: bool = False, **how: Any) -> Answer:
        """`action`: an action id or a button's text. A `Seen` is tapped as it looked then, even if it changed since."""
        seen = self._card(user_id, card, anyway)
        button = next((each for each in seen.buttons if action in (each.action_id, each.text)), None)
        if button is None:
            raise NotOnScreen(f"no button {action!r} among {[each.text for each in seen.buttons]} {seen.problem}")
        if not button.enabled:
            raise NotOnScreen(f"{button.text} is greyed out")
        if button.url:
            return await self._open(user_id, button.url, seen.conversation, **how)
        return await self._act(user_id, seen, button.action_id, dict(button.params), **how)

    async def submit(self, user_id: str, card: Seen | str, values: Json, *, anyway: bool = False, **how: Any) -> Answer:
        """Fills in the form and sends it, when the client would let the person do so."""
        seen = self._card(user_id, card, anyway)
        if not seen.form:
            raise NotOnScreen(f"{seen.card} shows no form {seen.problem}")
        form = _filled(seen.form, values)
        return await self._act(user_id, seen, seen.form_action, {**seen.form_params, "form": form}, **how)

    def _card(self, user_id: str, card: Seen | str, anyway: bool) -> Seen:
        if isinstance(card, Seen):
            return card
        if anyway and card in self.world.cards:
            return self.seen(Message("", "card", "robot", [user_id], card=self.world.cards[card]), user_id)
        return self._on_screen(user_id, lambda each: each.card == card)

    def _on_screen(self, user_id: str, fits: Callable[[Seen], bool]) -> Seen:
        found = [each for each in self.screen(user_id) if fits(each)]
        if not found:
            raise NotOnScreen(f"{user_id} sees no such message")
        return found[-1]

    async def _act(self, user_id: str, seen: Seen, action_id: str, params: Json, **how: Any) -> Answer:
        card = self.world.cards[seen.card]
        if not card.stream:
            self.world.complain(f"card {card.out_track_id}: callbackType is not STREAM, taps go nowhere")
            return Answer("", False)
        data: Json = {
            "type": "actionCallback",
            "outTrackId": card.out_track_id,
            "corpId": self._user(user_id).corp_id,
            "userId": user_id,
            "userIdType": 1,
            "spaceType": "im",
            "spaceId": seen.conversation or f"cid-{user_id}",
            "extension": "{}",
            **self._action(action_id, params),
        }
        return await self._push(
            user_id, stream.CARD, data, answered=lambda answer: self._apply(card, user_id, answer), **how
        )

    def _action(self, action_id: str, params: Json) -> Json:
        """Beside the documented shape two others occur; where their params stand is a guess [?]."""
        content: Json = {"cardPrivateData": {"actionIds": [action_id], "params": params}}
        if self.tap_shape == "actionId":
            return {"actionId": action_id, "content": json.dumps({"cardPrivateData": {"params": params}})}
        if self.tap_shape == "value":
            value = json.dumps({"cardPrivateData": {"actionIds": [action_id], "params": params}}, ensure_ascii=False)
            return {"value": value, "content": "{}"}
        return {"content": json.dumps(content, ensure_ascii=False)}

    def _apply(self, card: Card, user_id: str, answer: Answer) -> bool:
        """A late answer changes nothing: the client has given up by then [?]."""
        if answer.code != 200 or answer.seconds is None or answer.seconds > self.stream.budget:
            return False
        return self.cards.apply_answer(card, user_id, answer.response)

    # --- to-dos -----------------------------------------------------------------------------------

    def tick(self, user_id: str, todo: Todo | str) -> Todo:
        """Whether the app hears of it is unverified [?]: it does not."""
        wanted = {todo.todo_id} if isinstance(todo, Todo) else {todo}
        union_id = self._user(user_id).union_id
        for each in self.world.todos.values():
            if wanted & {each.todo_id, each.source_id} and union_id in each.executors:
                each.ticked.add(union_id)
                each.done = each.ticked >= set(each.executors)
                return replace(each)
        raise NotOnScreen(f"{user_id} has no to-do {todo}")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _filled(fields: Iterable[Mapping[str, Any]], values: Json) -> Json:
    """What a client sends: an optional field without an entry is left out [?], a hidden one sends its default."""
    by_name = {each["name"]: each for each in fields}
    unseen = [name for name in values if name not in by_name or by_name[name].get("hidden") or by_name[name].get("readOnly")]
    if unseen:
        raise NotOnScreen(f"the form has no fields {unseen} to fill in, only {list(by_name)}")
    filled: Json = {}
    for name, each in by_name.items():
        if name in values:
            filled[name] = _entered(each, values[name])
        elif each.get("defaultValue") not in (None, ""):
            filled[name] = each["defaultValue"]
        if each.get("required") and filled.get(name) in (None, "", []):
            raise NotOnScreen(each.get("requiredMsg") or f"{each.get('label', name)} must be filled in")
    return filled


def _entered(each: Mapping[str, Any], value: Any) -> Any:
    kind = each["type"]
    if kind in LISTS:
        chosen = [_choice(each, one) for one in value] if each.get("options") else []
        if kind == "MULTI_SELECT":
            return {"index": [one["index"] for one in chosen], "value": [one["value"] for one in chosen]}
        return [one["value"] for one in chosen] if chosen else list(value)
    if kind in ("SELECT", "CHECKBOX_GROUP"):
        return _choice(each, value) if kind == "SELECT" else _choice(each, value)["value"]
    if kind in PATTERNS and value != "" and not re.fullmatch(PATTERNS[kind], str(value)):
        raise NotOnScreen(f"{each.get('label', each['name'])} takes a {kind}, not {value!r}")
    return value if kind in ("CHECKBOX", "SWITCH") else str(value)


def _choice(each: Mapping[str, Any], value: Any) -> Json:
    for index, option in enumerate(each.get("options", [])):
        if value in (option.get("value"), option.get("text")):
            return {"index": index, "value": option["value"]}
    raise NotOnScreen(f"{each.get('label', each['name'])} offers no {value!r}")
