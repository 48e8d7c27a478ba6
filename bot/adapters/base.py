"""What the product asks of a messenger, and what it may answer. Seven members; an eighth needs a decision."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from bot.card import Capabilities, Card


@dataclass(frozen=True)
class Address:
    """Where a message goes: a user id of a messenger, or a mail address."""

    user_id: str
    lang: str = "zh"


@dataclass(frozen=True)
class Sent:
    """The messenger has it, under `ref`."""

    ref: str


@dataclass(frozen=True)
class Retry:
    """Not now. Nothing was shown."""

    after_seconds: float
    reason: str


@dataclass(frozen=True)
class Refused:
    """Never: the address or the content is not accepted."""

    reason: str


@dataclass(frozen=True)
class Unknown:
    """It may or may not have arrived."""

    reason: str


@dataclass(frozen=True)
class NotThere:
    """`find` is sure that it did not arrive."""


SendResult = Sent | Retry | Refused | Unknown


@dataclass(frozen=True)
class DeliveryRef:
    """A message that stands on somebody's screen."""

    to: Address
    ref: str
    delivery_id: int
    rev: int


@dataclass(frozen=True)
class Envelope:
    """What a messenger vouches for: this account did this. Typed text has `text`; a tap has `delivery_id` and `action`."""

    messenger: str
    user_id: str
    event_id: str
    at: datetime
    text: str = ""
    delivery_id: int | None = None
    action: str = ""
    seen_rev: int | None = None
    input: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What the person sees at once: an outcome and a sentence, and a card where there is one."""

    outcome: str
    message: str
    card: Card | None = None
    view: Mapping[str, object] = field(default_factory=dict)
    delivery_id: int | None = None


Receive = Callable[[Envelope], Awaitable[Reply]]


class Adapter(Protocol):
    name: str

    def capabilities(self, to: Address) -> Capabilities: ...
    async def send(self, to: Address, card: Card, key: str) -> SendResult: ...
    async def update(self, ref: DeliveryRef, card: Card) -> SendResult: ...
    async def find(self, to: Address, key: str, payload: bytes) -> Sent | NotThere | Unknown: ...
    async def start(self, receive: Receive) -> None: ...
    async def stop(self) -> None: ...
