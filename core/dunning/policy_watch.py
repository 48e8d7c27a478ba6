"""A policy's `[[watch]]`: amounts from which something is watched, read with what is wrong in them."""

from typing import Any

from core.dunning.ladder import STAFF, WATCHED, Watch
from core.dunning.policy_values import Path, Values

_LONGEST_TAG = 40


def watches(read: Values, data: dict[str, Any]) -> tuple[Watch, ...]:
    """`data` is the whole document."""
    found: list[Watch] = []
    for number, table in enumerate(read.tables(data, "watch", ())):
        one = _watch(read, table, ("watch", number), number)
        if any(other.name == one.name for other in found):
            read.note(("watch", number, "name"), "same_watch", value=one.name)
        found.append(one)
    return tuple(found)


def _watch(read: Values, table: dict[str, Any], path: Path, number: int) -> Watch:
    of = read.word(table, "of", path, WATCHED) or ""
    if "of" not in table:
        read.note((*path, "of"), "no_watched", allowed=list(WATCHED))
    known = {"receivable": ("tag",), "overdue": ("audience",)}.get(of, ("tag", "audience"))
    read.known(table, path, ("name", "of", "over", *known))
    name = read.text(table, "name", path)
    if not 0 < len(name) <= 64:
        read.note((*path, "name"), "no_watch_name", n=number + 1)
    if not table.get("over"):
        read.note((*path, "over"), "no_watch_amount")
    tag = read.text(table, "tag", path)
    if of == "receivable" and not 0 < len(tag) <= _LONGEST_TAG:
        read.note((*path, "tag"), "no_watch_tag", most=_LONGEST_TAG)
    audience = read.audience(table, "audience", path, STAFF, "no_audience") if of == "overdue" else ()
    return Watch(name, of, read.amounts(table, "over", path), tag, audience)
