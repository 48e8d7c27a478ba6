"""POSTs that no WeCom sends, for the product to refuse: anybody can reach a callback URL."""

import base64
import secrets
from collections.abc import Callable

from tests.fakes.wecom import xml
from tests.fakes.wecom.crypto import Crypto
from tests.fakes.wecom.line import Line

BIG = 4 * 2**20
DAY = 86400


def random_key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()[:43]


class Attacks:
    """`kinds` maps each kind of bad POST to what makes it: (query, body)."""

    def __init__(self, line: Line, event: Callable[[], str], agentid: int) -> None:
        """`event` writes an honest event: only the wrapping is bad, so a product that skips a check would act on it."""
        self._line = line
        self._event = event
        self._agentid = agentid
        self.kinds: dict[str, Callable[[], tuple[str, bytes]]] = {
            "forged": self._forged,
            "changed": self._changed,
            "unsigned": lambda: ("", self._honest()[1]),
            "stale": lambda: self._honest(age=DAY),
            "truncated": self._truncated,
            "not utf-8": lambda: (self._honest()[0], b"<xml><Encrypt>\xff\xfe\xd5\xbd</Encrypt></xml>"),
            "inner not utf-8": lambda: self._line.sealed(self._event().encode("utf-16"), self._agentid),
            "inner not xml": lambda: self._line.sealed("no xml at all", self._agentid),
            "oversized": self._oversized,
            "wrong corp": self._wrong_corp,
            "wrong key": self._wrong_key,
            "bomb": self._bomb,
            "another app": self._another_app,
            "empty": lambda: (self._honest()[0], b""),
            "not encrypted": lambda: (self._honest()[0], self._event().encode()),
        }

    def _honest(self, age: int = 0) -> tuple[str, bytes]:
        return self._line.sealed(self._event(), self._agentid, age=age)

    def _own(self) -> Crypto:
        if self._line.crypto is None:
            raise RuntimeError("no callback URL: set_callback(url, token, aes_key)")
        return self._line.crypto

    def _forged(self) -> tuple[str, bytes]:
        """Encrypted with the right key, signed with a token that somebody guessed."""
        own = self._own()
        guessed = Crypto(secrets.token_hex(8), random_key(), own.receiver)
        encrypted = own.encrypt(self._event())
        stamp, nonce = str(int(self._line.now())), "1"
        query = f"msg_signature={guessed.sign(stamp, nonce, encrypted)}&timestamp={stamp}&nonce={nonce}"
        return query, xml.element("xml", {"ToUserName": own.receiver, "Encrypt": encrypted}).encode()

    def _changed(self) -> tuple[str, bytes]:
        """The body of one POST under the signature of another."""
        return self._honest()[0], self._honest()[1]

    def _truncated(self) -> tuple[str, bytes]:
        query, body = self._honest()
        return query, body[: len(body) // 2]

    def _oversized(self) -> tuple[str, bytes]:
        return self._line.sealed(self._event() + " " * BIG, self._agentid)

    def _wrong_corp(self) -> tuple[str, bytes]:
        """Signed with the right token, encrypted for another company."""
        own = self._own()
        other = Crypto(own.token, own.aes_key, "ww" + secrets.token_hex(8))
        return self._line.sealed(self._event(), self._agentid, crypto=other)

    def _another_app(self) -> tuple[str, bytes]:
        """All of it is good, but it is for another app of the company."""
        other = self._event().replace(str(self._agentid), str(self._agentid + 1))
        return self._line.sealed(other, self._agentid)

    def _wrong_key(self) -> tuple[str, bytes]:
        own = self._own()
        return self._line.sealed(self._event(), self._agentid, crypto=Crypto(own.token, random_key(), own.receiver))

    def _bomb(self) -> tuple[str, bytes]:
        """Entities that grow when they are read."""
        query, body = self._honest()
        entities = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        return query, entities.encode() + body.replace(b"</xml>", b"<B>&b;&b;&b;</B></xml>")
