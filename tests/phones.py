"""What a story looks at: chats with their cards, and the customers' mailboxes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bot.adapters.base import Reply
from bot.adapters.local import store

if TYPE_CHECKING:
    from tests.harness import Harness


class Card:
    """A card on somebody's phone; reads always show what stands there now."""

    def __init__(self, hk: "Harness", message_id: int, handle: str) -> None:
        self.hk, self.id, self.handle = hk, message_id, handle

    @property
    def json(self) -> dict[str, Any]:
        return self.hk.drawn(self.id)

    @property
    def text(self) -> str:
        c = self.json
        fields = [f"{f['label']} {f['value']}" for f in c["fields"]]
        rows = [" ".join(r) for r in c["rows"]]
        return "\n".join([c["title"], c["text"], *fields, *rows, c["footer"] or ""])

    @property
    def buttons(self) -> list[str]:
        return [a["id"] for a in self.json["actions"]]

    @property
    def delivery(self) -> int:
        return int(self.json["delivery"])

    def tap(
        self, action: str, *, by: str = "", rev: int | None = None, expect: str = "done", **values: str
    ) -> dict[str, Any]:
        """Presses a button at the story's time, and says yes if that is asked about first. `expect`: done, already, stale,
        not_allowed or invalid."""
        reply = self.hk.press(by or self.handle, self, action, rev, values)
        if reply.card is not None and reply.card.kind == "reply.sure" and reply.card.actions:  # and is not answered yet
            said = Chat(self.hk, by or self.handle).say(reply.card.actions[0].label)
            reply = replace(reply, outcome=said["outcome"], message=said["message"])
        assert reply.outcome == expect, f"{action}: {reply.outcome} ({reply.message}), expected {expect}"
        self.hk.seen_version(self.id)
        return {"outcome": reply.outcome, "message": reply.message}

    def expect_update(self, *words: str, state: str = "") -> "Card":
        """The card was drawn anew since it was last looked at, and shows these words."""
        assert self.id in self.hk.changed(), f"the card did not change: {self.text}"
        for word in words:
            assert word in self.text, f"{word!r} is not in:\n{self.text}"
        if state:
            assert self.json["state"] == state
        self.hk.seen_version(self.id)
        return self


class Chat:
    def __init__(self, hk: "Harness", handle: str) -> None:
        self.hk, self.handle = hk, handle

    def unread(self) -> list[Card]:
        return [Card(self.hk, i, self.handle) for i in self.hk.unread("local", self.handle)]

    def expect_card(self, *words: str, kind: str = "", severity: str = "", buttons: tuple[str, ...] = ()) -> Card:
        """The oldest unread message that fits; it counts as read from now on."""
        for card in self.unread():
            drawn = card.json
            if (kind and drawn["kind"] != kind) or (severity and drawn["severity"] != severity):
                continue
            if all(word in card.text for word in words):
                missing = set(buttons) - set(card.buttons)
                assert not missing, f"no buttons {missing} on {card.text}"
                self.hk.read(card.id)
                return card
        told = "\n---\n".join(f"[{c.json['kind']} {c.json['severity']}] {c.text}" for c in self.unread()) or "nothing"
        raise AssertionError(f"{self.handle} has no unread card with {words} {kind} {severity}; unread:\n{told}")

    def expect_nothing(self) -> None:
        assert not self.unread(), f"{self.handle} got:\n" + "\n---\n".join(c.text for c in self.unread())

    def say(self, text: str) -> dict[str, Any]:
        """Types a line; the answer counts as read."""
        reply = self.hk.type(self.handle, text)
        for card in self.unread():
            if card.json["kind"].startswith("reply."):
                self.hk.read(card.id)
        return {"outcome": reply.outcome, "message": reply.message, "view": dict(reply.view), "card": reply.card}


    def choose(self, text: str, action: str, **values: str) -> Reply:
        """Types a line and presses a button of the answer; whatever comes of it counts as read."""
        reply = self.hk.choose(self.handle, text, action, values)
        for card in self.unread():
            self.hk.read(card.id)
        return reply


class Mailbox:
    def __init__(self, hk: "Harness", address: str) -> None:
        self.hk, self.address = hk, address

    def expect_letter(self, *words: str, stage: int = 0) -> dict[str, Any]:
        found = self.hk.unread("mail", self.address)
        assert found, f"no new letter to {self.address}"
        with self.hk.look() as work:
            letter = store.letter_of(store.messages(work.session, [found[0]])[0])
        whole = letter["subject"] + "\n" + letter["text"]
        for word in words:
            assert word in whole, f"{word!r} is not in:\n{whole}"
        assert not stage or letter["stage"] == stage, f"stage {letter['stage']}, expected {stage}"
        self.hk.read(found[0])
        return letter
