"""The card template of huikuan, as the card platform imports it: one for all our cards, filled with variables.

`contract` lists the variables; render.py fills them. The platform's own files look like this one: `editorData` is
JSON as text. Everything that changes from card to card is data: the buttons, the form, the words.
"""

import json
from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

FILE = "template.json"
NAME = "huikuan-card-v1"
SUBMIT = "form.submit"  # the action id of every form

# name -> type of the platform, and what it is for.
CONTRACT: dict[str, tuple[str, str]] = {
    "title": ("string", "标题"),
    "status_text": ("string", "状态"),
    "status_color": ("string", "标题栏颜色：blue、green、orange、red、gray"),
    "content": ("markdown", "正文"),
    "notice": ("string", "刚才那一下的答复"),
    "result": ("string", "页脚"),
    "form": ("form", "表单"),
    "show_form": ("boolean", "是否显示表单"),
    "form_btn_text": ("string", "表单的提交按钮"),
    "btns": ("buttonGroup", "按钮"),
}


def template() -> Json:
    """The file's content."""
    editor = json.dumps(_editor(), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return {"editorData": editor, "widgetInfo": "", "type": "im", "mode": "card"}


def text() -> str:
    """The file, byte for byte."""
    return json.dumps(template(), ensure_ascii=False, indent=2) + "\n"


def _editor() -> Json:
    children = [
        _header(),
        _text("node_hk_status", "status_text", visible="status_text", level="common_level2_base_color"),
        _markdown(),
        _text("node_hk_notice", "notice", visible="notice", level="common_orange1_color"),
        _form(),
        _buttons(),
        _text("node_hk_result", "result", visible="result", level="common_level3_base_color"),
    ]
    names = ["Card", *dict.fromkeys(child["componentName"] for child in children)]
    root = _node("Card", "node_hk_card", {"hasCardHeader": True, "enableClickEvent": False, "enableEngineUpgrade": False,
        "summaryContent": _variable(""), "paddingTop": 6, "paddingBottom": 6}, children)  # fmt: skip
    return {
        "schemaVersion": "3.0.0",
        "schema": {
            "config": None,
            "componentsMap": [_component(name) for name in names],
            "componentsTree": [root],
            "i18n": {},
            "version": "1.0.0",
        },
        "mockData": {"cardData": _sample(), "cardPrivateData": {}, "localData": {}, "richTextData": {}},
        "renderContext": {},
        "editVersion": 0,
        "customWidgetInfo": "",
        "useCustomWidgetInfo": False,
        "variableList": [_listed(name, kind, what) for name, (kind, what) in CONTRACT.items()],
        "formList": [],
        "customContextList": [],
        "expList": [],
        "localList": [],
        "hsfList": [],
        "lwpList": [],
        "pageData": {},
        "extension": {"extendType": "NORMAL", "fileTypeList": []},
    }


# --- nodes ---


def _node(name: str, node_id: str, props: Json, children: Sequence[Json] = ()) -> Json:
    node: Json = {
        "componentName": name,
        "id": node_id,
        "props": {"margin": -2, "innerOffset": 0, **props},
        "title": "",
        "hidden": False,
        "isLocked": False,
        "condition": True,
        "conditionGroup": "",
    }
    return {**node, "children": list(children)} if children else node


def _component(name: str) -> Json:
    return {
        "package": "@ali/dxComponent",
        "version": "1.0.0",
        "exportName": name,
        "main": "./src/index.tsx",
        "destructuring": False,
        "subName": "",
        "componentName": name,
    }


def _edges(top: int = 6, bottom: int = 6) -> Json:
    return {"marginLeft": 12, "marginRight": 12, "marginTop": top, "marginBottom": bottom}


def _header() -> Json:
    color = {"type": "dynamicSelect", "valueType": "variable", "value": "blue", "variable": "status_color"}
    props = {"title": _words("${title}"), "color": {**color, "variableType": "global"}, "visible": _always()}
    return _node("CardHeaderV2", "node_hk_header", {**props, **_edges()})


def _text(node_id: str, variable: str, *, visible: str, level: str) -> Json:
    props = {
        "text": _words(f"${{{variable}}}"),
        "color": _fixed("dynamicColor", level),
        "maxLine": _fixed("dynamicNumber", 20),
        "gravity": "left",
        "fontSizeType": "Standard",
        "styleType": "standard",
        "styleToken": "common_body_text_style",
        "widthMode": "match_parent",
        "visible": _when(visible, "isNotEmpty"),
    }
    return _node("BaseText", node_id, {**props, **_edges(2, 2)})


def _markdown() -> Json:
    # Without varType the body stays blank.
    props = {
        "mdVer": 0,
        "content": {**_variable("content"), "varType": "markdown"},
        "isStreaming": False,
        "visible": _always(),
    }
    return _node("MarkdownBlock", "node_hk_content", {**props, **_edges()})


def _form() -> Json:
    props = {
        "id": "form",
        "formSchema": _variable("form"),
        "inlineMode": True,
        "submitText": _words("${form_btn_text}"),
        "customSubmitEvent": False,
        "status": _fixed("dynamicSelect", "normal"),
        "actionType": "request",
        "actionId": _words(SUBMIT),
        "params": [],
        "visible": _when("show_form", "isTrue"),
        "successCondition": {"op": "and", "conditions": []},
        "successToast": _words(""),
        "failureToast": _words(""),
    }
    return _node("Form", "node_hk_form", {**props, **_edges()})


def _buttons() -> Json:
    props = {
        "buttonsSource": "variable",
        "dynamicButtons": _variable("btns"),
        "fixedButtonIds": [],
        "fixedButtons": [],
        "enableResponsiveLayout": True,
        "responsiveLayoutWidth": 350,
        "matchContent": False,
        "buttonSpacing": 8,
        "visible": _always(),
    }
    return _node("ButtonGroup", "node_hk_btns", {**props, **_edges(6, 12)})


# --- values ---


def _words(content: str) -> Json:
    return {"type": "dynamicString", "content": content, "i18n": False}


def _variable(name: str) -> Json:
    return {"type": "variableValue", "variableType": "global", "variable": name}


def _fixed(kind: str, value: object) -> Json:
    return {"type": kind, "valueType": "fixed", "value": value, "variable": "", "variableType": "global"}


def _always() -> Json:
    return {"type": "dynamicVisible", "value": True, "valueType": "fixed", "condition": {"op": "and", "conditions": []}}


def _when(variable: str, op: str) -> Json:
    condition = {
        "variable": variable, "variableType": "global", "op": op, "value": "", "type": "variable", "valueType": "fixed",
        "valueVariableType": "global",
    }  # fmt: skip
    return {**_always(), "valueType": "condition", "condition": {"op": "and", "conditions": [condition]}}


def _listed(name: str, kind: str, what: str) -> Json:
    listed = _part(name, name, kind, what, fixed=False)
    return {**listed, "schema": SCHEMAS[kind](name)} if kind in SCHEMAS else listed


def _part(part_id: str, name: str, kind: str, what: str = "", *, fixed: bool = True) -> Json:
    return {
        "id": part_id, "name": name, "type": kind, "description": what, "private": False, "editorVarType": "variables",
        "disabled": fixed,
    }  # fmt: skip


def _form_schema(name: str) -> list[Json]:
    at = f"{name}.fields[0]"
    kinds = {"hidden": "boolean", "required": "boolean", "readOnly": "boolean"}
    names = ("name", "label", "type", "hidden", "required", "requiredMsg", "readOnly", "placeholder", "defaultValue")
    parts = [_part(f"{at}.{each}", each, kinds.get(each, "string")) for each in names]
    options = [_part(f"{at}.options[0].{each}", each, "string") for each in ("value", "text")]
    parts.append({**_part(f"{at}.options", "options", "loopArray"), "schema": options})
    return [{**_part(f"{name}.fields", "fields", "loopArray"), "schema": parts}]


def _button_schema(name: str) -> list[Json]:
    inner = [_part(f"{name}.{each}", each, "string") for each in ("url", "actionId")]
    inner.append(_part(f"{name}.params", "params", "object"))
    event = [_part(f"{name}.type", "type", "string"), {**_part(f"{name}.params", "params", "object"), "schema": inner}]
    plain = [_part(f"{name}.{each}", each, "string") for each in ("text", "color", "status")]
    return [*plain, {**_part(f"{name}.event", "event", "dynamicEvent"), "schema": event}]


SCHEMAS = {"form": _form_schema, "buttonGroup": _button_schema}


def _sample() -> Json:
    """What the platform's preview shows."""
    event = {"type": "sendCardRequest", "params": {"actionId": "task.log", "params": {}}}
    return {
        "title": "逾期 7 天 · ¥120,000.00 · 甲公司",
        "status_text": "",
        "status_color": "orange",
        "content": "请在 7月10日 18:00 前登记结果。\n\n**客户**：甲公司",
        "notice": "",
        "result": "负责人 李四",
        "form": {"fields": []},
        "show_form": False,
        "form_btn_text": "提交",
        "btns": [{"text": "登记结果", "color": "blue", "status": "normal", "event": event}],
    }
