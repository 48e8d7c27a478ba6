"""A card template as the card platform exports it: which variables it has, where its buttons and its form are."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
Variables = Mapping[str, str]


class Template:
    """`exported`: the file's content, text or parsed; None knows no variables and finds buttons and form by shape."""

    def __init__(self, exported: str | Json | None, *, published: bool = True) -> None:
        self.published = published
        envelope = json.loads(exported) if isinstance(exported, str) else exported
        self.editor: Json = _editor(envelope) if envelope else {}
        # An export also lists its components, without props: those are not nodes.
        self._nodes = [node for node in _walk(self.editor.get("schema", {})) if {"componentName", "props"} <= set(node)]
        listed = self.editor.get("variableList")
        self.types: dict[str, str] | None = None
        self.private: set[str] = set()
        if listed is not None:
            self.types = {variable["name"]: variable["type"] for variable in listed}
            self.private = {variable["name"] for variable in listed if variable.get("private")}

    def unknown(self, names: Iterator[str] | Variables) -> list[str]:
        """Variables that stand nowhere in the template: what they say is never shown."""
        built_in = {"lastMessage"}
        return [] if self.types is None else sorted(set(names) - set(self.types) - built_in)

    def not_private(self, names: Variables) -> list[str]:
        return [] if self.types is None else sorted(set(names) & set(self.types) - self.private)

    def button_groups(self, values: Variables) -> list[list[Json]]:
        """The buttons of each visible ButtonGroup, and each visible SingleButton.

        Raises ValueError when a variable is not what it must be.
        """
        groups = self._component("ButtonGroup", "dynamicButtons", "buttonGroup", values)
        single = [node["props"] for node in self._nodes if node["componentName"] == "SingleButton"]
        found = [_buttons(name, values[name]) for name, _ in groups if values.get(name)]
        return found + [[_single(props, values)] for props in single if _visible(props, values)]

    def form(self, values: Variables) -> tuple[list[Json], str, Json] | None:
        """The visible form: its fields, the action id it sends and what it sends besides the fields."""
        for name, props in self._component("Form", "", "form", values):
            fields = _fields(name, values.get(name) or '{"fields":[]}')
            if fields:
                return fields, _action_id(props, values), _fixed_params(props, values, name)
        return None

    def _component(self, kind: str, prop: str, variable_type: str, values: Variables) -> list[tuple[str, Json]]:
        nodes = [node for node in self._nodes if node["componentName"] == kind]
        if nodes:
            found = ((_variable_of(node["props"], prop, self._of_type(variable_type)), node["props"]) for node in nodes)
            return [(name, props) for name, props in found if name and _visible(props, values)]
        if self.types is not None:
            return []
        return [(name, {}) for name in values if _shape(values[name]) == variable_type and _shown(kind, values)]

    def _of_type(self, variable_type: str) -> list[str]:
        return [name for name, kind in (self.types or {}).items() if kind == variable_type]


def _editor(envelope: Json) -> Json:
    editor = envelope.get("editorData")
    if not isinstance(editor, str):
        raise ValueError("a template file holds its editorData as JSON text")
    parsed: Json = json.loads(editor)
    return parsed


def _walk(node: Any) -> Iterator[Json]:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from _walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value)


def _variable_of(props: Json, prop: str, of_type: list[str]) -> str:
    """The variable a component is bound to: by its property, else by any reference to a variable of the type."""
    bound = props.get(prop) if prop else None
    if isinstance(bound, dict) and bound.get("variable"):
        return str(bound["variable"])
    named = [node["variable"] for node in _walk(props) if node.get("variable") in of_type]
    return named[0] if named else ""


def _visible(props: Json, values: Variables) -> bool:
    visible = props.get("visible")
    if not isinstance(visible, dict):
        return True
    match visible.get("valueType"):
        case "variable":
            return _true(values.get(visible.get("variable", "")))
        case "condition":
            condition = visible["condition"]
            results = [_holds(each, values) for each in condition.get("conditions", [])]
            return (any(results) if condition.get("op") == "or" else all(results)) if results else True
        case _:
            return bool(visible.get("value", True))


def _holds(condition: Json, values: Variables) -> bool:
    value, other = values.get(condition.get("variable", "")), str(condition.get("value", ""))
    match condition.get("op"):
        case "isTrue":
            return _true(value)
        case "isFalse":
            return not _true(value)
        case "equal" | "eq":
            return value == other
        case "notEqual" | "neq":
            return value != other
        case "isNotEmpty" | "notEmpty":
            return bool(value)
        case "isEmpty" | "empty":
            return not value
        case unknown:
            raise ValueError(f"the fake does not know the condition {unknown!r}: teach it in template.py")


