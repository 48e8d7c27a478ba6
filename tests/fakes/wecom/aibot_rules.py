"""What the long connection takes: frames, bodies and cards. A robot's card is narrower than an app's.

[?] Error codes marked so were chosen here: the page about the long connection lists none.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.wecom.cards import CardCheck
from tests.fakes.wecom.refused import Refused

BAD_SECRET = 853000  # [?]
NOT_SUBSCRIBED = 846601  # [?]
BAD_FRAME = 40058  # [?]
NO_CHAT = 93006  # invalid chatid: what a push to a stranger is taken to answer [?]
TOO_LATE = 846604  # [?] an answer to no event, to one that was answered, or too late
TOO_OFTEN = 45009  # [?] over a chat's messages of a minute or an hour; that an update counts, too
MARKDOWN_BYTES = 20_480
CHARS = {"title": 26, "desc": 30, "sub_title_text": 112, "value": 26, "keyname": 5, "text": 10}
PUSHED = {"template_card", "markdown"}
REPLIED = {"template_card", "stream"}
WELCOMED = {"template_card", "text"}


@dataclass
class Chats:
    """What each member gets, answers among it. `on` switches the limits on; `refused` counts what was over them."""

    on: bool = False
    minute: int = 30
    hour: int = 1000
    refused: int = 0
    _times: dict[str, deque[float]] = field(default_factory=dict)

    def count(self, userid: str, now: float) -> None:
        """One more. Errors: Refused."""
        times = self._times.setdefault(userid, deque())
        while times and times[0] <= now - 3600:
            times.popleft()
        if self.on and (len(times) >= self.hour or sum(at > now - 60 for at in times) >= self.minute):
            self.refused += 1
            raise Refused(TOO_OFTEN, f"{userid} gets no more for now")
        times.append(now)


def text_of(body: Mapping[str, Any], allowed: set[str], extra: set[str]) -> str:
    """The words of a message that is no card, "" for a card. Errors: Refused."""
    kind = body.get("msgtype")
    if kind not in allowed:
        raise Refused(BAD_FRAME, f"msgtype {kind!r} here, only {sorted(allowed)}")
    if unknown := set(body) - {"msgtype", kind} - extra:
        raise Refused(BAD_FRAME, f"unknown {sorted(unknown)}")
    if kind == "template_card":
        return ""
    inside = body.get(kind)
    if not isinstance(inside, dict) or not isinstance(inside.get("content"), str) or not inside["content"].strip():
        raise Refused(BAD_FRAME, f"{kind} without content")
    if kind == "stream" and not (inside.get("finish") is True and isinstance(inside.get("id"), str) and inside["id"]):
        raise Refused(BAD_FRAME, "a stream needs an id, and is never finished here")
    if len(inside["content"].encode()) > MARKDOWN_BYTES:
        raise Refused(BAD_FRAME, f"content of {len(inside['content'].encode())} bytes")
    return str(inside["content"])


def card_of(body: Mapping[str, Any], lint: list[str], *, update: bool = False) -> dict[str, Any]:
    """The checked card. Errors: Refused."""
    card = body.get("template_card")
    checked = CardCheck(card, update=update)
    assert isinstance(card, dict)
    for button in card.get("button_list", []):
        if set(button) - {"text", "style", "key"}:
            raise Refused(BAD_FRAME, f"a robot's button has text, style and key only, not {sorted(button)}")
    if "replace_text" in card:
        raise Refused(BAD_FRAME, "no replace_text on a robot's card")
    if any(row.get("type") == 2 for row in card.get("horizontal_content_list", [])):
        raise Refused(BAD_FRAME, "no files in the rows of a robot's card")
    lint += [*checked.lint, *_too_long(card)]
    return card


def _too_long(card: Mapping[str, Any]) -> list[str]:
    """What a client would cut."""
    found = [_longer("source", card.get("source", {}), "desc", 13), _longer("card", card, "sub_title_text", 112)]
    found += [_longer("main_title", card.get("main_title", {}), key, CHARS[key]) for key in ("title", "desc")]
    for row in card.get("horizontal_content_list", []):
        found += [_longer("row", row, key, CHARS[key]) for key in ("keyname", "value")]
    found += [_longer("button", button, "text", 10) for button in card.get("button_list", [])]
    for select in card.get("select_list", []):
        found.append(_longer("select", select, "title", 13))
        found += [_longer("option", option, "text", 10) for option in select["option_list"]]
    return [words for words in found if words]


def _longer(what: str, value: Mapping[str, Any], key: str, most: int) -> str:
    said = str(value.get(key, ""))
    return f"{what}.{key}: {len(said)} of {most} characters: {said}" if len(said) > most else ""
