"""Text as Slack takes it: three characters escaped, nothing formatted, never longer than allowed, never empty."""

from typing import Any

NOTHING = "—"  # Slack refuses empty text


def escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescape(text: str) -> str:
    """What somebody typed, from what Slack sends."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def cut(text: str, limit: int) -> str:
    """Escaped, at most `limit` characters of it; a cut shows as … and never splits an entity."""
    whole = escape(text)
    if len(whole) <= limit:
        return whole if whole.strip() else NOTHING
    out, room = "", limit - 1
    for char in text:
        part = escape(char)
        if len(part) > room:
            break
        out, room = out + part, room - len(part)
    return (out.rstrip() or NOTHING) + "…" if limit > 1 else NOTHING


def pieces(text: str, limit: int) -> list[str]:
    """All of it, escaped, in pieces of at most `limit` characters; cut at line ends where there are any."""
    found, now = [], ""
    for line in text.split("\n"):
        for part in _short_parts(line, limit):
            if now and len(now) + 1 + len(part) > limit:
                found.append(now)
                now = part
            else:
                now = f"{now}\n{part}" if now else part
    return [part for part in [*found, now] if part.strip()]


def _short_parts(line: str, limit: int) -> list[str]:
    parts, now = [], ""
    for char in line:
        one = escape(char)
        if len(now) + len(one) > limit:
            parts.append(now)
            now = ""
        now += one
    return [*parts, now]


def plain(text: str, limit: int) -> dict[str, Any]:
    """A text object that shows `*x*` and `:x:` as they are typed."""
    return {"type": "plain_text", "text": cut(text, limit), "emoji": False}


def written(escaped: str) -> dict[str, Any]:
    """The same of text that is escaped already."""
    return {"type": "plain_text", "text": escaped, "emoji": False}
