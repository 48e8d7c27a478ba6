"""Small checks that blocks.py puts together: each takes a thing, where it stands, and a list for what is wrong with it."""

import re
from collections.abc import Callable
from typing import Any

Found = list[str]
Check = Callable[[Any, str, Found], None]


def note(found: Found, where: str, what: str) -> None:
    """In the words and with the pointer that Slack uses in response_metadata.messages."""
    found.append(f"[ERROR] {what} [json-pointer:{where or '/'}]")


def words(longest: int, *, like: str = "", shortest: int = 1) -> Check:
    """A string; `like` is the pattern all of it must match."""

    def check(thing: Any, where: str, found: Found) -> None:
        if not isinstance(thing, str):
            note(found, where, "must be a string")
        elif len(thing) < shortest or (shortest and not thing.strip()):
            note(found, where, f"must be more than {shortest - 1} characters")
        elif len(thing) > longest:
            note(found, where, f"must be less than {longest + 1} characters")
        elif like and not re.fullmatch(like, thing):
            note(found, where, f"must match {like}")

    return check


def flag(thing: Any, where: str, found: Found) -> None:
    if not isinstance(thing, bool):
        note(found, where, "must be a boolean")


def number(thing: Any, where: str, found: Found) -> None:
    if isinstance(thing, bool) or not isinstance(thing, int | float):
        note(found, where, "must be a number")


def whole(least: int = 0, most: int = 2**53) -> Check:
    def check(thing: Any, where: str, found: Found) -> None:
        if isinstance(thing, bool) or not isinstance(thing, int) or not least <= thing <= most:
            note(found, where, f"must be an integer from {least} to {most}")

    return check


def one_of(*allowed: Any) -> Check:
    def check(thing: Any, where: str, found: Found) -> None:
        if thing not in allowed:
            note(found, where, f"must be one of: {', '.join(map(str, allowed))}")

    return check


def many(each: Check, most: int, least: int = 1) -> Check:
    def check(thing: Any, where: str, found: Found) -> None:
        if not isinstance(thing, list):
            note(found, where, "must be an array")
            return
        if len(thing) > most:
            note(found, where, f"no more than {most} items allowed")
        if len(thing) < least:
            note(found, where, f"must have at least {least} items")
        for i, one in enumerate(thing):
            each(one, f"{where}/{i}", found)

    return check


def shape(needs: str = "", /, **fields: Check) -> Check:
    """An object with these keys and no other; `needs` names the ones that must be there."""

    def check(thing: Any, where: str, found: Found) -> None:
        if not isinstance(thing, dict):
            note(found, where, "must be an object")
            return
        for name in needs.split():
            if name not in thing:
                note(found, where, f"missing required field: {name}")
        for name, part in thing.items():
            if name in fields:
                fields[name](part, f"{where}/{name}", found)
            else:
                note(found, where, f"invalid additional property: {name}")

    return check


def any_text(longest: int) -> Check:
    """plain_text or mrkdwn."""
    plain = shape("type text", type=one_of("plain_text"), text=words(longest), emoji=flag)
    marked = shape("type text", type=one_of("mrkdwn"), text=words(longest), verbatim=flag)
    return by_type({"plain_text": plain, "mrkdwn": marked})


def plain(longest: int) -> Check:
    return shape("type text", type=one_of("plain_text"), text=words(longest), emoji=flag)


def by_type(kinds: dict[str, Check]) -> Check:
    """An object whose `type` says which check holds."""

    def check(thing: Any, where: str, found: Found) -> None:
        kind = thing.get("type") if isinstance(thing, dict) else None
        if not isinstance(kind, str) or kind not in kinds:
            note(found, where, f"unsupported type: {kind}")
        else:
            kinds[kind](thing, where, found)

    return check


def both(*checks: Check) -> Check:
    def check(thing: Any, where: str, found: Found) -> None:
        for one in checks:
            one(thing, where, found)

    return check


def either(names: str) -> Check:
    """Exactly one of these keys is there."""

    def check(thing: Any, where: str, found: Found) -> None:
        if isinstance(thing, dict) and sum(name in thing for name in names.split()) != 1:
            note(found, where, f"needs exactly one of: {names}")

    return check


def some(names: str) -> Check:
    """At least one of these keys is there."""

    def check(thing: Any, where: str, found: Found) -> None:
        if isinstance(thing, dict) and not any(name in thing for name in names.split()):
            note(found, where, f"needs one of: {names}")

    return check
