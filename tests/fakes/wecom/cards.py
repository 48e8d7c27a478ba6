"""Template cards as the server checks them: required and unknown keys, counts and bytes are refused; 字 are only counted.

[?] What the server says to an unknown key is not known (it may well ignore it): 40058 here, so that a misspelt key is
found. Codes 42027-42051 are those of the published error list.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from tests.fakes.wecom.refused import Refused

BAD_PARAMETER = 40058
BAD_TASK = 42014
KEY_BYTES = 1024
OPTION_BYTES = 128
TASK_ID = re.compile(r"[0-9A-Za-z_\-@]{1,128}")
WITH_ANSWERS = {"button_interaction", "vote_interaction", "multiple_interaction"}
SHARED = {"card_type", "source", "main_title", "task_id"}
NOTICE = SHARED | {"action_menu", "quote_area", "horizontal_content_list", "card_action"}
PARTS = {
    "text_notice": NOTICE | {"emphasis_content", "sub_title_text", "jump_list"},
    "news_notice": NOTICE | {"image_text_area", "card_image", "vertical_content_list", "jump_list"},
    # [?] Ports differ about jump_list here: refused, so that nobody relies on it.
    "button_interaction": NOTICE | {"sub_title_text", "button_selection", "button_list"},
    "vote_interaction": SHARED | {"checkbox", "submit_button"},
    "multiple_interaction": SHARED | {"select_list", "submit_button"},
}


class CardCheck:
    """`CardCheck(card, ...).lint` holds what is too long to be shown; anything worse raises Refused."""

    def __init__(
        self,
        card: Any,
        *,
        update: bool = False,
        is_member: Callable[[str], bool] = lambda userid: True,
        is_media: Callable[[str], bool] = lambda media_id: True,
    ) -> None:
        """`update` allows replace_text and disable, and asks for no task_id."""
        self.lint: list[str] = []
        self._update = update
        self._is_member = is_member
        self._is_media = is_media
        if not isinstance(card, Mapping):
            raise Refused(42031, "template_card is not an object")
        self._card(card)

    def _card(self, card: Mapping[str, Any]) -> None:
        kind = card.get("card_type")
        if kind not in PARTS:
            raise Refused(42031, f"card_type {kind!r}")
        may_say_done = self._update and kind in WITH_ANSWERS
        self._keys(card, PARTS[kind] | ({"replace_text"} if may_say_done else set()), kind)
        self._task(card, kind)
        self._head(card, kind)
        self._text(card, "sub_title_text", kind, chars=160)
        self._text(card, "replace_text", kind, chars=10)
        for key, check in self._checks().items():
            if key in card:
                check(card[key], f"{kind}.{key}")
        self._required(card, kind)

    def _checks(self) -> dict[str, Callable[[Any, str], None]]:
        return {
            "source": self._source,
            "action_menu": self._menu,
            "emphasis_content": self._emphasis,
            "quote_area": self._quote,
            "horizontal_content_list": self._rows,
            "vertical_content_list": self._vertical,
            "jump_list": self._jumps,
            "card_action": self._action,
            "card_image": self._image,
            "image_text_area": self._image_text,
            "button_selection": lambda value, path: self._select(value, path, option_chars=16),
            "button_list": self._buttons,
            "select_list": self._selects,
            "checkbox": self._checkbox,
            "submit_button": self._submit,
        }

    def _required(self, card: Mapping[str, Any], kind: str) -> None:
        if kind in ("text_notice", "news_notice") and "card_action" not in card:
            raise Refused(42045, f"{kind} without card_action")
        if kind == "button_interaction" and "card_action" not in card:
            self.lint.append("button_interaction without card_action: ports differ whether it is required")
        if kind == "news_notice" and "card_image" not in card and "image_text_area" not in card:
            raise Refused(42044, "news_notice without card_image or image_text_area")
        if kind == "button_interaction" and "button_list" not in card:
            raise Refused(42038, "button_interaction without button_list")
        if kind == "vote_interaction" and "checkbox" not in card:
            raise Refused(42043, "vote_interaction without checkbox")
        if kind == "multiple_interaction" and "select_list" not in card:
            raise Refused(42047, "multiple_interaction without select_list")
        if kind in ("vote_interaction", "multiple_interaction") and "submit_button" not in card:
            raise Refused(42049, f"{kind} without submit_button")

    def _task(self, card: Mapping[str, Any], kind: str) -> None:
        if "task_id" in card:
            if not isinstance(card["task_id"], str) or not TASK_ID.fullmatch(card["task_id"]):
                raise Refused(BAD_TASK, f"task_id {card['task_id']!r}")
        elif not self._update and (kind in WITH_ANSWERS or "action_menu" in card):
            raise Refused(BAD_TASK, f"{kind} needs a task_id")

    def _head(self, card: Mapping[str, Any], kind: str) -> None:
        title = self._object(card.get("main_title", {}), "main_title")
        self._keys(title, {"title", "desc"}, "main_title")
        self._text(title, "title", "main_title", chars=36)
        self._text(title, "desc", "main_title", chars=44)
        if not title.get("title") and not (kind == "text_notice" and card.get("sub_title_text")):
            raise Refused(42033, f"{kind} without main_title.title")

    def _source(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"icon_url", "desc", "desc_color"}, path)
        self._text(value, "desc", path, chars=20)
        self._link(value, "icon_url", path, required=False)
        self._one_of(value, "desc_color", {0, 1, 2, 3}, path)

    def _menu(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"desc", "action_list"}, path)
        self._text(value, "desc", path)
        actions = self._list(value.get("action_list"), f"{path}.action_list", 1, 3, BAD_PARAMETER)
        for action in actions:
            self._keys(action, {"text", "key"}, path)
            self._text(action, "text", path, code=BAD_PARAMETER)
            self._text(action, "key", path, size=KEY_BYTES, code=42051)
        self._unique([action["key"] for action in actions], path, 42051)

    def _emphasis(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"title", "desc"}, path)
        self._text(value, "title", path, chars=14)
        self._text(value, "desc", path, chars=22)

    def _quote(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"type", "url", "appid", "pagepath", "title", "quote_text"}, path)
        self._text(value, "title", path)
        self._text(value, "quote_text", path)
        self._target(value, path)

    def _rows(self, value: Any, path: str) -> None:
        for row in self._list(value, path, 0, 6, 42035):
            self._keys(row, {"keyname", "value", "type", "url", "media_id", "userid"}, path)
            self._text(row, "keyname", path, chars=5, code=42027)
            self._text(row, "value", path, chars=30)
            self._one_of(row, "type", {0, 1, 2, 3}, path)
            if row.get("type") == 1:
                self._link(row, "url", path)
            if row.get("type") == 2 and not self._is_media(self._text(row, "media_id", path, code=42029)):
                raise Refused(42029, f"{path}: unknown media_id")
            if row.get("type") == 3 and not self._is_member(self._text(row, "userid", path, code=42050)):
                raise Refused(42050, f"{path}: unknown userid {row['userid']!r}")

    def _vertical(self, value: Any, path: str) -> None:
        for row in self._list(value, path, 0, 4, 42036):
            self._keys(row, {"title", "desc"}, path)
            self._text(row, "title", path, chars=38, code=42033)
            self._text(row, "desc", path, chars=160)

    def _jumps(self, value: Any, path: str) -> None:
        for jump in self._list(value, path, 0, 3, 42042):
            self._keys(jump, {"type", "title", "url", "appid", "pagepath"}, path)
            self._text(jump, "title", path, chars=18, code=42033)
            self._target(jump, path)

    def _action(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"type", "url", "appid", "pagepath"}, path)
        if value.get("type") not in (1, 2):
            raise Refused(42045, f"{path}.type is 1 or 2")
        self._target(value, path)

    def _image(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"url", "aspect_ratio"}, path)
        if not str(value.get("url", "")).startswith(("http://", "https://")):
            raise Refused(42044, f"{path}.url")
        ratio = value.get("aspect_ratio", 1.3)
        if not isinstance(ratio, int | float) or not 1.3 <= ratio <= 2.25:
            raise Refused(BAD_PARAMETER, f"{path}.aspect_ratio {ratio!r}")

    def _image_text(self, value: Any, path: str) -> None:
        allowed = {"type", "url", "appid", "pagepath", "title", "desc", "image_url"}
        self._keys(self._object(value, path), allowed, path)
        if not str(value.get("image_url", "")).startswith(("http://", "https://")):
            raise Refused(42044, f"{path}.image_url")
        self._target(value, path)

    def _buttons(self, value: Any, path: str) -> None:
        buttons = self._list(value, path, 1, 6, 42038)
        for button in buttons:
            self._keys(button, {"text", "style", "key", "type", "url"}, path)
            self._text(button, "text", path, chars=10, code=42038)
            self._one_of(button, "style", {1, 2, 3, 4}, path)
            self._one_of(button, "type", {0, 1}, path)
            if button.get("type") == 1:
                self._link(button, "url", path)
            else:
                self._text(button, "key", path, size=KEY_BYTES, code=42039)
        self._unique([button["key"] for button in buttons if button.get("type") != 1], path, 42039)

    def _select(self, value: Any, path: str, option_chars: int) -> None:
        self._question(value, path, {"title", "selected_id"}, most=10, chars=option_chars)
        self._text(value, "title", path)
        ids = [option["id"] for option in value["option_list"]]
        if "selected_id" in value and value["selected_id"] not in ids:
            raise Refused(BAD_PARAMETER, f"{path}.selected_id {value['selected_id']!r} is no option")

    def _selects(self, value: Any, path: str) -> None:
        selects = self._list(value, path, 1, 3, 42047)
        for select in selects:
            self._select(select, path, option_chars=16)
        self._unique([select["question_key"] for select in selects], path, 42043)

    def _checkbox(self, value: Any, path: str) -> None:
        self._question(value, path, {"mode"}, most=20, chars=17)
        self._one_of(value, "mode", {0, 1}, path)
        chosen = [option for option in value["option_list"] if option.get("is_checked")]
        if not value.get("mode") and len(chosen) > 1:
            raise Refused(BAD_PARAMETER, f"{path}: one answer allowed, {len(chosen)} checked")

    def _question(self, value: Any, path: str, more: set[str], most: int, chars: int) -> None:
        allowed = {"question_key", "option_list", *more, *({"disable"} if self._update else set())}
        self._keys(self._object(value, path), allowed, path)
        self._text(value, "question_key", path, size=KEY_BYTES, code=42043)
        self._flag(value, "disable", path)
        options = self._list(value.get("option_list"), f"{path}.option_list", 1, most, 42037)
        for option in options:
            self._keys(option, {"id", "text"} | ({"is_checked"} if "mode" in more else set()), path)
            self._text(option, "id", path, size=OPTION_BYTES, code=42040)
            self._text(option, "text", path, chars=chars, code=42041)
            self._flag(option, "is_checked", path)
        self._unique([option["id"] for option in options], path, 42040)

    def _submit(self, value: Any, path: str) -> None:
        self._keys(self._object(value, path), {"text", "key"}, path)
        self._text(value, "text", path, chars=10, code=42049)
        self._text(value, "key", path, size=KEY_BYTES, code=42046)

    # --- the smallest checks

    def _keys(self, value: Any, allowed: set[str], path: str) -> None:
        unknown = set(self._object(value, path)) - allowed
        if unknown:
            raise Refused(BAD_PARAMETER, f"{path}: unknown {sorted(unknown)}")

    def _object(self, value: Any, path: str) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise Refused(BAD_PARAMETER, f"{path} is not an object")
        return value

    def _list(self, value: Any, path: str, least: int, most: int, code: int) -> list[dict[str, Any]]:
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise Refused(code, f"{path} needs {least} to {most} elements")
        return [dict(self._object(inner, path)) for inner in value]

    def _text(self, value: Mapping[str, Any], key: str, path: str, chars: int = 0, size: int = 0, code: int = 0) -> str:
        """`chars` is advice, `size` (bytes) is not, `code` says that the text is required."""
        text = value.get(key)
        if text in (None, "") and code:
            raise Refused(code, f"{path}.{key} is missing")
        if text is not None and not isinstance(text, str):
            raise Refused(code or BAD_PARAMETER, f"{path}.{key} is not text")
        if size and len((text or "").encode()) > size:
            raise Refused(code, f"{path}.{key} is longer than {size} bytes")
        if chars and len(text or "") > chars:
            self.lint.append(f"{path}.{key}: {len(text or '')} of {chars} characters: {text}")
        return text or ""

    def _link(self, value: Mapping[str, Any], key: str, path: str, required: bool = True) -> None:
        url = self._text(value, key, path, code=42028 if required else 0)
        if url and not url.startswith(("http://", "https://")):
            raise Refused(42028, f"{path}.{key} is no address: {url[:60]!r}")

    def _target(self, value: Mapping[str, Any], path: str) -> None:
        """type 0 nothing, 1 a url, 2 a mini program."""
        self._one_of(value, "type", {0, 1, 2}, path)
        if value.get("type") == 1:
            self._link(value, "url", path)
        if value.get("type") == 2:
            self._text(value, "appid", path, code=42030)

    def _one_of(self, value: Mapping[str, Any], key: str, allowed: set[int], path: str) -> None:
        given = value.get(key)
        if given is not None and (isinstance(given, bool) or given not in allowed):
            raise Refused(BAD_PARAMETER, f"{path}.{key} is one of {sorted(allowed)}, not {given!r}")

    def _flag(self, value: Mapping[str, Any], key: str, path: str) -> None:
        if not isinstance(value.get(key, False), bool):
            raise Refused(BAD_PARAMETER, f"{path}.{key} is true or false")

    def _unique(self, values: list[str], path: str, code: int) -> None:
        if len(set(values)) != len(values):
            raise Refused(code, f"{path}: twice the same of {values}")


def calls_back(card: Mapping[str, Any]) -> bool:
    """Whether a tap on this card comes back to the product, so that a response code goes with it."""
    return card.get("card_type") in WITH_ANSWERS or "action_menu" in card
