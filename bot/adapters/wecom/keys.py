"""What a button carries back to us, and what a message is called."""

import hashlib
import hmac
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode

from bot.card import Action
from bot.text import is_id

MAX_BYTES = 1024  # of a button's key
PLAIN, ASK, BACK = "", "ask", "back"  # acts at once; shows its question first; shows the card again


@dataclass(frozen=True)
class Key:
    """The message, the action and the revision that was seen; `step` says what the tap does first."""

    ref: str
    action: str
    rev: int = 0
    target: str = ""
    given: tuple[tuple[str, str], ...] = ()
    step: str = PLAIN

    def text(self) -> str:
        parts = (self.ref, self.action, str(self.rev), self.target, urlencode(self.given), self.step)
        return "|".join(quote(part, safe="=&+.:-_") for part in parts)


def read(text: str) -> Key | None:
    """A key as it comes back; None for anything that is none of ours."""
    parts = [unquote(part) for part in text.split("|")]
    if len(parts) != 6 or not parts[2].isdecimal() or len(parts[2]) > 9 or not parts[0] or len(text) > MAX_BYTES:
        return None
    if not all(map(is_id, parts)):
        return None
    given = tuple(parse_qsl(parts[4], keep_blank_values=True))
    return Key(parts[0], parts[1], int(parts[2]), parts[3], given, parts[5])


def of(action: Action, ref: str, rev: int, step: str = PLAIN) -> str:
    return Key(ref, action.id, rev, action.target, action.given, step).text()


def ref_of(corp_id: str, user_id: str, key: str) -> str:
    """The name of the message for one outbox key: its task_id, the same in every attempt."""
    digest = hashlib.sha256("\n".join((corp_id, user_id.lower(), key)).encode()).hexdigest()
    return f"hk-{digest[:40]}"


def kept(delivery_id: int) -> str:
    """The name of an answer, whose delivery has no name of WeCom's."""
    return f"d{delivery_id}"


def named(ref: str, secret: str) -> str:
    """What a link calls a message. A number could be counted through, so it has a seal."""
    return ref if delivery_of(ref) is None else f"{ref}-{_seal(ref, secret)}"


def message_of(name: str, secret: str) -> str:
    """The message that a link of ours names; "" for a number without its seal."""
    ref, _, seal = name.partition("-")
    if delivery_of(ref) is None:
        return name
    return ref if hmac.compare_digest(seal.encode(), _seal(ref, secret).encode()) else ""


def _seal(ref: str, secret: str) -> str:
    return hmac.new(secret.encode(), f"form {ref}".encode(), hashlib.sha256).hexdigest()[:20]


def delivery_of(ref: str) -> int | None:
    number = ref.removeprefix("d")
    return int(number) if ref.startswith("d") and number.isdecimal() and len(number) <= 15 else None
