"""Somebody who begins to send a body and is gone before its end."""

import socket
from urllib.parse import urlsplit


def cut_off(url: str) -> None:
    """POSTs twelve bytes of a hundred, and hangs up."""
    where = urlsplit(url)
    target = where.path + (f"?{where.query}" if where.query else "")
    head = f"POST {target} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((where.hostname or "", where.port or 80), timeout=5) as wire:
        wire.sendall(head.encode() + b"<xml><secret")
