"""Block Kit as Slack accepts it: which blocks stand where, which elements they hold, and how long anything may be."""

from collections.abc import Iterator
from typing import Any

from tests.fakes.slack.rules import (
    Check,
    Found,
    any_text,
    both,
    by_type,
    either,
    flag,
    many,
    note,
    number,
    one_of,
    plain,
    shape,
    some,
    whole,
    words,
)

DAY = r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
CLOCK = r"([01]\d|2[0-3]):[0-5]\d"
MESSAGE_TEXT_OF_BLOCKS = 12_000  # Slack gives up at about 13,200, undocumented: own rule 9.4 keeps a distance

name_ = words(255)
confirm = shape(
    "title text", title=plain(100), text=any_text(300), confirm=plain(30), deny=plain(30), style=one_of("primary", "danger")
)


def option(text: Check) -> Check:
    return shape("text value", text=text, value=words(150), description=any_text(75), url=words(3000))


menu_option, marked_option = option(plain(75)), option(any_text(75))
groups = many(shape("label options", label=plain(75), options=many(menu_option, 100)), 100)
image_source = shape("", id=words(255), url=words(3000))


def element(kind: str, needs: str = "", /, **fields: Check) -> Check:
    return shape(f"type {needs}", type=one_of(kind), action_id=name_, **fields)


def picker(kind: str, needs: str = "", /, **fields: Check) -> Check:
    return element(kind, needs, confirm=confirm, focus_on_load=flag, **fields)


def menu(kind: str, needs: str = "", /, **fields: Check) -> Check:
    return picker(kind, needs, placeholder=plain(150), **fields)


def field(kind: str, needs: str = "", /, **fields: Check) -> Check:
    dispatch = shape("", trigger_actions_on=many(one_of("on_enter_pressed", "on_character_entered"), 2))
    return element(kind, needs, placeholder=plain(150), focus_on_load=flag, dispatch_action_config=dispatch, **fields)


def static(kind: str, **fields: Check) -> Check:
    return both(either("options option_groups"), menu(kind, options=many(menu_option, 100), option_groups=groups, **fields))


def someone(kind: str, initial: str, **fields: Check) -> tuple[str, Check]:
    """A menu of people or channels, one or many of them."""
    several = kind.startswith("multi_")
    preset = {f"initial_{initial}": many(words(255), 100) if several else words(255)}
    return kind, menu(kind, **preset, **({"max_selected_items": whole(1)} if several else {}), **fields)


SOURCES = {"default_to_current_conversation": flag, "filter": shape("", include=many(words(20), 4), exclude_bot_users=flag)}
MENUS: dict[str, Check] = {
    "static_select": static("static_select", initial_option=menu_option),
    "external_select": menu("external_select", initial_option=menu_option, min_query_length=whole()),
    "multi_static_select": static(
        "multi_static_select", initial_options=many(menu_option, 100), max_selected_items=whole(1)
    ),
    "multi_external_select": menu(
        "multi_external_select",
        initial_options=many(menu_option, 100),
        max_selected_items=whole(1),
        min_query_length=whole(),
    ),
    **dict(
        [
            someone("users_select", "user"),
            someone("channels_select", "channel", response_url_enabled=flag),
            someone("conversations_select", "conversation", response_url_enabled=flag, **SOURCES),
            someone("multi_users_select", "users"),
            someone("multi_channels_select", "channels"),
            someone("multi_conversations_select", "conversations", **SOURCES),
        ]
    ),
}
CHOICES: dict[str, Check] = {
    "checkboxes": picker("checkboxes", "options", options=many(marked_option, 10), initial_options=many(marked_option, 10)),
    "radio_buttons": picker("radio_buttons", "options", options=many(marked_option, 10), initial_option=marked_option),
}
DATES: dict[str, Check] = {
    "datepicker": menu("datepicker", initial_date=words(10, like=DAY)),
    "timepicker": menu("timepicker", initial_time=words(5, like=CLOCK), timezone=words(100)),
}
MOMENT: dict[str, Check] = {"datetimepicker": picker("datetimepicker", initial_date_time=whole(10**9, 10**10 - 1))}
BUTTONS: dict[str, Check] = {
    "button": element(
        "button",
        "text",
        text=plain(75),
        value=words(2000),
        url=words(3000),
        style=one_of("primary", "danger"),
        confirm=confirm,
        accessibility_label=words(75),
    ),
    "overflow": element("overflow", "options", options=many(menu_option, 5), confirm=confirm),
}
LETTERS = {"min_length": whole(0, 3000), "max_length": whole(1, 3000)}
FIELDS: dict[str, Check] = {
    "plain_text_input": field("plain_text_input", initial_value=words(3000, shortest=0), multiline=flag, **LETTERS),
    "email_text_input": field("email_text_input", initial_value=words(3000)),
    "url_text_input": field("url_text_input", initial_value=words(3000)),
    "number_input": field(
        "number_input",
        "is_decimal_allowed",
        is_decimal_allowed=flag,
        initial_value=words(100, like=r"-?\d+(\.\d+)?"),
        min_value=words(100, like=r"-?\d+(\.\d+)?"),
        max_value=words(100, like=r"-?\d+(\.\d+)?"),
    ),
    "file_input": element("file_input", filetypes=many(words(20), 50), max_files=whole(1, 10)),
}
PICTURE: Check = both(
    either("image_url slack_file"),
    shape("type alt_text", type=one_of("image"), image_url=words(3000), slack_file=image_source, alt_text=words(2000)),
)

