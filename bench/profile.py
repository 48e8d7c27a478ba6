"""Where the time of a side goes: its dearest parts, as cProfile sees them."""

import asyncio
import cProfile
import pstats
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import patch

SHOWN = 8
_HERE = Path(__file__).parents[1]


async def _here(work: Callable[..., Any], *given: Any) -> Any:
    return work(*given)


def where(work: Callable[[], object], *, inline: bool = False) -> str:
    """Functions of our own by the time spent in them and below, as shares of all of it; the database as one part.

    `inline`: what runs in threads otherwise runs where the profile sees it.
    """
    profile = cProfile.Profile()
    with patch.object(asyncio, "to_thread", _here) if inline else nullcontext():
        profile.runcall(work)
    stats = pstats.Stats(profile)
    whole = stats.total_tt or 1.0  # type: ignore[attr-defined]
    parts: list[tuple[float, str]] = []
    database = 0.0
    for (file, _, name), (_, _, own, below, _) in stats.stats.items():  # type: ignore[attr-defined]
        path = Path(file)
        if "sqlite3.Cursor" in name or "psycopg_binary" in name or (name == "wait" and "psycopg" in file):
            database += own
        if path.is_relative_to(_HERE / "core") or path.is_relative_to(_HERE / "bot"):
            module = ".".join(path.relative_to(_HERE).with_suffix("").parts)
            parts.append((below / whole, f"{module}.{name}"))
    listed = [f"{name} {share:.0%}" for share, name in sorted(parts, reverse=True) if 0.04 <= share <= 0.97][:SHOWN]
    return ", ".join([*listed, f"the database itself {database / whole:.0%}"])
