"""The real messengers, each built from its settings when it is listed: their SDKs are imported then, not before."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from bot.adapters.base import Adapter
from bot.settings import Settings
from core.errors import ConfigError


def messenger(name: str, settings: Settings, engine: Engine, clock: Callable[[], datetime]) -> Adapter:
    """Errors: ConfigError where something that it needs is not set."""
    raise ConfigError("messenger.unknown", messenger=name)
