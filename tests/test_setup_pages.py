"""The set-up pages ask an administrator for what the code needs, and for nothing else: hosts, permissions, scopes."""

import re
from pathlib import Path
from typing import Any

import pytest

from bot.adapters.dingtalk import check as dingtalk
from bot.adapters.slack import check as slack
from bot.adapters.slack.manifest import SCOPES, manifest
from bot.settings import Settings

ROOT = Path(__file__).parents[1]
LANGS = ("zh", "en")
ADDRESS = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.(?:slack|dingtalk|qq)\.com|(?<![.\w])slack\.com")
# Opened by people, in a browser or in the messenger's client: the server itself never calls there.
BY_PEOPLE = {"api.slack.com", "open-dev.dingtalk.com", "work.weixin.qq.com", "open.weixin.qq.com",
             "developer.work.weixin.qq.com"}  # fmt: skip


def part(name: str, lang: str) -> str:
    """One language of a page."""
    zh, en = re.split(r"^#+ English$", (ROOT / f"docs/setup-{name}.md").read_text(encoding="utf-8"), maxsplit=1, flags=re.M)
    return zh if lang == "zh" else en


def sources(name: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "bot/adapters" / name).glob("*.py")))


# --- hosts ---


def hosts(name: str) -> set[str]:
    """Every host of this messenger that its settings and its code name, but for those that people open."""
    named = " ".join(str(value) for value in getattr(Settings(), name).model_dump().values())
    return set(ADDRESS.findall(f"{sources(name)} {named}")) - BY_PEOPLE


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("name", ["slack", "dingtalk", "wecom"])
def test_the_firewall_is_opened_for_every_host_that_is_called(name: str, lang: str) -> None:
    word = "防火墙" if lang == "zh" else "firewall"
    told = "\n".join(lines for lines in part(name, lang).split("\n\n") if word in lines.lower())
    assert set(re.findall(r"`((?:[a-z0-9-]+\.)+com)`", told)) == hosts(name), "hosts of the firewall"


def test_doctor_names_the_same_hosts() -> None:
    assert hosts("slack") == set(slack.HOSTS)
    assert hosts("dingtalk") == set(dingtalk.HOSTS)
    assert hosts("wecom") == {"qyapi.weixin.qq.com", "openws.work.weixin.qq.com"}


# --- permissions ---

# Of what the code calls, the right that it takes. Sources: https://open.dingtalk.com (each API's page), and the refusals
# (requiredScopes) in open-dingtalk/dingtalk-stream-sdk-python, issues 15 and 20.
DINGTALK = {
    "/v1.0/gateway/": "", "/v1.0/oauth2/": "", "/gettoken": "", "/v1.0/robot/oToMessages/": "qyapi_robot_sendmsg",
    "/v1.0/card/instances": "Card.Instance.Write", "/v1.0/card/streaming": "Card.Streaming.Write",
    "/topapi/v2/user/get": "qyapi_get_member", "/topapi/user/getbyunionid": "qyapi_get_member",
    "/v1.0/todo/": "Todo.Todo.",
}  # fmt: skip
RECEIVED = ("/v1.0/im/bot/messages/get", "/v1.0/card/instances/callback")  # topics of the connection, and no calls


def dingtalk_rights() -> set[str]:
    """What the paths that stand in the code take; to-dos are read with GET and written with the rest."""
    taken = set()
    for path in set(re.findall(r'"(/(?:v1\.0|topapi|gettoken)[^"?{]*)', sources("dingtalk"))) - set(RECEIVED):
        [right] = [right for begin, right in DINGTALK.items() if path.startswith(begin)]
        taken |= {f"{right}Read", f"{right}Write"} if right.endswith(".") else {right}
    return taken - {""}


@pytest.mark.parametrize("lang", LANGS)
def test_dingtalk_is_asked_for_the_rights_of_the_calls_that_are_made(lang: str) -> None:
    right = re.compile(r"`(qyapi_\w+|[A-Z]\w+\.\w+\.\w+)`")
    told = [name for line in part("dingtalk", lang).splitlines() if line.startswith("| `")
            for name in right.findall(line.split("|")[1])]  # fmt: skip
    assert sorted(told) == sorted(dingtalk_rights())
    assert dingtalk_rights() == set(dingtalk.RIGHTS)


# The scopes of Slack's methods: https://docs.slack.dev/reference/methods
METHODS = {
    "auth.test": "", "apps.connections.open": "", "views.open": "", "views.publish": "", "chat.postMessage": "chat:write",
    "chat.postEphemeral": "chat:write", "chat.update": "chat:write", "conversations.open": "im:write",
    "conversations.history": "im:history", "files.getUploadURLExternal": "files:write",
    "files.completeUploadExternal": "files:write",
}  # fmt: skip
EVENTS = {"app_home_opened": "", "message.im": "im:history", "app_mention": "app_mentions:read"}


def slack_scopes() -> set[str]:
    methods = r'"((?:auth|apps|views|chat|conversations|files|users|reactions)\.[a-zA-Z.]+)"'
    called = set(re.findall(methods, sources("slack"))) - hosts("slack")
    made: dict[str, Any] = manifest()
    heard = made["settings"]["event_subscriptions"]["bot_events"]
    commands = {"commands"} if made["features"]["slash_commands"] else set()
    return ({METHODS[one] for one in called} | {EVENTS[one] for one in heard} | commands) - {""}


@pytest.mark.parametrize("lang", LANGS)
def test_slack_is_asked_for_the_scopes_of_the_calls_that_are_made(lang: str) -> None:
    told = [scope for line in part("slack", lang).splitlines() if line.startswith("| `")
            for scope in re.findall(r"`([a-z_]+(?::[a-z]+)?)`", line.split("|")[1])]  # fmt: skip
    assert sorted(told) == sorted(SCOPES) == sorted(slack_scopes())


def test_wecoms_app_needs_no_right_of_its_own() -> None:
    """What the app's own secret may do, without a word in the console."""
    called = set(re.findall(r'"((?:message|auth|agent|user|menu|media|department)/[a-z_/]+)"', sources("wecom")))
    assert called == {"message/send", "message/update_template_card", "auth/getuserinfo", "agent/get"}
