"""Slack's phones: people press, fill in and type as Slack lets them, and read what they see."""

import time
from collections.abc import Callable
from dataclasses import replace
from html import unescape
from typing import Any

from tests.fakes.slack import FakeSlack, Message, View
from tests.rigs import Shown

PATIENCE = 8.0
MORE = "o|more||"


class Rig:
    messenger = "slack"

    def __init__(self) -> None:
        self.fake = FakeSlack()
        self._users: dict[str, str] = {}

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
        user = f"U0{len(self._users) + 1:04d}"
        self._users[handle] = user
        self.fake.add_user(user, f"u{len(self._users)}@example.com", handle)
        return user

    def trouble(self) -> list[str]:
        return list(self.fake.wrong)

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
        message = next(m for m in self.fake.screen(user) if f"{m.channel}:{m.ts}" == ref and not m.ephemeral)
        before = self._seen(user)
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
