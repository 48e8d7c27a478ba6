"""The XML of callbacks: events and messages out, passive replies in."""

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any

from tests.fakes.wecom.refused import BadReply

# Names whose XML spelling is not the CamelCase of the JSON name: `KeyName` and `CheckBox` stand in the documented
# sample. [?] The spelling of the other ones is not proved: both are read.
SPELLINGS = {
    "KeyName": "keyname",
    "CheckBox": "checkbox",
    "UserId": "userid",
    "Userid": "userid",
    "AppId": "appid",
    "Appid": "appid",
    "PagePath": "pagepath",
    "Pagepath": "pagepath",
}
WRONG_SPELLINGS = {"Keyname", "Checkbox"}
LISTS = {
    "horizontal_content_list",
    "vertical_content_list",
    "jump_list",
    "button_list",
    "select_list",
    "option_list",
    "action_list",
}
NUMBERS = {"type", "style", "desc_color", "mode", "aspect_ratio"}
FLAGS = {"disable", "is_checked"}
MOST_OF_A_REPLY = 64 * 1024


def cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"


def element(name: str, value: Any) -> str:
    """A mapping nests, a list repeats the element, a number stands bare, text is CDATA."""
    if isinstance(value, Mapping):
        return f"<{name}>" + "".join(element(key, inner) for key, inner in value.items()) + f"</{name}>"
    if isinstance(value, list):
        return "".join(element(name, inner) for inner in value)
    return f"<{name}>{value if isinstance(value, int) else cdata(str(value))}</{name}>"


def parse(text: str, what: str) -> ET.Element:
    """`<xml>...</xml>`; entities and document types are refused, as by any careful reader."""
    if len(text) > MOST_OF_A_REPLY:
        raise BadReply(f"{what} is too long: {len(text)} characters")
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise BadReply(f"{what} declares a document type")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise BadReply(f"{what} is not XML: {error}") from error
    if root.tag != "xml":
        raise BadReply(f"{what} begins with <{root.tag}>, not <xml>")
    return root


def field(root: ET.Element, name: str, what: str) -> str:
    """The text of exactly one child, not empty."""
    found = root.findall(name)
    if len(found) != 1 or not (found[0].text or "").strip():
        raise BadReply(f"{what} needs one <{name}>")
    return found[0].text or ""


def card_of(root: ET.Element) -> dict[str, Any]:
    """A `<TemplateCard>` as the JSON of the same card."""
    return {**_mapping(root, "TemplateCard")}


def _mapping(node: ET.Element, path: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if (node.text or "").strip():
        raise BadReply(f"{path} has text between its elements: {(node.text or '').strip()[:40]!r}")
    for child in node:
        name, where = _json_name(child.tag, path), f"{path}.{child.tag}"
        value = _mapping(child, where) if len(child) else _scalar(name, child.text or "", where)
        if name in LISTS:
            found.setdefault(name, []).append(value)
        elif name in found:
            raise BadReply(f"{where} stands there twice")
        else:
            found[name] = value
    return found


def _json_name(tag: str, path: str) -> str:
    if tag in WRONG_SPELLINGS:
        raise BadReply(f"{path}.{tag}: the documented sample writes KeyName and CheckBox")
    if tag in SPELLINGS:
        return SPELLINGS[tag]
    if not tag[:1].isupper() or "_" in tag:
        raise BadReply(f"{path}.{tag} is not CamelCase")
    return "".join("_" + letter.lower() if letter.isupper() else letter for letter in tag).removeprefix("_")


def _scalar(name: str, text: str, where: str) -> Any:
    try:
        if name in FLAGS:
            return {"true": True, "false": False, "1": True, "0": False}[text.strip()]
        if name in NUMBERS:
            return float(text) if name == "aspect_ratio" else int(text)
    except (KeyError, ValueError):
        raise BadReply(f"{where} has a bad value: {text!r}") from None
    return text