rich_style = shape("", bold=flag, italic=flag, strike=flag, code=flag, underline=flag)
RICH_LEAVES: dict[str, Check] = {
    "text": shape("type text", type=one_of("text"), text=words(12_000), style=rich_style),
    "link": shape("type url", type=one_of("link"), url=words(3000), text=words(3000), unsafe=flag, style=rich_style),
    "user": shape("type user_id", type=one_of("user"), user_id=words(255), style=rich_style),
    "channel": shape("type channel_id", type=one_of("channel"), channel_id=words(255), style=rich_style),
    "emoji": shape("type name", type=one_of("emoji"), name=words(255), unicode=words(255), style=rich_style),
    "broadcast": shape("type range", type=one_of("broadcast"), range=one_of("here", "channel", "everyone")),
    "date": shape(
        "type timestamp format",
        type=one_of("date"),
        timestamp=whole(),
        format=words(255),
        url=words(3000),
        fallback=words(255),
    ),
}
leaves = many(by_type(RICH_LEAVES), 1000, least=0)


def rich(kind: str, needs: str = "", /, **fields: Check) -> Check:
    return shape(f"type elements {needs}", type=one_of(kind), **{"elements": leaves, "border": whole(0, 1), **fields})


rich_section = rich("rich_text_section")
RICH_PARTS: dict[str, Check] = {
    "rich_text_section": rich_section,
    "rich_text_preformatted": rich("rich_text_preformatted", language=words(50)),
    "rich_text_quote": rich("rich_text_quote"),
    "rich_text_list": rich(
        "rich_text_list",
        "style",
        style=one_of("bullet", "ordered"),
        elements=many(rich_section, 1000),
        indent=whole(0, 8),
        offset=whole(),
    ),
}


def block(kind: str, needs: str = "", /, **fields: Check) -> Check:
    return shape(f"type {needs}", type=one_of(kind), block_id=name_, **fields)


rich_text = block("rich_text", "elements", elements=many(by_type(RICH_PARTS), 1000))
CELLS: dict[str, Check] = {
    "raw_text": shape("type text", type=one_of("raw_text"), text=words(3000)),  # [?] an empty cell is refused
    "raw_number": shape("type value text", type=one_of("raw_number"), value=number, text=words(3000)),
    "rich_text": rich_text,
}
input_elements = by_type({**CHOICES, **DATES, **MOMENT, **MENUS, **FIELDS})
EVERYWHERE: dict[str, Check] = {
    "section": both(
        some("text fields"),
        block(
            "section",
            text=any_text(3000),
            fields=many(any_text(2000), 10),
            accessory=by_type({**BUTTONS, **CHOICES, **DATES, **MENUS, "image": PICTURE}),
            expand=flag,
        ),
    ),
    "actions": block("actions", "elements", elements=many(by_type({**BUTTONS, **CHOICES, **DATES, **MOMENT, **MENUS}), 25)),
    "context": block(
        "context",
        "elements",
        elements=many(by_type({"plain_text": any_text(2000), "mrkdwn": any_text(2000), "image": PICTURE}), 10),
    ),
    "header": block("header", "text", text=plain(150)),
    "divider": block("divider"),
    "image": both(
        either("image_url slack_file"),
        block("image", "alt_text", image_url=words(3000), slack_file=image_source, alt_text=words(2000), title=plain(2000)),
    ),
    "input": block(
        "input",
        "label element",
        label=plain(2000),
        element=input_elements,
        hint=plain(2000),
        optional=flag,
        dispatch_action=flag,
    ),
    "rich_text": rich_text,
}
feedback = shape("text value", text=plain(75), value=words(2000), accessibility_label=words(75))
IN_MESSAGES: dict[str, Check] = {
    "table": block(
        "table",
        "rows",
        rows=many(many(by_type(CELLS), 20), 100),
        column_settings=many(shape("", align=one_of("left", "center", "right"), is_wrapped=flag), 20),
    ),
    "markdown": block("markdown", "text", text=words(12_000)),
    "context_actions": block(
        "context_actions",
        "elements",
        elements=many(
            by_type(
                {
                    "feedback_buttons": element(
                        "feedback_buttons",
                        "positive_button negative_button",
                        positive_button=feedback,
                        negative_button=feedback,
                    ),
                    "icon_button": element(
                        "icon_button",
                        "icon text",
                        icon=words(50),
                        text=plain(75),
                        value=words(2000),
                        confirm=confirm,
                        accessibility_label=words(75),
                        visible_to_user_ids=many(words(255), 100),
                    ),
                }
            ),
            5,
        ),
    ),
}
KINDS = {"message": {**EVERYWHERE, **IN_MESSAGES}, "modal": EVERYWHERE, "home": EVERYWHERE}
MOST = {"message": 50, "modal": 100, "home": 100}


