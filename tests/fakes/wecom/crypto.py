"""WeCom's callback encryption, written from its description and sharing nothing with any SDK.

AES-256-CBC, the initialization vector is the key's first half, padding to 32 bytes; SHA-1 over the sorted parts signs.
"""

import base64
import hashlib
import os
import struct

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK = 32  # WeCom pads to 32 bytes although AES has blocks of 16
NOISE = 16  # random bytes before the length


class CryptoError(Exception):
    """The text was not encrypted with this key, or not for this receiver."""


class Crypto:
    def __init__(self, token: str, aes_key: str, receiver: str) -> None:
        """`aes_key` as the console shows it: 43 characters. `receiver` is the corp id."""
        if len(aes_key) != 43:
            raise ValueError(f"an EncodingAESKey has 43 characters, not {len(aes_key)}")
        self.token = token
        self.aes_key = aes_key
        self.receiver = receiver
        self._key = base64.b64decode(aes_key + "=")

    def sign(self, timestamp: str, nonce: str, encrypted: str) -> str:
        parts = sorted([self.token, timestamp, nonce, encrypted])
        return hashlib.sha1("".join(parts).encode()).hexdigest()

    def encrypt(self, text: str | bytes) -> str:
        """Base64, different every time."""
        message = text.encode() if isinstance(text, str) else text
        plain = os.urandom(NOISE) + struct.pack(">I", len(message)) + message + self.receiver.encode()
        pad = BLOCK - len(plain) % BLOCK
        encryptor = self._cipher().encryptor()
        return base64.b64encode(encryptor.update(plain + bytes([pad]) * pad) + encryptor.finalize()).decode()

    def decrypt(self, encrypted: str) -> str:
        message, receiver = self._open(encrypted)
        if receiver != self.receiver:
            raise CryptoError(f"written for {receiver!r}, not for {self.receiver!r}")
        return message

    def _open(self, encrypted: str) -> tuple[str, str]:
        try:
            decryptor = self._cipher().decryptor()
            plain = decryptor.update(base64.b64decode(encrypted, validate=True)) + decryptor.finalize()
            pad = plain[-1]
            if not 1 <= pad <= BLOCK or plain[-pad:] != bytes([pad]) * pad:
                raise CryptoError("bad padding")
            (length,) = struct.unpack(">I", plain[NOISE : NOISE + 4])
            rest = plain[NOISE + 4 : -pad]
            if length > len(rest):
                raise CryptoError("shorter than it says")
            return rest[:length].decode(), rest[length:].decode()
        except (ValueError, IndexError, struct.error) as error:
            raise CryptoError(f"cannot be decrypted: {error}") from error

    def _cipher(self) -> Cipher[CBC]:
        return Cipher(AES(self._key), CBC(self._key[:16]))
