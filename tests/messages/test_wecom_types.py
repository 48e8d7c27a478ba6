"""The robot's golden cards, judged by others than us: the TypeScript types of WeCom's own SDK.

See tests/messages/typescript.py for what it needs:

    npm install --prefix /tmp/types typescript @wecom/aibot-node-sdk
    HUIKUAN_NODE_MODULES=/tmp/types/node_modules .venv/bin/python -m pytest tests/messages/test_wecom_types.py
"""

import json
from pathlib import Path
from typing import Any

from bot.adapters.wecom import frames, render
from bot.card import LANGS
from bot.fit import ask_card
from bot.preview import LETTERS, example, kinds, previews
from tests.messages.typescript import compiled, node_modules

SDK = "@wecom/aibot-node-sdk"
HEAD = f"import type {{ SendMsgBody, UpdateTemplateCardBody }} from '{SDK}';\n"
ROW = {"keyname": "x", "value": "y", "type": 2}  # a file, which an app's card may have
WRONG: dict[str, dict[str, Any]] = {
    "link_button": {"card_type": "button_interaction", "button_list": [{"type": 1, "text": "x", "url": "https://x"}]},
    "file_row": {"card_type": "text_notice", "horizontal_content_list": [ROW]},
    "dead_button": {"card_type": "button_interaction", "replace_text": "x"},
}


def pushes() -> list[dict[str, Any]]:
    """What is sent, without whom it goes to: that is a parameter of theirs."""
    found = [previews(kind, lang)["wecom-robot"].payload for kind in kinds() if kind not in LETTERS for lang in LANGS]
    return [{name: value for name, value in body.items() if name not in ("chatid", "chat_type")} for body in found]


def questions() -> list[dict[str, Any]]:
    """What takes a card's place while one of its actions is asked."""
    found = []
    for kind in kinds():
        for lang in LANGS if kind not in LETTERS else ():
            shown, today = previews(kind, lang)["wecom-robot"].card, example(kind, lang)[1]
            for action in shown.actions:
                if action.draw in ("menu", "form"):
                    asked, _ = ask_card(shown, action, frames.capabilities(lang), today=today)
                    card = frames.card(render.question(asked, ref="example", rev=1), "example")
                    found.append(frames.update(card))
    return found


def literal(name: str, kind: str, body: dict[str, Any]) -> str:
    """A literal is checked for keys that the type does not know, too."""
    return f"export const {name}: {kind} = {json.dumps(body, ensure_ascii=False, indent=1)};\n"


def test_every_card_is_of_the_sdks_own_types_and_what_is_wrong_is_found(tmp_path: Path) -> None:
    modules = node_modules(SDK)
    sent = "".join(literal(f"sent{n}", "SendMsgBody", body) for n, body in enumerate(pushes()))
    asked = "".join(literal(f"asked{n}", "UpdateTemplateCardBody", body) for n, body in enumerate(questions()))
    wrong = {
        name: HEAD + literal("card", "SendMsgBody", {"msgtype": "template_card", "template_card": card})
        for name, card in WRONG.items()
    }
    found = compiled(tmp_path, modules, {"sent": HEAD + sent, "asked": HEAD + asked, **wrong})
    assert found["sent"] == "" and found["asked"] == ""
    assert all("error TS" in found[name] for name in WRONG), found


def test_there_are_cards_to_judge() -> None:
    assert len(pushes()) > 80 and len(questions()) > 80
