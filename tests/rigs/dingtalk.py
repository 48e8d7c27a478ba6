"""DingTalk's phones: people press, fill in and type as DingTalk lets them, and read what they see."""

import html
import re
from dataclasses import replace
from typing import Any

from bot.adapters.dingtalk import render, template, text
from bot.card import Input
from bot.notifications.templates import templates
from bot.questions import YES
from tests.fakes.dingtalk import Answer, Button, FakeDingTalk, NotOnScreen, Seen
from tests.fakes.dingtalk.state import Card
from tests.rigs import Shown

TEMPLATE = "huikuan.schema"
LOG = "task.log"
STEPS = 4  # forms that one press may lead through
PATIENCE = 15.0  # seconds for an answer: a busy machine takes its time, and an answer in time is not waited for


class Rig:
    """With cards. What a card showed before can still be pressed, as by a phone that has not heard of the change."""

    messenger = "dingtalk"

    def __init__(self) -> None:
        self.fake = FakeDingTalk()
        self._users: dict[str, str] = {}
        self._faces: dict[str, list[dict[str, str]]] = {}

    def start(self) -> None:
        self.fake.start()
        self.fake.add_template(TEMPLATE, template.text())
        cards, changed = self.fake.card_calls, self.fake.card_calls._check

        def remember(card: Card, data: dict[str, str], private: Any) -> None:
            self._faces.setdefault(card.out_track_id, []).append(dict(card.data))
            changed(card, data, private)

        cards._check = remember  # type: ignore[method-assign]

    def stop(self) -> None:
        self.fake.stop()

    def settings(self) -> dict[str, str]:
        return {
            "HUIKUAN_DINGTALK_CLIENT_ID": self.fake.client_id,
            "HUIKUAN_DINGTALK_CLIENT_SECRET": self.fake.client_secret,
            "HUIKUAN_DINGTALK_ROBOT_CODE": self.fake.robot_code,
            "HUIKUAN_DINGTALK_CORP_ID": self.fake.corp_id,
            "HUIKUAN_DINGTALK_API_URL": self.fake.api,
            "HUIKUAN_DINGTALK_OAPI_URL": self.fake.oapi,
            "HUIKUAN_DINGTALK_CARD_TEMPLATE": TEMPLATE,
        }

    def account(self, handle: str) -> str:
        user = self._users.setdefault(handle, f"staff{len(self._users) + 1:03d}")
        self.fake.add_user(user, f"union-{user}", "", handle)
        return user

    def trouble(self) -> list[str]:
        found = list(self.fake.wrong)
        self.fake.wrong.clear()
        return found

    def finish(self) -> None:
        """One company for all stories: the next one has people of its own."""

    # --- reading ---

    def shown(self, handle: str) -> list[Shown]:
        return [_shown(each) for each in self.fake.screen(self._users[handle]) if each.sender == "robot"]

    # --- doing ---

    def say(self, handle: str, words: str) -> str:
        self.fake.wait_connected()
        return _said(self.fake.say(self._users[handle], words, replies=1, patience=PATIENCE))

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        """The button of this action, or what 登记结果 offers; then the forms, one after the other."""
        self.fake.wait_connected()
        user, left = self._users[handle], {name: value for name, value in inputs.items() if value}
        seen, button = self._button(user, ref, action, left)
        for name in [name for name in left if name in _given(button)]:
            left.pop(name)
        if _action(button) == LOG != action:
            left["result"] = action.removeprefix("task.")
        answer = self.fake.tap(user, replace(seen, buttons=(button,)), button.text, anyway=True)
        names: list[str] = []
        for _ in range(STEPS):
            if not (form := self._form(user, ref, answer)):
                break
            if [each.action_id for each in form.buttons][:1] == [action]:  # a confirmation
                answer = self.fake.tap(user, form, action, anyway=True)
                continue
            names = [each["name"] for each in form.form if not each.get("hidden")]
            mine = {name: left.pop(name) for name in list(left) if name in names}
            answer = self.fake.submit(user, form, mine, anyway=True)
            if answer.response and "form" not in _changes(answer):  # refused: the form stays, with its reason
                break
        if left and names:
            raise NotOnScreen(f"{action} of {ref} has no room for {left}, only for {names}")
        return _said(answer)

    def _form(self, user: str, ref: str, answer: Answer) -> Seen | None:
        """The question that the last answer brought."""
        changes = _changes(answer)
        if "btns" not in changes or '"form.back"' not in changes["btns"]:
            return None
        return self._face(user, ref, self._faces[ref][-1])

    def _button(self, user: str, ref: str, action: str, inputs: dict[str, str]) -> tuple[Seen, Button]:
        for data in reversed(self._faces.get(ref, [])):
            seen = self._face(user, ref, data)
            fitting = [each for each in seen.buttons if _action(each) == action]
            exact = [each for each in fitting if _given(each).items() <= inputs.items()]
            log = [each for each in seen.buttons if _action(each) == LOG and action in _results()]
            for each in (exact or fitting)[:1] + log:
                return seen, each
        raise NotOnScreen(f"{ref} never had {action}")

    def _face(self, user: str, ref: str, data: dict[str, str]) -> Seen:
        def look() -> Seen:
            card = replace(self.fake.world.cards[ref], data=data)
            face = self.fake.card_calls.face(card, user)
            return Seen("", "card", "robot", None, card=ref, variables=face.variables, buttons=face.buttons, form=face.form,
                        form_action=face.form_action, form_params=dict(face.form_params))  # fmt: skip

        return self.fake.call(look)


