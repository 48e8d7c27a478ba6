"""What the product asks of a messenger, and what it may answer. Seven members; an eighth needs a decision."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from starlette.routing import BaseRoute

from bot.card import Capabilities, Card

CARD, TEXT = "card", "text"  # what a message was sent as


@dataclass(frozen=True)
class Address:
    """Where a message goes: a user id of a messenger, or a mail address."""

    user_id: str
    lang: str = "zh"
    text_only: bool = False  # reads where cards don't show
    stands: str = ""  # of a message that is there already: sent as a CARD or as TEXT, whatever would be sent now

    def by_text(self, *, cards: bool = True) -> bool:
        """Whether text is what stands there, or what is to be sent. `cards`: whether there are any to send."""
        return self.stands == TEXT if self.stands else self.text_only or not cards


@dataclass(frozen=True)
class Sent:
    """The messenger has it, under `ref`."""

    ref: str


@dataclass(frozen=True)
class Retry:
    """Not now. Nothing was shown. Whoever has to wait long is told by another messenger at once, where there is one."""

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
    """What a messenger vouches for: this account did this. Typed text has `text`; a tap has `action` and the message,
    by our `delivery_id` or by the messenger's own `ref` for it.

    `until`: on time.monotonic(); what is not saved by then never will be, and the answer says so. `aside`: done beside the
    message, on a page of ours, so the answer does not carry the card and an update is sent.
    `opens`: the button has a form that the messenger shows first: nothing is filled in yet, so nothing happens.
    `apart`: the answer is read away from the message that was tapped, so it names the customer.
    `looks`: nobody asked, a list that is no message is drawn anew: nothing is written, not even that it came.
    """

    messenger: str
    user_id: str
    event_id: str
    at: datetime
    text: str = ""
    delivery_id: int | None = None
    ref: str = ""
    action: str = ""
    seen_rev: int | None = None
    input: Mapping[str, str] = field(default_factory=dict)
    until: float | None = None
    opens: bool = False
    aside: bool = False
    apart: bool = False
    looks: bool = False


async def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Reply:
    """What the person sees at once: an outcome and a sentence, and a card where there is one.

    To a tap, `card` is what the tapped message shows from now on; if `asks`, it is the question that the button has:
    its only action, with the inputs to be asked. Whoever shows a card in its place awaits `shown` afterwards.
    """

    outcome: str
    message: str
    card: Card | None = None
    view: Mapping[str, object] = field(default_factory=dict)
    delivery_id: int | None = None
    rev: int = 0  # of the delivery, for the buttons of `card`
    asks: bool = False
    wrong: str = ""  # the input that an invalid answer is about, where one can be named
    shown: Callable[[], Awaitable[None]] = field(default=_nothing, compare=False)


Receive = Callable[[Envelope], Awaitable[Reply]]


@runtime_checkable
class Callbacks(Protocol):
    """A messenger that calls us: the addresses at which it does."""

    def routes(self) -> Sequence[BaseRoute]: ...


@runtime_checkable
class Connects(Protocol):
    """A messenger that we connect to, or that calls us: true once the connection stands, or the first proven call came
    since the start."""

    def connected(self) -> bool: ...


@runtime_checkable
class Files(Protocol):
    """A messenger that takes files: the letter of demand goes along with the card that names it."""

    async def upload(self, to: Address, name: str, content: bytes) -> SendResult: ...


@runtime_checkable
class Ahead(Protocol):
    """A messenger that has something to write down before each message: for many at once it takes as long as for one."""

    async def ahead(self, messages: Sequence[tuple[Address, Card, str]]) -> None:
        """These, with their keys, are about to be sent for the first time. What fails is made up for when they are."""
        ...


class Adapter(Protocol):
    name: str

    def capabilities(self, to: Address) -> Capabilities: ...
    async def send(self, to: Address, card: Card, key: str) -> SendResult: ...
    async def update(self, ref: DeliveryRef, card: Card) -> SendResult: ...
    async def find(self, to: Address, key: str, payload: bytes, since: datetime | None = None) -> Sent | NotThere | Unknown:
        """Whether what may have been sent stands there. `since`: before then it was not; None, where that is not known."""
        ...

    async def start(self, receive: Receive) -> None: ...
    async def stop(self) -> None: ...
