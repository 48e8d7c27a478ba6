"""Calls of WeCom's API through wechatpy, one token for all threads. Every failure is a value that says what was shown."""

import logging
import re
import threading
from collections.abc import Mapping
from typing import Any

import requests
from requests import exceptions as failures
from requests.adapters import HTTPAdapter
from wechatpy.enterprise import WeChatClient
from wechatpy.exceptions import WeChatClientException

from bot.adapters.base import Refused, Retry, Unknown
from bot.settings import WecomSettings

CONNECT, ANSWER = 3.0, 7.0  # seconds
BAD_TOKEN = {40001, 40014, 42001}  # 40001 is a wrong secret only where a token is asked for
BUSY = {-1: 5.0, 45009: 60.0, 45033: 10.0}
SETUP = {40001, 40013, 40014, 42001, 48002, 50001, 60011, 60020, 301002}  # an administrator has to mend it
SETUP_AFTER = 300.0
NOBODY = 81013


class Failed(Exception):
    """A call that did not do what it should. `code`: WeCom's errcode, if it gave one. Never holds an address."""

    def __init__(self, result: Retry | Refused | Unknown, code: int | None = None) -> None:
        super().__init__(result.reason)
        self.result, self.code = result, code


class Client:
    """Blocking: call it in a thread."""

    def __init__(self, settings: WecomSettings) -> None:
        self.agent_id = settings.agent_id
        self._wechat = _Wechat(settings)
        self._lock = threading.Lock()
        hide_secrets()

    def token(self) -> None:
        """Gets a token, if there is none. Errors: Failed."""
        self._token()

    def send(self, body: bytes) -> dict[str, Any]:
        """message/send, with the request as it was stored. Errors: Failed."""
        answer = self._call("post", "message/send", data=body)
        for name in ("invaliduser", "unlicenseduser"):
            if answer.get(name):
                raise Failed(Refused(name))
        return answer

    def update(self, user_id: str, code: str, card: Mapping[str, Any]) -> None:
        """What one member sees of a card; uses up the code. Errors: Failed."""
        body = {"userids": [user_id], "agentid": self.agent_id, "response_code": code, "template_card": card}
        self._call("post", "message/update_template_card", data=body)

    def member_of(self, code: str) -> str:
        """The user id behind an OAuth code; "" for somebody outside of the company. Errors: Failed."""
        answer = self._call("get", "auth/getuserinfo", params={"code": code})
        return str(answer.get("userid", ""))

    def app(self) -> dict[str, Any]:
        """What WeCom knows of our own app: its name, its trusted domain. Errors: Failed."""
        return self._call("get", "agent/get", params={"agentid": str(self.agent_id)})

    def close(self) -> None:
        self._wechat._http.close()

    def _call(self, method: str, path: str, *, params: Mapping[str, str] | None = None, data: Any = None) -> dict[str, Any]:
        token = self._token()
        for last in (False, True):
            try:
                asked = {**(params or {}), "access_token": token}
                answer = self._wechat._request(method, path, params=asked, data=data)
            except WeChatClientException as error:
                if error.errcode in BAD_TOKEN and not last:
                    token = self._token(bad=token)
                    continue
                raise _refused(error) from None
            except (requests.RequestException, OSError) as error:
                raise Failed(_unreached(error)) from None
            if not isinstance(answer, dict):
                raise Failed(Unknown("not_json"))
            return answer
        raise AssertionError("unreachable")

    def _token(self, bad: str = "") -> str:
        """Nothing was sent while there is no token, so every failure is a Retry."""
        with self._lock:
            try:
                known = str(self._wechat.access_token)
                if bad and known == bad:
                    self._wechat.fetch_access_token()
                    known = str(self._wechat.access_token)
                return known
            except WeChatClientException as error:
                after = BUSY.get(error.errcode, SETUP_AFTER if error.errcode else 5.0)
                raise Failed(Retry(after, f"token: {_named(error)}"), error.errcode) from None
            except (requests.RequestException, OSError, ValueError, KeyError) as error:
                raise Failed(Retry(5.0, f"token: {type(error).__name__}")) from None


class _Wechat(WeChatClient):  # type: ignore[misc]
    """wechatpy writes the address of gettoken down and waits for ever: both are set right here."""

    def __init__(self, settings: WecomSettings) -> None:
        super().__init__(settings.corp_id, settings.secret.get_secret_value(), timeout=(CONNECT, ANSWER), auto_retry=False)
        self.base_url = settings.api_url.rstrip("/")
        self.API_BASE_URL = self.base_url + "/cgi-bin/"
        for scheme in ("https://", "http://"):
            self._http.mount(scheme, _Timed(pool_maxsize=16))

    def fetch_access_token(self) -> Any:
        given = {"corpid": self.corp_id, "corpsecret": self.secret}
        return self._fetch_access_token(url=self.base_url + "/cgi-bin/gettoken", params=given)

    def __repr__(self) -> str:
        return "<wecom>"


class _Timed(HTTPAdapter):
    def send(self, request: Any, **options: Any) -> Any:  # type: ignore[override]
        options["timeout"] = options.get("timeout") or (CONNECT, ANSWER)
        return super().send(request, **options)


def _refused(error: WeChatClientException) -> Failed:
    code = error.errcode
    if code is None:
        return Failed(_http(error.response))
    if code in BUSY:
        return Failed(Retry(BUSY[code], _named(error)), code)
    if code in SETUP:
        return Failed(Retry(SETUP_AFTER, _named(error)), code)
    return Failed(Refused("unknown_user" if code == NOBODY else _named(error)), code)


def _http(response: Any) -> Retry | Unknown:
    """429 and other refusals stand before anything was done; after a 5xx nobody knows."""
    status = getattr(response, "status_code", 0)
    if status == 429:
        after = str(response.headers.get("Retry-After", ""))
        return Retry(float(after) if after.isdecimal() else 60.0, "http 429")
    return Retry(60.0, f"http {status}") if 400 <= status < 500 else Unknown(f"http {status}")


def _unreached(error: Exception) -> Retry | Unknown:
    """Only a connection that never stood is sure to have brought nothing."""
    never = isinstance(error, failures.ConnectTimeout | failures.ProxyError | failures.SSLError)
    if never or "NewConnectionError" in repr(getattr(error, "args", "")):
        return Retry(10.0, "no connection")
    return Unknown("timeout" if isinstance(error, failures.Timeout) else "connection lost")


def _named(error: WeChatClientException) -> str:
    return f"errcode {error.errcode}" if error.errcode is not None else f"http {getattr(error.response, 'status_code', '?')}"


# --- logs ---

_SECRET = re.compile(r"(access_token|corpsecret|code)=[^&\s\"']+")


class _Redacted(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        said = record.getMessage()
        if _SECRET.search(said):
            record.msg, record.args = _SECRET.sub(r"\1=***", said), ()
        return True


_redacted = _Redacted()


def hide_secrets() -> None:
    """urllib3 writes whole addresses down when somebody switches its debug log on."""
    logging.getLogger("urllib3.connectionpool").addFilter(_redacted)