class TextRig(Rig):
    """Without a template: links in messages."""

    def settings(self) -> dict[str, str]:
        return super().settings() | {"HUIKUAN_DINGTALK_CARD_TEMPLATE": ""}

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        """A link of this action that says what is wanted, else the one that asks; what it asks is typed."""
        self.fake.wait_connected()
        user, left = self._users[handle], {name: value for name, value in inputs.items() if value}
        found = next(each for name in self._users.values() for each in self.fake.screen(name) if _ref(each) == ref)
        label = _link(found, action, left)
        if label is None and action in _results():
            label = _link(found, LOG, {"result": action.removeprefix("task.")})
        if label is None:
            raise NotOnScreen(f"{ref} has no link {action}")
        answer = self.fake.follow(user, found, label, replies=1, patience=PATIENCE)
        if answer.messages and (sure := _link(answer.messages[-1], YES, {})):  # a confirmation
            answer = self.fake.follow(user, answer.messages[-1], sure, replies=1, patience=PATIENCE)
        question = answer.messages[-1] if answer.messages else found
        if "回复：" not in question.text:
            return _said(answer)
        label = _link(question, action, left) if left else None
        if label is not None and _links(question)[label].input == left:
            return _said(self.fake.follow(user, question, label, replies=1, patience=PATIENCE))
        asked = templates().action(action, "zh").inputs
        words = " ".join(_typed(each, left[each.name]) for each in asked if each.name in left)
        return _said(self.fake.say(user, f"1 {words}".strip(), replies=1, patience=PATIENCE))


def _typed(asked: Input, value: str) -> str:
    """A choice by its words: 30天 is no 30%."""
    return next((choice.label for choice in asked.choices if choice.value == value), value)


# --- what stands there ---


def _shown(seen: Seen) -> Shown:
    if seen.kind != "card":
        links = [said.action for said in _links(seen).values()]
        body = _drawn(seen.text) if seen.kind == "markdown" else seen.text
        return Shown(_ref(seen) or seen.message_id, f"{seen.title}\n{body}", _reachable(links), not links)
    variables = {**seen.variables, "content": _drawn(seen.variables.get("content", ""))}  # the rest is text as it is
    words = [variables.get(name, "") for name in ("title", "status_text", "content", "notice", "result")]
    words += [each.get("label", "") for each in seen.form if not each.get("hidden")] + [each.text for each in seen.buttons]
    actions = _reachable([_action(each) for each in seen.buttons if each.action_id != render.BACK])
    closed = variables.get("status_color") == "gray" and bool(variables.get("status_text"))
    return Shown(seen.card, "\n".join(word for word in words if word), actions, closed)


def _reachable(actions: list[str]) -> list[str]:
    more = _results() if LOG in actions else []
    return list(dict.fromkeys([*actions, *more]))


def _results() -> list[str]:
    return [f"task.{each.value}" for each in templates().action(LOG, "zh").inputs[0].choices]


def _action(button: Button) -> str:
    return str(button.params.get("a", button.action_id)) if button.action_id == render.OPEN else button.action_id


def _given(button: Button) -> dict[str, str]:
    return {name[2:]: value for name, value in button.params.items() if name.startswith("g.")}


def _links(seen: Seen) -> dict[str, text.Said]:
    from urllib.parse import unquote

    read = {label: text.read(unquote(address.removeprefix(text.SAYS))) for label, address in seen.links.items()}
    return {label: said for label, said in read.items() if said is not None}


def _link(seen: Seen, action: str, inputs: dict[str, str]) -> str | None:
    """The link that says exactly this, else the one that asks for it."""
    links = {label: said for label, said in _links(seen).items() if said.action == action}
    exact = [label for label, said in links.items() if said.input == inputs and not said.opens]
    return next(iter(exact or [label for label, said in links.items() if said.opens]), None)


def _ref(seen: Seen) -> str:
    if seen.card:
        return seen.card
    return next((said.ref for said in _links(seen).values()), "")


def _changes(answer: Answer) -> dict[str, str]:
    response = answer.response if isinstance(answer.response, dict) else {}
    found: dict[str, str] = response.get("cardData", {}).get("cardParamMap", {})
    return found


def _said(answer: Answer) -> str:
    """The words that came at once: on the card, and as messages."""
    words = [_changes(answer).get("notice", "")]
    words += [_shown(each).text for each in answer.messages]
    return "\n".join(word for word in words if word)


MARKED = re.compile(
    r"\\(?P<as_it_is>[^\w\s]|_)|\[(?P<link>(?:\\.|[^\]\\])*)\]\([^)\s]+\)|\*\*|~~|[*_`]"
    r"|^(?:\#{1,6} |> ?|[-+] |\d+[.)] )|<[^>\s][^>]*>|(?P<entity>&\w+;)|[ ]{2}(?=\n)",
    re.MULTILINE,
)


def _drawn(markdown: str) -> str:
    """As it is read: what is a sign of markdown is gone, links are their words, what is escaped is itself."""

    def draw(found: re.Match[str]) -> str:
        if found["link"] is not None:
            return _drawn(found["link"])
        return found["as_it_is"] or html.unescape(found["entity"] or "")

    return MARKED.sub(draw, markdown)
