"""What people can do with an element, what it then holds, and how it says so in a payload."""

import re
from collections.abc import Iterator
from typing import Any

from tests.fakes.slack.blocks import CLOCK, DAY, elements_of
from tests.fakes.slack.state import Impossible, Workspace

HOLDS = {
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "static_select": "selected_option",
    "external_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
    "checkboxes": "selected_options",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "plain_text_input": "value",
    "number_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "file_input": "files",
}
LISTS = frozenset(kind for kind, key in HOLDS.items() if key.endswith("s"))
NO_STATE = ("overflow",)
Held = tuple[dict[str, Any], dict[str, Any]]  # a block and an element of it


def usable(blocks: list[dict[str, Any]]) -> Iterator[Held]:
    for block in blocks:
        if block["type"] in ("section", "actions", "input"):
            yield from ((block, e) for e in elements_of(block) if e["type"] in HOLDS or e["type"] == "button")


def find(blocks: list[dict[str, Any]], action_id: str, block_id: str | None, value: str | None) -> Held:
    """The element that somebody looks for; `value` tells buttons with the same action id apart."""
    named = [(b, e) for b, e in usable(blocks) if e["action_id"] == action_id and block_id in (None, b["block_id"])]
    if named and named[0][1]["type"] == "button" and value is not None:
        named = [(b, e) for b, e in named if e.get("value") == value]
    if not named:
        there = ", ".join(e["action_id"] for _, e in usable(blocks)) or "nothing"
        raise Impossible(f"there is no {action_id} {block_id or ''} {value or ''} to use, only {there}")
    if len(named) > 1:
        raise Impossible(f"{len(named)} elements are {action_id}: say which block_id or value")
    return named[0]


def options_of(element: dict[str, Any]) -> list[dict[str, Any]]:
    return [*element.get("options", []), *(o for g in element.get("option_groups", []) for o in g["options"])]


def option_of(element: dict[str, Any], choice: Any) -> dict[str, Any]:
    """By its value or by its words."""
    if element["type"].endswith("external_select") and isinstance(choice, dict):
        return choice
    for one in options_of(element):
        if choice in (one["value"], one["text"]["text"]):
            return {name: one[name] for name in ("text", "value", "description") if name in one}
    offered = ", ".join(one["value"] for one in options_of(element))
    raise Impossible(f"{element['action_id']} has no {choice!r}, only {offered}")


def chosen(at: Workspace, element: dict[str, Any], choice: Any) -> dict[str, Any]:
    """What the element holds after somebody chose; None empties it."""
    kind = element["type"]
    key = HOLDS[kind]
    if choice is None or choice == "":
        return {key: [] if kind in LISTS else None}
    if key == "selected_options":
        return {key: [option_of(element, one) for one in choice]}
    if key == "selected_option":
        return {key: option_of(element, choice)}
    if kind in LISTS:
        return {key: list(choice)}
    if kind == "datetimepicker":
        return {key: int(choice)}
    _check_typed(at, element, kind, str(choice))
    return {key: str(choice)}


def _check_typed(at: Workspace, element: dict[str, Any], kind: str, typed: str) -> None:
    patterns = {
        "datepicker": DAY,
        "timepicker": CLOCK,
        "email_text_input": r"[^@\s]+@[^@\s]+\.[^@\s]+",
        "url_text_input": r"\w+://\S+",
        "number_input": r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+",
    }
    if kind in patterns and not re.fullmatch(patterns[kind], typed):
        raise Impossible(f"{element['action_id']} does not take {typed!r}")
    if kind == "number_input":
        low, high = float(element.get("min_value", "-inf")), float(element.get("max_value", "inf"))
        if not low <= float(typed) <= high:
            raise Impossible(f"{element['action_id']} takes numbers from {low} to {high}, not {typed}")
    if kind == "plain_text_input":
        low, high = element.get("min_length", 0), element.get("max_length", 3000)
        if not low <= len(typed) <= high:
            raise Impossible(f"{element['action_id']} takes {low} to {high} characters")
    if kind == "users_select" and typed not in at.people:
        raise Impossible(f"nobody here is {typed}")


def preset(element: dict[str, Any]) -> dict[str, Any]:
    key = HOLDS[element["type"]]
    initial = element.get(f"initial_{key.removeprefix('selected_')}")
    if initial is None:
        initial = [] if element["type"] in LISTS else None
    return {key: initial}


def holds(at: Workspace, place: str, user: str, block: dict[str, Any], element: dict[str, Any]) -> dict[str, Any]:
    """What somebody sees in an element: their choice, which outlives an update as long as the block id stays."""
    kept = at.chosen.get((place, user, block["block_id"], element["action_id"]))
    return {"type": element["type"], **(preset(element) if kept is None else kept)}


def keep(at: Workspace, place: str, user: str, held: Held, choice: dict[str, Any]) -> None:
    at.chosen[(place, user, held[0]["block_id"], held[1]["action_id"])] = choice


def state_of(at: Workspace, place: str, user: str, blocks: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """`state.values` as payloads carry it."""
    values: dict[str, dict[str, Any]] = {}
    for block, element in usable(blocks):
        if element["type"] in HOLDS and element["type"] not in NO_STATE:
            values.setdefault(block["block_id"], {})[element["action_id"]] = holds(at, place, user, block, element)
    return values


def action(at: Workspace, held: Held, choice: dict[str, Any]) -> dict[str, Any]:
    """One item of `actions`."""
    block, element = held
    base = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"]}
    own = {name: element[name] for name in ("text", "value", "url", "style", "placeholder") if name in element}
    return {**base, **own, **choice, "action_ts": at.new_ts()}
