"""Whether a messenger would take a payload: each fake's own checker, asked directly."""

import json
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from bot.adapters.dingtalk.template import text as template_file
from bot.preview import MEMBER
from bot.preview import ROBOT as ROBOT_CODE
from bot.preview import TEMPLATE as TEMPLATE_ID
from tests.fakes.dingtalk.cards import CREATE, DELIVER, Cards
from tests.fakes.dingtalk.robot import Robot
from tests.fakes.dingtalk.state import CARD_ADVISED, User, World, only_keys
from tests.fakes.dingtalk.template import Template
from tests.fakes.slack.chat import SPLIT_AT, check_content
from tests.fakes.wecom import aibot_rules
from tests.fakes.wecom.cards import CardCheck
from tests.fakes.wecom.sending import AGAIN, ENVELOPE, MOST_TEXT, limited, no_unknown

Payload = dict[str, Any]
TEMPLATE = Template(template_file())


def slack(payload: Payload) -> None:
    complaints: list[str] = []
    workspace: Any = SimpleNamespace(extra_blocks=frozenset(), people={}, complain=complaints.append)
    check_content(workspace, "chat.postMessage", payload)
    assert not complaints and set(payload) == {"text", "blocks"} and len(payload["text"]) < SPLIT_AT


def dingtalk(payload: Payload) -> None:
    """The call that delivers a card to one person, who can't forward it. Its variables are all known to our own template,
    all text, the buttons as the client reads them."""
    wrong: list[str] = []
    world = World(wrong)
    world.robot_code, world.templates[TEMPLATE_ID] = ROBOT_CODE, TEMPLATE
    world.users[MEMBER] = User(MEMBER, "", "", "", world.corp_id)
    cards = Cards(world)
    body = only_keys(payload, CREATE | DELIVER, "createAndDeliver")
    assert [each["errorMsg"] for each in cards._deliver(cards._create(body), body)] == [""] and not wrong
    assert [message.seen_by for message in world.messages] == [[MEMBER]]
    assert body["imRobotOpenSpaceModel"]["supportForward"] is False  # customers' balances
    shown = body["cardData"]["cardParamMap"]
    assert max(len(value) for value in shown.values()) <= CARD_ADVISED
    assert [button for group in TEMPLATE.button_groups(shown) for button in group] == json.loads(shown["btns"])
    assert TEMPLATE.form(shown) is None  # nothing is asked before somebody presses


def dingtalk_text(payload: Payload) -> None:
    wrong: list[str] = []
    robot = Robot(World(wrong))
    param = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    robot._post(robot._message("sampleMarkdown", param), [], None, None)
    assert not wrong


def wecom(payload: Payload) -> None:
    kind = payload["msgtype"]
    no_unknown(payload, ENVELOPE | AGAIN | {kind}, "message/send")
    if kind == "text":
        no_unknown(payload["text"], {"content"}, "text")
        limited(payload["text"], "content", MOST_TEXT, missing=44004)
        return
    assert kind == "template_card"
    assert [one for one in CardCheck(payload["template_card"]).lint if not _narrow(one)] == []


def wecom_robot(payload: Payload) -> None:
    """A push to one member: the frame's body, and a card or words as a robot takes them."""
    assert payload["chat_type"] == 1 and payload["chatid"]
    if aibot_rules.text_of(payload, aibot_rules.PUSHED, {"chatid", "chat_type"}):
        return
    lint: list[str] = []
    aibot_rules.card_of(payload, lint)
    assert [one for one in lint if not _narrow(one)] == []


def _narrow(lint: str) -> bool:
    """The limits are told in 字; two Latin letters take the room of one."""
    found = re.search(r"(\d+) of (\d+) characters: (.*)", lint)
    if found is None:
        return False
    latin = all(ord(char) < 256 or char in "…–" for char in found[3])
    return latin and int(found[1]) <= 2 * int(found[2])


def words(payload: Payload) -> None:
    """Plain text, mail, files: something is said, and said in text."""
    assert payload and all(isinstance(value, str) and value.strip() for value in payload.values())


CHECKS: dict[str, Callable[[Payload], None]] = {
    "slack": slack, "dingtalk": dingtalk, "dingtalk-text": dingtalk_text, "wecom": wecom, "wecom-robot": wecom_robot,
    "wecom-text": wecom, "text": words, "mail": words, "file": words,
}  # fmt: skip
