"""Every messenger's own check, over the network: what `huikuan doctor` says about those that are listed."""

import asyncio
from importlib import import_module

from sqlalchemy import Engine

from bot.adapters.check import Finding
from bot.settings import Settings

PATIENCE = 20.0  # seconds for all checks of one messenger


def examine(settings: Settings, engine: Engine) -> dict[str, list[Finding]]:
    """Messenger -> what it found. Errors: ConfigError where a setting is missing."""
    return {name: asyncio.run(_one(name, settings, engine)) for name in settings.real_messengers}


async def _one(name: str, settings: Settings, engine: Engine) -> list[Finding]:
    import_module(f"bot.adapters.{name}.adapter").build(settings, engine, lambda: None)  # says which settings are missing
    check = import_module(f"bot.adapters.{name}.check").check
    try:
        found: list[Finding] = await asyncio.wait_for(check(settings, engine), PATIENCE)
    except TimeoutError:
        return [
            Finding(
                name, "fail", "没有在 20 秒内答复", "no answer within 20 seconds",
                "检查网络、防火墙和代理设置", "check the network, the firewall and the proxy settings",
            )
        ]  # fmt: skip
    return found
