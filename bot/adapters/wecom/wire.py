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
_ENCRYPTED = re.compile(rb"<Encrypt>\s*(?:<!\[CDATA\[)?([A-Za-z0-9+/=\s]+?)(?:\]\]>)?\s*</Encrypt>")


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
        """What stands in a POST. Errors: Forged."""
        found = _ENCRYPTED.search(body)
        if found is None or b"<!DOCTYPE" in body or b"<!ENTITY" in body:
            raise Forged("no envelope")
        return b"".join(found[1].split()).decode("ascii")

    def again(self, query: Mapping[str, str]) -> bool:
        """Whether the very same request came before: a redelivery of WeCom's is signed anew."""
        signature = query.get("msg_signature", "")
        if signature in self._seen:
            return True
        self._seen[signature] = None
        while len(self._seen) > SEEN:
            self._seen.popitem(last=False)
        return False

    def seal(self, plain: str) -> str:
        """A passive reply, as it goes back."""
        return str(self._crypto.encrypt_message(plain, secrets.token_hex(8)))

    def _sign(self, *parts: str) -> str:
        joined = "".join(sorted([self._token, *parts]))
        return hashlib.sha1(joined.encode()).hexdigest()
