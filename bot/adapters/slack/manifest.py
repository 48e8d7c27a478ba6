"""The app manifest: paste it at api.slack.com/apps, and the app has every right and switch that it needs."""

from typing import Any

from bot.adapters.slack.door import PATH

SCOPES = ("app_mentions:read", "chat:write", "commands", "files:write", "im:history", "im:write")
EVENTS = ("app_home_opened", "app_mention", "message.im")


def manifest(public_url: str = "") -> dict[str, Any]:
    """With `public_url` for HTTP events there; without for Socket Mode."""
    address = {"url": public_url.rstrip("/") + PATH} if public_url else {}
    request = {"request_url": address["url"]} if address else {}
    return {
        "_metadata": {"major_version": 1, "minor_version": 1},
        "display_information": {"name": "回款助手", "description": "应收催收：待办、承诺、余额查询"},
        "features": {
            "app_home": {"home_tab_enabled": True, "messages_tab_enabled": True, "messages_tab_read_only_enabled": False},
            "bot_user": {"display_name": "huikuan", "always_online": True},
            "slash_commands": [
                _command("/balance", "查客户余额 / What a customer owes", "客户名或编号", address),
                _command("/hk", "其他命令 / Any other command", "待办 | 帮助 | 绑定 ABCD-1234", address),
            ],
        },
        "oauth_config": {"scopes": {"bot": list(SCOPES)}},
        "settings": {
            "event_subscriptions": {**request, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **request},
            "org_deploy_enabled": False,
            "socket_mode_enabled": not public_url,
            "token_rotation_enabled": False,
        },
    }


def _command(name: str, description: str, usage: str, address: dict[str, str]) -> dict[str, Any]:
    return {"command": name, "description": description, "usage_hint": usage, "should_escape": False, **address}
