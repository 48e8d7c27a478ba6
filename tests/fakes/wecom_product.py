"""A small product on the other side of the fake: wechatpy as it is, with its base URL set as the page says."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import xmltodict
from wechatpy.enterprise import WeChatClient
from wechatpy.enterprise.crypto import WeChatCrypto

from tests.fakes.wecom import FakeWecom

Event = dict[str, Any]


class Client(WeChatClient):  # type: ignore[misc]
    """wechatpy writes the address of gettoken down, so changing API_BASE_URL alone does not reach the fake."""

    def __init__(self, corp_id: str, secret: str, base_url: str) -> None:
        super().__init__(corp_id, secret, timeout=10, auto_retry=False)
        self.base_url = base_url
        self.API_BASE_URL = base_url + "/cgi-bin/"

    def fetch_access_token(self) -> Any:
        given = {"corpid": self.corp_id, "corpsecret": self.secret}
        return self._fetch_access_token(url=self.base_url + "/cgi-bin/gettoken", params=given)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


class Product:
    """Answers callbacks; `answer` gets the decrypted event and gives the passive reply's inside, or nothing.

    `events` are those it took, each once; `statuses` may be filled with what to answer instead of handling.
    """

    def __init__(self, wecom: FakeWecom) -> None:
        self.answer: Callable[[Event], str] = lambda event: ""
        self.events: list[Event] = []
        self.refused = 0
        self.slow: list[float] = []  # seconds before the next answers
        self.statuses: list[int] = []
        self.raw: list[bytes] = []  # bodies for the next answers, whatever the event
        self.echo: Callable[[str], str] = lambda echo: echo
        self._wecom = wecom
        self._seen: set[tuple[str, ...]] = set()
        self._lock = threading.Lock()
        product = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.say(200, product.checked(self.path).encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"] or 0))
                with suppress(BrokenPipeError, ConnectionResetError):  # the fake gave up waiting
                    self.say(*product.handle(self.path, body))

            def say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # closing waits for them: no test leaves a thread behind
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/wecom/callback"
        wecom.set_callback(self.url)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def crypto(self) -> Any:
        return WeChatCrypto(self._wecom.token, self._wecom.aes_key, self._wecom.corp_id)

    def checked(self, path: str) -> str:
        query = self._query(path)
        names = ("msg_signature", "timestamp", "nonce", "echostr")
        return self.echo(self.crypto.check_signature(*(query[name] for name in names)))

    def handle(self, path: str, body: bytes) -> tuple[int, bytes]:
        query = self._query(path)
        try:
            plain = self.crypto.decrypt_message(body, query["msg_signature"], query["timestamp"], query["nonce"])
            event = xmltodict.parse(plain)["xml"]
        except Exception:  # junk raises five different classes
            self.refused += 1
            return 403, b""
        with self._lock:
            key = tuple(str(event.get(name)) for name in ("FromUserName", "CreateTime", "MsgId", "EventKey", "TaskId"))
            known = key in self._seen
            self._seen.add(key)
        if self.statuses:
            self._seen.discard(key)
            return self.statuses.pop(0), b"no"
        if known:
            return 200, b""
        self.events.append(event)
        if self.slow:
            time.sleep(self.slow.pop(0))
        return 200, self.raw.pop(0) if self.raw else self.sealed(event)

    def sealed(self, event: Event) -> bytes:
        inner = self.answer(event)
        if not inner:
            return b""
        return bytes(self.crypto.encrypt_message(passive(event, inner), "31415926").encode())

    def _query(self, path: str) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(path).query).items()}


def passive(event: Event, inner: str) -> str:
    """A passive reply to the event's sender."""
    people = f"<ToUserName>{event['FromUserName']}</ToUserName><FromUserName>{event['ToUserName']}</FromUserName>"
    return f"<xml>{people}<CreateTime>{int(time.time())}</CreateTime>{inner}</xml>"


def dead_button(text: str) -> str:
    return f"<MsgType>update_button</MsgType><Button><ReplaceName><![CDATA[{text}]]></ReplaceName></Button>"
