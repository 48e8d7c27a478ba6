"""Every messenger's own check, over the network: what `huikuan doctor` says about those that are listed."""

import asyncio
from importlib import import_module

from sqlalchemy import Engine

from bot.adapters.check import Finding, Unfit
from bot.settings import Settings
from core.errors import DomainError

ASKED_ALL_THE_SAME = ("settings.invalid",)  # the check says so, too, among what else it finds
PATIENCE = 20.0  # seconds for all checks of one messenger


def examine(settings: Settings, engine: Engine) -> dict[str, list[Finding | Unfit]]:
    """Messenger -> what it found. One that lacks a setting is not asked, the others are."""
    return {name: _looked_at(name, settings, engine) for name in settings.real_messengers}


def _looked_at(name: str, settings: Settings, engine: Engine) -> list[Finding | Unfit]:
    unfit: list[Finding | Unfit] = []
    try:
        import_module(f"bot.adapters.{name}.adapter").build(settings, engine, lambda: None)
    except DomainError as error:
        unfit.append(Unfit(error))
        if error.code not in ASKED_ALL_THE_SAME:
            return unfit
    return unfit + asyncio.run(_one(name, settings, engine))


async def _one(name: str, settings: Settings, engine: Engine) -> list[Finding]:
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