def elements_of(one: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The elements of a block that a person can use."""
    held = [one.get("accessory"), one.get("element"), *(one.get("elements") or [])]
    return (e for e in held if isinstance(e, dict) and one.get("type") != "rich_text" and "type" in e)


def check_blocks(blocks: Any, place: str, extra: frozenset[str] = frozenset(), where: str = "/blocks") -> Found:
    """What Slack would say against these blocks in a `message`, `modal` or `home`; types in `extra` are not looked into."""
    found: Found = []
    kinds = {**KINDS[place], **{kind: lambda *_: None for kind in extra}}
    many(by_type(kinds), MOST[place], least=0)(blocks, where, found)
    if not found:
        _unique(blocks, where, found)
        _presets(blocks, where, found)
        if sum(one["type"] == "table" for one in blocks) > 1:
            note(found, where, "only_one_table_allowed")  # [?] from memory
    return found


def _unique(blocks: list[dict[str, Any]], where: str, found: Found) -> None:
    seen: set[str] = set()
    for i, one in enumerate(blocks):
        if (block_id := one.get("block_id")) is not None:
            if block_id in seen:
                note(found, f"{where}/{i}/block_id", f"`block_id` {block_id} already exists")
            seen.add(block_id)
        named = [e["action_id"] for e in elements_of(one) if "action_id" in e]
        for twice in {name for name in named if named.count(name) > 1}:
            note(found, f"{where}/{i}", f"`action_id` {twice} already exists for another action")


def _presets(blocks: list[dict[str, Any]], where: str, found: Found) -> None:
    """What is chosen from the start must be among what can be chosen, as it stands there."""
    for i, one in enumerate(blocks):
        for element in elements_of(one):
            offered = [*element.get("options", []), *(o for g in element.get("option_groups", []) for o in g["options"])]
            chosen = [
                *element.get("initial_options", []),
                *([element["initial_option"]] if "initial_option" in element else []),
            ]
            if offered and any(option not in offered for option in chosen):
                note(found, f"{where}/{i}", "initial_option must be one of the options")


def letters(thing: Any) -> int:
    """How many characters a reader sees: every `text` and `alt_text` in it."""
    if isinstance(thing, list):
        return sum(map(letters, thing))
    if not isinstance(thing, dict):
        return 0
    own = sum(len(text) for key, text in thing.items() if key in ("text", "alt_text") and isinstance(text, str))
    return own + sum(letters(part) for part in thing.values())


view_words = {
    "callback_id": words(255),
    "private_metadata": words(3000, shortest=0),
    "external_id": words(255),
}
MODAL = shape(
    "type title blocks",
    type=one_of("modal"),
    title=plain(24),
    submit=plain(24),
    close=plain(24),
    blocks=lambda *_: None,
    clear_on_close=flag,
    notify_on_close=flag,
    **view_words,
)
HOME = shape("type blocks", type=one_of("home"), blocks=lambda *_: None, **view_words)


def check_view(view: Any, place: str, extra: frozenset[str] = frozenset()) -> Found:
    """What Slack would say against this `modal` or `home`."""
    found: Found = []
    (MODAL if place == "modal" else HOME)(view, "/view", found)
    if found:
        return found
    found = check_blocks(view["blocks"], place, extra, "/view/blocks")
    needs_submit = place == "modal" and "submit" not in view
    if not found and needs_submit and any(one["type"] == "input" for one in view["blocks"]):
        note(found, "/view", "missing required field: submit, which a view with inputs needs")
    return found
