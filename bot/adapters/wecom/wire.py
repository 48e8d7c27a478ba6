"""The envelope of callbacks: signatures, encryption, freshness. What is wrong raises Forged, and nothing else does."""

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from collections.abc import Mapping

from wechatpy.enterprise.crypto import PrpCrypto, WeChatCrypto

from bot.settings import WecomSettings

WINDOW = 300  # seconds that a signature counts
SEEN = 20_000
OPEN, CLOSE = b"<![CDATA[", b"]]>"
_BASE64 = re.compile(rb"[A-Za-z0-9+/=]+")


class Forged(Exception):
    """Not from WeCom, not for us, or not readable."""


class Wire:
    def __init__(self, settings: WecomSettings) -> None:
        self._token = settings.token.get_secret_value()
        self._corp_id = settings.corp_id
        self._crypto = WeChatCrypto(self._token, settings.aes_key.get_secret_value(), settings.corp_id)
        self._seen: OrderedDict[str, None] = OrderedDict()

    def open(self, query: Mapping[str, str], encrypted: str) -> str:
        """The plain text of what WeCom signed for us just now. Errors: Forged."""
        stamp, nonce = query.get("timestamp", ""), query.get("nonce", "")
        signature = self._sign(stamp, nonce, encrypted)
        if not hmac.compare_digest(signature.encode(), query.get("msg_signature", "").encode()):
            raise Forged("signature")
        if not stamp.isdecimal() or abs(time.time() - int(stamp[:12])) > WINDOW:
            raise Forged("timestamp")
        try:
            found = PrpCrypto(self._crypto.key).decrypt(encrypted, self._corp_id)
            return found if isinstance(found, str) else bytes(found).decode("utf-8")
        except Exception as error:  # junk raises a handful of classes, its own one only for another company
            raise Forged(type(error).__name__) from None

    def encrypted(self, body: bytes) -> str:
        """What stands in a POST. Errors: Forged.

        Cut out in one pass: nobody is verified yet, and a pattern for all of it could be kept busy for hours.
        """
        _, _, rest = body.partition(b"<Encrypt>")
        inside, end, _ = rest.partition(b"</Encrypt>")
        inside = inside.strip()
        if inside.startswith(OPEN) and inside.endswith(CLOSE):
            inside = inside[len(OPEN) : -len(CLOSE)]
        found = b"".join(inside.split())
        if not end or not _BASE64.fullmatch(found) or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise Forged("no envelope")
        return found.decode("ascii")

    def again(self, query: Mapping[str, str]) -> bool:
        """Whether the very same request came before and was answered."""
        return query.get("msg_signature", "") in self._seen

    def answered(self, query: Mapping[str, str]) -> None:
        """It need not come again. What was not answered may: WeCom does not say whether it signs a redelivery anew."""
        self._seen[query.get("msg_signature", "")] = None
        while len(self._seen) > SEEN:
            self._seen.popitem(last=False)

    def seal(self, plain: str) -> str:
        """A passive reply, as it goes back."""
        return str(self._crypto.encrypt_message(plain, secrets.token_hex(8)))

    def asked(self, word: str) -> dict[str, str]:
        """The query of the console's check of an address; the answer is `word`."""
        stamp, nonce = str(int(time.time())), secrets.token_hex(8)
        encrypted = PrpCrypto(self._crypto.key).encrypt(word, self._corp_id)
        echo = encrypted if isinstance(encrypted, str) else bytes(encrypted).decode("ascii")
        return {"msg_signature": self._sign(stamp, nonce, echo), "timestamp": stamp, "nonce": nonce, "echostr": echo}

    def _sign(self, *parts: str) -> str:
        joined = "".join(sorted([self._token, *parts]))
        return hashlib.sha1(joined.encode()).hexdigest()
