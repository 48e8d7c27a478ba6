"""A phone's browser that fills in the form: it follows no link that it was not told to."""

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import requests

from tests.fakes.wecom import FakeWecom

ONCE: dict[str, Any] = {"allow_redirects": False, "timeout": 20}


class Browser(requests.Session):
    """`base`: where the product really listens, if that is not what its links say."""

    def __init__(self, wecom: FakeWecom, user: str, base: str = "") -> None:
        super().__init__()
        self.wecom, self.user, self.base = wecom, user, base

    def sign_in(self, link: str) -> str:
        """The address that WeCom sends the browser back to."""
        asked = self.get(self._real(link), **ONCE)
        assert asked.status_code == 302, asked.text
        return self._real(self.wecom.open_link(self.user, asked.headers["Location"]).url)

    def enter(self, link: str) -> requests.Response:
        page = self.get(self.sign_in(link), **ONCE)
        if page.status_code != 303:
            return page
        return self.get(self._real(page.headers["Location"]), **ONCE)

    def save(self, page: requests.Response, action: str, **values: str) -> requests.Response:
        fields = {**form_of(page.text, action), **values}
        return self.post(page.url.rsplit("/", 1)[0] + "/save", data=fields, timeout=20)

    def confirm(self, page: requests.Response) -> requests.Response:
        """Yes to the page that asks once more; any other page stays as it is."""
        if 'name="_sure"' not in page.text and 'name="_ask"' not in page.text:
            return page
        [(fields, _)] = _read(page.text)
        return self.post(page.url.rsplit("/", 1)[0] + "/save", data=fields, timeout=20)

    def _real(self, url: str) -> str:
        parts = urlsplit(url)
        return f"{self.base}{parts.path}?{parts.query}" if self.base else url


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.hidden: list[dict[str, str]] = []
        self.names: list[set[str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.hidden.append({})
            self.names.append(set())
        if tag == "input" and given.get("type") == "hidden":
            self.hidden[-1][given["name"] or ""] = given["value"] or ""
        elif tag in ("input", "select", "textarea"):
            self.names[-1].add(given["name"] or "")


def form_of(page: str, action: str) -> dict[str, str]:
    """What the form of this action sends along."""
    return next(found for found, _ in _read(page) if found["_action"] == action)


def asks(page: str) -> dict[str, set[str]]:
    """The fields of each action."""
    return {found["_action"]: names for found, names in _read(page)}


def _read(page: str) -> list[tuple[dict[str, str], set[str]]]:
    parser = _Forms()
    parser.feed(page)
    return list(zip(parser.hidden, parser.names, strict=True))
