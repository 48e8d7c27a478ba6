"""`huikuan slack manifest` prints what Slack takes: checked by structure, after slackapi/manifest-schema 1.0."""

import json
import re

import pytest

from bot.adapters.slack.heard import hear
from bot.adapters.slack.manifest import SCOPES, manifest
from tests.cli.conftest import CommandLine

# What each group may hold, and how long texts may be.
GROUPS = {
    "": {"_metadata", "display_information", "features", "oauth_config", "settings"},
    "_metadata": {"major_version", "minor_version"},
    "display_information": {"name", "description", "background_color", "long_description"},
    "features": {"app_home", "bot_user", "slash_commands", "shortcuts", "unfurl_domains"},
    "settings": {
        "event_subscriptions", "interactivity", "org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled",
        "allowed_ip_address_ranges",
    },
}  # fmt: skip


def checked(made: dict) -> None:  # type: ignore[type-arg]
    for group, allowed in GROUPS.items():
        part = made[group] if group else made
        assert set(part) <= allowed, (group, set(part) - allowed)
    assert 1 <= len(made["display_information"]["name"]) <= 35
    assert 1 <= len(made["display_information"]["description"]) <= 140
    assert re.fullmatch(r"[a-z0-9._-]{1,80}", made["features"]["bot_user"]["display_name"])
    assert {type(value) for value in made["_metadata"].values()} == {int}
    home = made["features"]["app_home"]
    assert home["home_tab_enabled"] and home["messages_tab_enabled"] and not home["messages_tab_read_only_enabled"]
    for command in made["features"]["slash_commands"]:
        assert set(command) <= {"command", "description", "usage_hint", "should_escape", "url"}
        assert re.fullmatch(r"/[a-z0-9-]{1,31}", command["command"])
        assert 1 <= len(command["description"]) <= 2000 and 1 <= len(command["usage_hint"]) <= 1000
        assert type(command["should_escape"]) is bool
        assert re.match(r"https?://", command.get("url", "https://")) and len(command.get("url", "")) <= 3000
    assert 1 <= len(made["features"]["slash_commands"]) <= 50
    assert set(made["settings"]["interactivity"]) <= {"is_enabled", "request_url", "message_menu_options_url"}
    assert set(made["settings"]["event_subscriptions"]) <= {"request_url", "bot_events", "user_events"}
    events = made["settings"]["event_subscriptions"]["bot_events"]
    assert len(set(events)) == len(events) <= 100 and max(map(len, (*events, *SCOPES))) <= 50
    switches = ("org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled")
    assert {type(made["settings"][name]) for name in switches} == {bool}
    assert len(set(SCOPES)) == len(SCOPES) and made["oauth_config"] == {"scopes": {"bot": list(SCOPES)}}


def test_the_manifest_for_socket_mode(hk: CommandLine) -> None:
    made = json.loads(hk("slack", "manifest").out)
    assert made == manifest()
    checked(made)
    assert [c["command"] for c in made["features"]["slash_commands"]] == ["/balance", "/hk"]
    assert set(SCOPES) == {"app_mentions:read", "chat:write", "commands", "files:write", "im:history", "im:write"}
    assert made["settings"]["socket_mode_enabled"] and made["settings"]["interactivity"] == {"is_enabled": True}
    assert not made["settings"]["token_rotation_enabled"]


# By the name under which a manifest asks for it: what Slack then tells, if the app may read it.
MESSAGE = {"type": "message", "user": "U1", "text": "<@U0BOT> 待办", "channel": "C1", "tab": "home"}
WHERE = {"im": "im", "channels": "channel", "groups": "group", "mpim": "mpim", "app_home": "app_home"}
OTHERS = (
    "app_home_opened", "app_mention", "app_uninstalled", "assistant_thread_started", "channel_created", "file_shared",
    "function_executed", "im_created", "link_shared", "member_joined_channel", "pin_added", "reaction_added", "team_join",
    "tokens_revoked", "user_change",
)  # fmt: skip
TOLD = {
    **{f"message.{name}": {**MESSAGE, "channel_type": kind} for name, kind in WHERE.items()},
    **{name: {**MESSAGE, "type": name} for name in OTHERS},
}


def understood(event: dict[str, str]) -> bool:
    return hear({"type": "event_callback", "event_id": "Ev1", "team_id": "T1", "event": event}).kind != "nothing"


@pytest.mark.parametrize("address", ["", "https://ar.example.com"])
def test_the_manifest_asks_for_the_events_that_mean_something_to_us(address: str) -> None:
    """One too few, and nobody's line arrives; one too many, and an administrator allows more than is read."""
    asked = manifest(address)["settings"]["event_subscriptions"]["bot_events"]
    assert sorted(asked) == sorted(name for name, event in TOLD.items() if understood(event))
    assert sorted(asked) == ["app_home_opened", "app_mention", "message.im"]
    assert {"app_mentions:read", "im:history"} <= set(SCOPES)  # without which Slack doesn't tell them


def test_the_manifest_for_http_names_the_address(hk: CommandLine) -> None:
    made = manifest("https://ar.example.com/")
    checked(made)
    url = "https://ar.example.com/slack/events"
    assert made["settings"]["interactivity"]["request_url"] == url
    assert made["settings"]["event_subscriptions"]["request_url"] == url
    assert {c["url"] for c in made["features"]["slash_commands"]} == {url}
    assert not made["settings"]["socket_mode_enabled"]
    assert hk.refused("slack", "manifest", "--http")["code"] == "messenger.not_set"