def _true(value: str | None) -> bool:
    return (value or "").lower() not in {"", "false", "0", "null"}


def _shape(value: str) -> str:
    """For a template nobody described: what a variable's text looks like."""
    try:
        parsed = json.loads(value)
    except ValueError:
        return ""
    if isinstance(parsed, dict) and "fields" in parsed:
        return "form"
    return "buttonGroup" if isinstance(parsed, list) and all(isinstance(x, dict) and "event" in x for x in parsed) else ""


def _shown(kind: str, values: Variables) -> bool:
    return kind != "Form" or _true(values.get("show_form", "true"))


def _buttons(name: str, text: str) -> list[Json]:
    buttons = json.loads(text)
    if not isinstance(buttons, list):
        raise ValueError(f"{name} is not a list of buttons")
    for button in buttons:
        _check_button(name, button)
    return buttons


def _check_button(name: str, button: Any) -> None:
    if not isinstance(button, dict) or not isinstance(button.get("text"), str) or not button["text"].strip():
        raise ValueError(f"{name}: a button without text")
    if button.get("color", "blue") not in {"blue", "gray", "red"}:
        raise ValueError(f"{name}: {button['text']} has the color {button['color']!r}")
    if button.get("status", "normal") not in {"normal", "disabled"}:
        raise ValueError(f"{name}: {button['text']} has the status {button['status']!r}")
    event = button.get("event")
    given = event.get("params") if isinstance(event, dict) else None
    key = {"sendCardRequest": "actionId", "openLink": "url"}.get(event.get("type", "") if isinstance(event, dict) else "")
    if key is None or not isinstance(given, dict) or not isinstance(given.get(key), str) or not given[key]:
        raise ValueError(f"{name}: {button['text']} does nothing, its event is {event!r}")


FIELD_TYPES = {
    "TEXT", "TEXT_AREA", "NUMBER", "SELECT", "MULTI_SELECT", "DATE", "TIME", "DATETIME", "CHECKBOX", "SWITCH",
    "CHECKBOX_GROUP", "MULTI_CHECKBOX_GROUP", "TEXT_ARRAY",
}


def _fields(name: str, text: str) -> list[Json]:
    form = json.loads(text)
    fields = form.get("fields") if isinstance(form, dict) else None
    if not isinstance(fields, list):
        raise ValueError(f"{name} has no list of fields")
    for each in fields:
        if not isinstance(each, dict) or not each.get("name") or each.get("type") not in FIELD_TYPES:
            raise ValueError(f"{name}: not a form field: {each!r}")
        if each["type"] in {"SELECT", "MULTI_SELECT"} and not each.get("options"):
            raise ValueError(f"{name}: {each['name']} has nothing to choose from")
    return fields


def _action_id(props: Json, values: Variables) -> str:
    """A form without an action id of its own sends "submit" [?]."""
    found = (_text(node.get("actionId"), values) for node in _walk(props))
    return next((action for action in found if action), "submit")


def _text(held: Any, values: Variables) -> str:
    """A fixed text, one with ${variables} in it, or a variable's value."""
    if not isinstance(held, dict):
        return held if isinstance(held, str) else ""
    if held.get("valueType") == "fixed" and held.get("type") != "dynamicString":
        return str(held.get("value", ""))
    if held.get("variable"):
        return values.get(held["variable"], "")
    return re.sub(r"\$\{(\w+)\}", lambda match: values.get(match[1], ""), held.get("content") or "")


def _single(props: Json, values: Variables) -> Json:
    """A SingleButton in the shape of a ButtonGroup's."""
    request = props.get("actionType") in ("request", "eventChain")
    params: Json = {"url": _text(props.get("url"), values)}
    if request:
        params = {"actionId": _action_id(props, values), "params": _fixed_params(props, values, "")}
    status = _text(props.get("status"), values) or "normal"
    event = {"type": "sendCardRequest" if request else "openLink", "params": params}
    return {"text": _text(props.get("text"), values), "status": status, "event": event}


def _fixed_params(props: Json, values: Variables, form: str) -> Json:
    """The params which the template's author added to the request, such as the form's own definition."""
    found: Json = {}
    for node in _walk(props):
        for param in node["params"] if isinstance(node.get("params"), list) else []:
            if param.get("name") and param.get("type") == "fixed":
                found[param["name"]] = param.get("value", "")
            elif param.get("name") and param.get("type") == "variable":
                text = values.get(param.get("variable", ""), "")
                found[param["name"]] = json.loads(text) if param.get("variable") == form and text else text
    return found
