"""The way to the product: encrypted callbacks with their deadline and retries, and the passive reply that comes back."""

import asyncio
import io
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from tests.fakes.wecom import xml
from tests.fakes.wecom.crypto import Crypto, CryptoError
from tests.fakes.wecom.refused import BadReply

XML = {"Content-Type": "text/xml"}


@dataclass(frozen=True)
class Reply:
    """A passive reply, decrypted and read. kind: text, update_button or update_template_card."""

    kind: str
    text: str = ""  # of a text; of the dead button
    card: dict[str, Any] = field(default_factory=dict)
    plain: str = ""  # the XML as the product wrote it


@dataclass(frozen=True)
class Try:
    """One POST. status 0: no answer, and `error` says why."""

    status: int
    seconds: float
    body: str = ""
    error: str = ""
    query: str = ""  # what was sent, so that it can be sent again
    sent: bytes = b""


@dataclass(frozen=True)
class Delivery:
    """What became of one event or message."""

    what: str
    plain: str  # the XML before encryption
    tries: tuple[Try, ...]
    reply: Reply | None = None
    problem: str = ""  # why a passive reply was thrown away
    response_code: str = ""  # of a tap on a card
    message_id: str = ""  # of a text

    @property
    def status(self) -> int:
        """Of the last try; 0 when nothing came back in time."""
        return self.tries[-1].status

    @property
    def seconds(self) -> float:
        return self.tries[-1].seconds

    @property
    def body(self) -> str:
        return self.tries[-1].body


@dataclass
class Patience:
    """How long WeCom waits; tests shorten it."""

    post: float = 5.0
    check: float = 1.0
    retries: int = 3
    pause: float = 0.0  # [?] between tries


class Line:
    def __init__(self, now: Callable[[], float], wrong: list[str], patience: Patience) -> None:
        self.url = ""
        self.crypto: Crypto | None = None
        self.patience = patience
        self.now = now
        self._wrong = wrong

    def sealed(self, plain: str | bytes, agentid: int, crypto: Crypto | None = None, age: int = 0) -> tuple[str, bytes]:
        """(query, body) of a POST: encrypted and signed, with a new nonce every time."""
        crypto = crypto or self._with()
        encrypted = crypto.encrypt(plain)
        envelope = {"ToUserName": crypto.receiver, "Encrypt": encrypted, "AgentID": str(agentid)}
        return self._query(crypto, encrypted, age), xml.element("xml", envelope).encode()

    async def deliver(self, what: str, plain: str, agentid: int) -> Delivery:
        """The same event up to four times; only an answer 200 in time counts."""
        tries: list[Try] = []
        for number in range(1 + self.patience.retries):
            if number:
                await asyncio.sleep(self.patience.pause)
            tries.append(await self.post(*self.sealed(plain, agentid)))
            if tries[-1].status == 200:
                break
            self._wrong.append(f"{what}, try {number + 1}: {tries[-1].error or f'HTTP {tries[-1].status}'}")
        return Delivery(what, plain, tuple(tries))

    async def post(self, query: str, body: bytes) -> Try:
        return await self._ask("POST", query, body, self.patience.post)

    async def check(self) -> tuple[Try, str]:
        """The URL check of the console: (what happened, what must come back)."""
        crypto, word = self._with(), str(secrets.randbelow(10**19))
        encrypted = crypto.encrypt(word)
        query = self._query(crypto, encrypted, 0) + "&" + urlencode({"echostr": encrypted})
        return await self._ask("GET", query, b"", self.patience.check), word

    def read(self, answer: Try, userid: str) -> Reply | None:
        """The passive reply of a 200, None for an empty body; BadReply for what WeCom would throw away."""
        if not answer.body:
            return None
        outer = xml.parse(answer.body, "the reply")
        encrypted, signature = (xml.field(outer, name, "the reply") for name in ("Encrypt", "MsgSignature"))
        timestamp, nonce = (xml.field(outer, name, "the reply").strip() for name in ("TimeStamp", "Nonce"))
        crypto = self._with()
        if not timestamp.isdigit():
            raise BadReply(f"TimeStamp {timestamp!r}")
        if crypto.sign(timestamp, nonce, encrypted) != signature:
            raise BadReply("the reply's signature is wrong")
        try:
            plain = crypto.decrypt(encrypted)
        except CryptoError as error:
            raise BadReply(f"the reply {error}") from error
        return self._inner(plain, userid)

    def _inner(self, plain: str, userid: str) -> Reply:
        root = xml.parse(plain, "the decrypted reply")
        if xml.field(root, "ToUserName", "the reply") != userid:
            raise BadReply(f"ToUserName is not {userid}")
        if xml.field(root, "FromUserName", "the reply") != self._with().receiver:
            raise BadReply("FromUserName is not the corp id")
        if not xml.field(root, "CreateTime", "the reply").strip().isdigit():
            raise BadReply("CreateTime is not a number")
        kind = xml.field(root, "MsgType", "the reply")
        if kind == "text":
            return Reply(kind, text=xml.field(root, "Content", "the reply"), plain=plain)
        if kind == "update_button":
            button = root.find("Button")
            if button is None:
                raise BadReply("update_button without <Button>")
            return Reply(kind, text=xml.field(button, "ReplaceName", "<Button>"), plain=plain)
        if kind == "update_template_card":
            card = root.find("TemplateCard")
            if card is None:
                raise BadReply("update_template_card without <TemplateCard>")
            return Reply(kind, card=xml.card_of(card), plain=plain)
        raise BadReply(f"MsgType {kind!r}")  # images, voices and news exist, this product sends none

    def _with(self) -> Crypto:
        if not self.url or self.crypto is None:
            raise RuntimeError("no callback URL: set_callback(url, token, aes_key)")
        return self.crypto

    def _query(self, crypto: Crypto, encrypted: str, age: int) -> str:
        timestamp, nonce = str(int(self.now()) - age), str(secrets.randbelow(10**10))
        signature = crypto.sign(timestamp, nonce, encrypted)
        return urlencode({"msg_signature": signature, "timestamp": timestamp, "nonce": nonce})

    async def _ask(self, method: str, query: str, body: bytes, seconds: float) -> Try:
        self._with()
        started = time.monotonic()
        url = URL(self.url + ("&" if "?" in self.url else "?") + query, encoded=True)
        status, text, error = 0, "", ""
        try:
            async with (
                aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=seconds)) as session,
                session.request(
                    method, url, data=io.BytesIO(body) if body else None, headers=XML, allow_redirects=False
                ) as response,
            ):
                text, status = (await response.read()).decode("utf-8", "replace"), response.status
        except TimeoutError:
            error = f"no answer within {seconds:g} s"
        except aiohttp.ClientError as failure:
            error = f"{type(failure).__name__}: {failure}"
        return Try(status, time.monotonic() - started, text, error, query, body)
