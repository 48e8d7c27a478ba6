"""Slack's phones: people press, fill in and type as Slack lets them, and read what they see."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

from tests.fakes.slack import FakeSlack, Message, View
from tests.fakes.slack.state import TEAM
from tests.rigs import Shown

PATIENCE = 8.0
MORE = "o|more||"


class Rig:
    messenger = "slack"

    def __init__(self) -> None:
        self.fake = FakeSlack()
        self._users: dict[str, str] = {}  # of the story that is told now
        self._count = 0

    def start(self) -> None:
        self.fake.start()

    def stop(self) -> None:
        self.fake.stop()

    def settings(self) -> dict[str, str]:
        return {
            "HUIKUAN_SLACK_BOT_TOKEN": self.fake.bot_token,
            "HUIKUAN_SLACK_APP_TOKEN": self.fake.app_token,
            "HUIKUAN_SLACK_API_URL": self.fake.api_url,
        }

    def account(self, handle: str) -> str:
        """A new one each time: whoever is called so in the next story has an empty screen."""
        self._count += 1
        user = self._users[handle] = f"U0{self._count:04d}"
        self.fake.add_user(user, f"u{self._count}@example.com", handle)
        return user

    def trouble(self) -> list[str]:
        found = list(self.fake.wrong)
        self.fake.wrong.clear()
        return found

    def finish(self) -> None:
        """One company for all stories: the next one has people of its own."""

    # --- reading ---

    def shown(self, handle: str) -> list[Shown]:
        return [_shown(m) for m in self.fake.screen(self._users[handle]) if m.by_bot and not m.ephemeral]

    # --- doing ---

    def say(self, handle: str, text: str) -> str:
        user = self._users[handle]
        self._connected()
        before = self._seen(user)
        self.fake.say(user, text)
        return self._words(user, before, lambda m: m.by_bot)

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        user, left = self._users[handle], {name: value for name, value in inputs.items() if value}
        self._connected()
        message = next((m for m in self.fake.screen(user) if f"{m.channel}:{m.ts}" == ref and not m.ephemeral), None)
        before = self._seen(user)
        if message is None or not _controls(message):
            self._from_elsewhere(user, ref, action, left)
        else:
            self._press(user, message, action, left)
        said = self._words(user, before, _is_answer)
        while (view := self.fake.view(user)) is not None:
            if not (names := _inputs(view)) and "submit" not in view.body:
                self.fake.close(user, view)
                return said
            mine = {name: left.pop(name) for name in list(left) if name in names}
            before = self._seen(user)
            answer = self.fake.submit(user, view, mine)
            if answer.response_action == "errors":
                said = "\n".join(answer.reply["errors"].values())
            elif answer.response_action == "update" and (again := self.fake.view(user)) is not None:
                said = _problem(again)
                if not said:
                    continue  # one question leads to the next
            else:
                assert not left, f"no form of {action} has room for {left}, only for {names}"
                return self._words(user, before, _is_answer)
            self.fake.close(user, view)
        return said

    def _press(self, user: str, message: Message, action: str, left: dict[str, str]) -> None:
        """The control of this action, else its line in the menu, else what 登记结果 offers."""
        control = next((e for e in _controls(message) if e["action_id"].split("|")[1:2] == [action]), None)
        if control is not None and control["type"] == "button":
            self.fake.tap(user, message, control["action_id"])
            return
        name = control["action_id"].split("|")[2] if control is not None else ""
        if control is not None and name in left and (len(left) == 1 or action == "task.log"):
            self.fake.tap(user, message, control["action_id"], left.pop(name))
            return
        menu = next((e for e in _controls(message) if e["action_id"] == MORE), {"options": []})
        line = next((o["value"] for o in menu["options"] if o["value"].split("|")[1] == action), None)
        if line is not None:
            self.fake.tap(user, message, MORE, line)
            return
        log = next(e for e in _controls(message) if e["action_id"].split("|")[1:2] == ["task.log"])
        self.fake.tap(user, message, log["action_id"], action.removeprefix("task."))

    def _from_elsewhere(self, user: str, ref: str, action: str, left: dict[str, str]) -> None:
        """What only an old screen, or nobody's, sends: a button that is gone, of a message that may be another's."""
        channel, _, ts = ref.partition(":")
        message = self.fake.call(lambda: self.fake.at.message(channel, ts))
        assert message is not None, f"there is no message {ref}"
        rev = message.blocks[0]["block_id"].split("|")[1]
        button = {"type": "button", "action_id": f"b0|{action}||", "block_id": f"a||{rev}", "action_ts": self._stamp()}
        about = {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user},
            "trigger_id": self.fake.call(lambda: self.fake.at.new_trigger(user)),
            "response_url": self.fake.call(lambda: self.fake.at.new_response_url(user, self.fake.at.dm(user).id)),
            "container": {"type": "message", "channel_id": channel, "message_ts": ts},
            "actions": [{**button, "value": json.dumps(left)}],
        }
        left.clear()
        self.fake.run(self.fake.courier.push("interactive", about))

    def _stamp(self) -> str:
        return self.fake.call(self.fake.at.new_ts)

    def _connected(self) -> None:
        _until(lambda: self.fake.connections > 0)

    def _seen(self, user: str) -> list[Message]:
        return self.fake.screen(user)

    def _words(self, user: str, before: list[Message], counts: Callable[[Message], bool]) -> str:
        """What was not on the screen before, once it is there; "" where a form opened."""

        def new() -> list[Message]:
            old = [replace(m, metadata=None) for m in before]
            return [m for m in self.fake.screen(user) if counts(m) and replace(m, metadata=None) not in old]

        _until(lambda: new() or self.fake.view(user) is not None)
        return "\n".join(_words(m.blocks) or unescape(m.text) for m in new())


def _is_answer(message: Message) -> bool:
    """Said to this person at once, or an answer with buttons of its own."""
    return message.ephemeral or any(str(b.get("block_id", "")).startswith("a|d") for b in message.blocks)


def _until(holds: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not holds() and time.monotonic() < end:
        time.sleep(0.01)


def _controls(message: Message) -> list[dict[str, Any]]:
    return [e for b in message.blocks if b["type"] == "actions" for e in b["elements"]]


def _shown(message: Message) -> Shown:
    actions: list[str] = []
    for control in _controls(message):
        if control["action_id"] == MORE:
            actions += [o["value"].split("|")[1] for o in control["options"]]
        else:
            actions.append(control["action_id"].split("|")[1])
    return Shown(f"{message.channel}:{message.ts}", _words(message.blocks), actions, not actions)


def _words(thing: Any) -> str:
    if isinstance(thing, list):
        return "\n".join(filter(None, map(_words, thing)))
    if not isinstance(thing, dict) or thing.get("type") == "actions":
        return ""
    if thing.get("type") == "table":
        return "\n".join(" ".join(_words(cell) for cell in row) for row in thing["rows"])
    own = unescape(thing["text"]) if isinstance(thing.get("text"), str) else ""
    return "\n".join(filter(None, [own, *(_words(part) for part in thing.values())]))


def _inputs(view: View) -> set[str]:
    return {b["element"]["action_id"] for b in view.blocks if b["type"] == "input"}


def _problem(view: View) -> str:
    return "\n".join(_words(b) for b in view.blocks if b.get("block_id") == "problem")
