"""The real messengers, each built from its settings when it is listed: their SDKs are imported then, not before."""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module

from sqlalchemy import Engine

from bot.adapters.base import Adapter
from bot.settings import Settings


def messenger(name: str, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Adapter:
    """`bot.adapters.NAME.adapter.build` makes one. Errors: ConfigError(messenger.not_set) where a setting is missing."""
    made: Adapter = import_module(f"bot.adapters.{name}.adapter").build(settings, engine, clock)
    return made
