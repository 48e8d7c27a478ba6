"""The phones of WeCom's robot: people press, choose from drop-downs and type; there is no form."""

import os

from bot.adapters.wecom import aibot, keys
from tests.fakes.wecom import NotThere
from tests.fakes.wecom import Shown as Seen
from tests.fakes.wecom.aibot import FakeAibot
from tests.rigs import wecom
from tests.rigs.wecom import LOG, _action, _first, _results


class Rig(wecom.Rig):
    """People greet the robot when they are hired. What no drop-down asks is typed: see `_fill`."""

    fake: FakeAibot  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self._paced_robot = aibot.MEMBER
        self._trusted = os.environ.get("SSL_CERT_FILE")

    def start(self) -> None:
        aibot.MEMBER = 0.0

    def stop(self) -> None:
        aibot.MEMBER = self._paced_robot
        self.finish()
        if self._trusted is None:
            os.environ.pop("SSL_CERT_FILE", None)
        else:
            os.environ["SSL_CERT_FILE"] = self._trusted

    def settings(self) -> dict[str, str]:
        self.finish()
        self.fake, self._running = FakeAibot(), True
        self.fake.start()
        self._users = {}
        os.environ["SSL_CERT_FILE"] = str(self.fake.trusted)  # read when the product connects
        return {
            "HUIKUAN_WECOM_TRANSPORT": "aibot",
            "HUIKUAN_WECOM_BOT_ID": self.fake.bot_id,
            "HUIKUAN_WECOM_BOT_SECRET": self.fake.secret,
            "HUIKUAN_WECOM_AIBOT_URL": self.fake.url,
        }

    def account(self, handle: str) -> str:
        user = self._users.setdefault(handle, handle.capitalize())
        self.fake.add_member(user, handle)
        return user

    def hired(self, handle: str) -> None:
        self.fake.wait_connected()
        self.fake.say(self._users[handle], "你好")

    def say(self, handle: str, words: str) -> str:
        return self.fake.say(self._users[handle], words).text

    # --- pressing ---

    def _press(self, user: str, seen: Seen, key: str, chosen: dict[str, str]) -> None:
        self.fake.tap(user, seen, key, chosen)

    def _intrude(self, user: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        return self.fake.intrude(user, keys.Key(ref, action, 1, given=tuple(inputs.items())).text(), patience=1.0).text

    def tap(self, handle: str, ref: str, action: str, inputs: dict[str, str]) -> str:
        """The button and its drop-downs; `_fill` where the card has none for this."""
        user = self._users[handle]
        if not any(inputs.values()) or not any(s.card.get("task_id") == ref for s in self.fake.screen(user)):
            return super().tap(handle, ref, action, inputs)
        try:
            asks = keys.read(self._button(user, ref, action)[1]).step == keys.ASK  # type: ignore[union-attr]
        except NotThere:
            asks = False
        said = super().tap(handle, ref, action, inputs) if asks else ""
        now = self._now(user, ref)
        ways = [keys.read(button.key) for button in now.buttons if button.key]
        stuck = bool(ways) and all(way is not None and way.step == keys.BACK for way in ways)
        return self._fill(user, now, action, inputs) if stuck or not asks else said

    def _fill(self, user: str, seen: Seen, action: str, inputs: dict[str, str]) -> str:
        """A person types a command for this. Stories name no command, so here a button's key says what it would."""
        read = [keys.read(button.key) for button in (*seen.buttons, *seen.menu) if button.key]
        ref, rev = next(((key.ref, key.rev) for key in read if key is not None), (str(seen.card["task_id"]), 1))
        given = tuple((name, value) for name, value in inputs.items() if value)
        key = keys.Key(ref, action, rev, given=given).text()
        message = next(m for m in self.fake._messages if m.msgid == seen.msgid)
        return self.fake._press(user, message, seen.card, key, {}, 6.0).text

    def _button(self, user: str, ref: str, action: str) -> tuple[Seen, str]:
        """A button as it stands now, or as it stood before."""
        now = self._now(user, ref)
        message = next(m for m in self.fake._messages if m.msgid == now.msgid)
        before = sorted((*reversed(self._faces[user, ref]), _first(message, user)), key=lambda seen: bool(seen.questions))
        for seen in (now, *before):
            entries = [b.key for b in (*seen.buttons, *seen.menu) if b.key]
            for wanted in (action, LOG) if action.startswith("task.") else (action,):
                for key in entries:
                    if _action(key) == wanted and (wanted == action or action in _results()):
                        return seen, key
        raise NotThere(f"{ref} never had {action}; it shows {now.text}")
