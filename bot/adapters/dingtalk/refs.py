"""What our messages are called: DingTalk lets the sender choose a card's name, its outTrackId.

The same key gives the same name, so that a card that is sent twice is shown once; another installation of huikuan
with the same app gives other names, so that its cards are not taken for these.
"""

import hashlib
import re
from dataclasses import dataclass

PREFIX = "hk"
_ANSWER = re.compile(rf"{PREFIX}-([a-z0-9]+)-d(\d{{1,15}})")


@dataclass(frozen=True)
class Refs:
    """`install`: a few letters and digits of this database's own."""

    install: str

    def of(self, key: str) -> str:
        """The name of the message with this outbox key."""
        return f"{PREFIX}-{self.install}-{hashlib.sha256(f'{self.install}:{key}'.encode()).hexdigest()[:20]}"

    def answer(self, delivery_id: int) -> str:
        """The name of an answer: its delivery was kept without a name."""
        return f"{PREFIX}-{self.install}-d{delivery_id}"

    def delivery(self, ref: str) -> int | None:
        """The delivery of an answer's name; None if it is a message's."""
        found = _ANSWER.fullmatch(ref)
        return int(found[2]) if found and found[1] == self.install else None
