"""Where the time of a side goes: its dearest parts, as cProfile sees them."""

import cProfile
import pstats
from collections.abc import Callable
from pathlib import Path

SHOWN = 8
_HERE = Path(__file__).parents[1]


def where(work: Callable[[], object]) -> str:
    """Functions of our own by the time spent in them and below, as shares of all of it; the database as one part."""
    profile = cProfile.Profile()
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
