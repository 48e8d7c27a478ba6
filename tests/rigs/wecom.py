"""WeCom's phones: people press, choose from drop-downs, open the form and type as WeCom lets them."""

import re
import time
from copy import copy
from html import unescape

from bot.adapters.wecom import adapter, keys
from bot.card import Input
from bot.notifications.templates import templates
from tests.fakes.wecom import FakeWecom, NotThere
from tests.fakes.wecom import Shown as Seen
from tests.fakes.wecom.screen import Question, look
from tests.fakes.wecom.state import Message, View
from tests.rigs import Shown
from tests.rigs.wecom_browser import Browser, asks

PUBLIC = "http://huikuan.test"
LOG = "task.log"
STEPS = 4  # questions that one press may lead through


class Rig:
    """A company of its own for each story: the name of a message follows from its key, and stories share keys.

    `reach` tells it where the product listens. Stories of weeks are told in seconds, so nobody counts messages a minute.
    """

    messenger = "wecom"

    def __init__(self) -> None:
        self.fake: FakeWecom
        self._base = ""
        self._running = False
        self._users: dict[str, str] = {}
        self._faces: dict[tuple[str, str], list[Seen]] = {}
        self._last: tuple[object, ...] = ()
        self._paced = (adapter.MEMBER, adapter.CALLS)

    def start(self) -> None:
        adapter.MEMBER, adapter.CALLS = 0.0, ((0.0, 1),)

    def stop(self) -> None:
        adapter.MEMBER, adapter.CALLS = self._paced
        self.finish()

    def finish(self) -> None:
        if self._running:
            self.fake.stop()
            del self.fake
        self._running, self._faces = False, {}

    def settings(self) -> dict[str, str]:
        self.finish()
        self.fake, self._running = FakeWecom(callback="http://127.0.0.1:9/").start(), True
        self._users = {}
        return {
            "HUIKUAN_WECOM_CORP_ID": self.fake.corp_id,
            "HUIKUAN_WECOM_AGENT_ID": str(self.fake.agent_id),
            "HUIKUAN_WECOM_SECRET": self.fake.secret,
            "HUIKUAN_WECOM_TOKEN": self.fake.token,
            "HUIKUAN_WECOM_AES_KEY": self.fake.aes_key,
            "HUIKUAN_WECOM_API_URL": self.fake.url,
            "HUIKUAN_WECOM_OAUTH_URL": self.fake.url,
            "HUIKUAN_PUBLIC_URL": PUBLIC,
        }

    def reach(self, url: str) -> None:
        self._base = url
        self.fake.set_callback(url + adapter.PATH)

    def account(self, handle: str) -> str:
        user = self._users.setdefault(handle, handle.capitalize())
        self.fake.add_member(user, handle)
        return user

    def trouble(self) -> list[str]:
        found = list(self.fake.wrong)
        self.fake.wrong.clear()
        return found

    # --- reading ---

    def shown(self, handle: str) -> list[Shown]:
        return [_shown(seen) for seen in self.fake.screen(self._users[handle])]

    # --- doing ---

    def say(self, handle: str, words: str) -> str:
        user = self._users[handle]
        before = len(self.fake.screen(user))
        said = self.fake.say(user, words)
        if said.reply is not None:
            return said.reply.text
        deadline = time.monotonic() + 5
        while len(self.fake.screen(user)) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        return "\n".join(seen.text for seen in self.fake.screen(user)[before:])

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        """The button of this action or what 登记结果 offers, then the questions; what none of them can ask, in the form."""
        user, left = self._users[handle], {name: value for name, value in inputs.items() if value}
        if not any(s.card.get("task_id") == ref for s in self.fake.screen(user)):
            return self._intrude(user, ref, action, left)
        seen, button = self._button(user, ref, action)
        plain = button and keys.read(button).step == keys.PLAIN  # type: ignore[union-attr]
        if not button or (plain and left and _form(seen) and not self._ended(user, ref)):
            return self._fill(user, seen, action, left)
        wanted = dict(left)
        if _action(button) == LOG != action:
            left["result"] = action.removeprefix("task.")
        form = _form(seen)
        self._press(user, seen, button, {})
        for _ in range(STEPS):
            now = self._now(user, ref)
            submit = self._asked(now)
            if not submit:
                break
            chosen = {name: _option(question, left[name]) for name, question in now.questions.items() if name in left}
            rest = {name for name in left if name not in now.questions} - ({"result"} if "result" not in chosen else set())
            if "" in chosen.values() or (rest and "result" not in chosen):
                return self._fill(user, replace_link(now, form), action, wanted)
            for name in chosen:
                left.pop(name)
            self._press(user, now, submit, chosen)
        if left and (form or _form(self._now(user, ref))) and not self._ended(user, ref):
            return self._fill(user, replace_link(self._now(user, ref), form), action, wanted)
        return self._now(user, ref).text

    def _ended(self, user: str, ref: str) -> bool:
        return not any(keys.read(b.key) for b in self._now(user, ref).buttons if b.key)

    def _asked(self, now: Seen) -> str:
        """The key of a question's own button: of drop-downs, or of a confirmation."""
        if now.questions:
            return next(b.key for b in now.buttons if b.key)
        read = [keys.read(b.key) for b in now.buttons if b.key]
        if any(key is not None and key.step == keys.BACK for key in read):
            return next((b.key for b, key in zip(now.buttons, read, strict=False) if key and key.step != keys.BACK), "")
        return ""

    def _press(self, user: str, seen: Seen, key: str, chosen: dict[str, str]) -> None:
        event = (user, seen.msgid, key, tuple(chosen.items()), int(time.time()))
        if event == self._last:
            self.fake.pass_time(1)  # the same thing twice in one second is one event
        self._last = event
        self.fake.tap(user, seen, key, chosen, stale=True)

    def _intrude(self, user: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        """Whoever has no such card on their screen, and somehow presses it all the same."""
        key = keys.Key(ref, action, 1, given=tuple(inputs.items())).text()
        phones = self.fake._phones
        event = {"EventKey": key, "CardType": "button_interaction", "ResponseCode": "none", "AgentID": self.fake.agent_id}
        self.fake.run(
            self.fake.line.deliver("intrusion", phones._event(user, "template_card_event", event), self.fake.agent_id)
        )
        return ""

    def _fill(self, user: str, seen: Seen, action: str, inputs: dict[str, str]) -> str:
        browser = Browser(self.fake, user, self._base)
        page = browser.enter(_form(seen))
        fields = asks(page.text).get(action)
        if fields is None or not set(inputs) <= fields:
            raise NotThere(f"the form asks {asks(page.text)}, not {action} with {sorted(inputs)}")
        return _words(browser.confirm(browser.save(page, action, **inputs)).text)

    def _now(self, user: str, ref: str) -> Seen:
        seen = next(s for s in self.fake.screen(user) if s.card.get("task_id") == ref)
        faces = self._faces.setdefault((user, ref), [])
        if seen not in faces:
            faces.append(seen)
        return seen

    def _button(self, user: str, ref: str, action: str) -> tuple[Seen, str]:
        """A button as it stands now, or as it stood before: a phone may not have heard of the change."""
        now = self._now(user, ref)
        first = self.fake.call(lambda: _first(self.fake._corp.messages[now.msgid], user))
        before = sorted((*reversed(self._faces[user, ref]), first), key=lambda seen: bool(seen.questions))
        for seen in (now, *before):
            entries = [b.key for b in (*seen.buttons, *seen.menu) if b.key]
            for wanted in (action, LOG) if action.startswith("task.") else (action,):
                for key in entries:
                    if _action(key) == wanted and (wanted == action or action in _results()):
                        return seen, key
        if _form(now):
            return now, ""
        raise NotThere(f"{ref} never had {action}")


class TextRig(Rig):
    """For whoever reads in WeChat, where no card shows: what a button says is typed, and what it asks behind it."""

    text_only = True

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        asked = templates().action(action, "zh")
        words = " ".join([asked.label, *(_typed(each, inputs[each.name]) for each in asked.inputs if inputs.get(each.name))])
        said = self.say(handle, words)
        return self.say(handle, "1") if "请再次确认" in said else said


def _typed(asked: Input, value: str) -> str:
    """A choice by its words: 30天 is no 30%."""
    return next((choice.label for choice in asked.choices if choice.value == value), value)


def replace_link(seen: Seen, link: str) -> Seen:
    """A question has no link of its own, but the card before it had."""
    if _form(seen) or not link:
        return seen
    other = copy(seen)
    object.__setattr__(other, "links", (*seen.links, link))
    return other


def _first(message: Message, user: str) -> Seen:
    """The message as it was sent."""
    whole = copy(message)
    whole.views = {user: View(dict(message.content))}
    return look(whole, user)


def _form(seen: Seen) -> str:
    return next((url for url in seen.links if url.startswith(PUBLIC)), "")


def _action(key: str) -> str:
    read = keys.read(key)
    return read.action if read is not None and read.step != keys.BACK else ""


def _results() -> list[str]:
    return [f"task.{choice.value}" for choice in templates().action(LOG, "zh").inputs[0].choices]


def _option(question: Question, value: str) -> str:
    """The option that stands for a value; "" if there is none."""
    return next((option for option in question.options if option.partition(":")[2] == value), "")


def _shown(seen: Seen) -> Shown:
    found = [action for b in (*seen.buttons, *seen.menu) if b.key and (action := _action(b.key))]
    if LOG in found:
        found += _results()
    return Shown(str(seen.card.get("task_id", seen.msgid)), seen.text, list(dict.fromkeys(found)), not found)


def _words(page: str) -> str:
    body = re.sub(r"<style.*?</style>|<[^>]+>", " ", page, flags=re.S)
    return " ".join(unescape(body).split())
