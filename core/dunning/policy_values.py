"""The values that stand in a policy file, read one by one: what is wrong is noted with its line, and a stand-in returned."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any

from core.dunning.ladder import ROLES
from core.dunning.words import say
from core.errors import DomainError
from core.money import known_currency, to_minor
from core.time import Window

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Problem:
    """Something wrong in a policy file. A warning doesn't keep it from being applied."""

    line: int
    key: str  # ladder[all].step[l1].at
    code: str
    facts: Mapping[str, Any]
    warning: bool = False

    @property
    def message(self) -> str:
        return self.say("zh")[0]

    @property
    def hint(self) -> str:
        return self.say("zh")[1]

    def say(self, lang: str) -> tuple[str, str]:
        """Message and hint."""
        return say(self.code, self.facts, lang)


class Values:
    """Walks the parsed document once, notes everything that is wrong, and goes on with a stand-in."""

    def __init__(self, data: dict[str, Any], lines: dict[Path, int], currency: str) -> None:
        self.data = data
        self.lines = lines
        self.currency = currency
        self.problems: list[Problem] = []

    # --- notes ---

    def note(self, path: Path, code: str, *, warning: bool = False, **facts: Any) -> None:
        here = (*path, 0) if (*path, 0) in self.lines else path
        while here and here not in self.lines:
            here = here[:-1]
        name = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
        self.problems.append(Problem(self.lines.get(here, 1), name, "policy." + code, facts, warning))

    def known(self, table: dict[str, Any], path: Path, allowed: Sequence[str]) -> None:
        for key in table:
            if key not in allowed:
                self.note((*path, key), "unknown_key", found=key, allowed=list(allowed))

    # --- single values ---

    def table(self, owner: dict[str, Any], key: str, path: Path) -> dict[str, Any]:
        value = owner.get(key, {})
        if not isinstance(value, dict):
            self.note((*path, key), "not_a_table", key=key)
            return {}
        return value

    def tables(self, owner: dict[str, Any], key: str, path: Path) -> list[dict[str, Any]]:
        value = owner.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.note((*path, key), "not_tables", key=".".join([*(str(p) for p in path if isinstance(p, str)), key]))
            return []
        return value

    def text(self, owner: dict[str, Any], key: str, path: Path, default: str = "") -> str:
        value = owner.get(key, default)
        if not isinstance(value, str):
            self.note((*path, key), "not_text", value=str(value))
            return default
        return value.strip()

    def word(self, owner: dict[str, Any], key: str, path: Path, allowed: Sequence[str]) -> str | None:
        if key not in owner:
            return None
        value = owner[key]
        if value not in allowed:
            self.note((*path, key), "unknown_word", value=str(value), allowed=list(allowed))
            return None
        return str(value)

    def whole(
        self, owner: dict[str, Any], key: str, path: Path, least: int | None, default: int | None, most: int | None = None
    ) -> int | None:
        if key not in owner:
            return default
        value = owner[key]
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 36_500:
            self.note((*path, key), "not_whole", value=str(value))
            return default
        if least is not None and value < least:
            self.note((*path, key), "too_small", value=value, least=least)
            return default
        if most is not None and value > most:
            self.note((*path, key), "too_big", value=value, most=most)
            return default
        return value

    def words(self, owner: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
        """A list of texts, or one text alone."""
        value = owner.get(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or not all(isinstance(item, str) and item.strip() for item in values):
            self.note((*path, key), "not_texts", value=str(value))
            return ()
        return tuple(dict.fromkeys(item.strip() for item in values))

    def amounts(self, owner: dict[str, Any], key: str, path: Path) -> dict[str, int]:
        """Minor units by currency, from `5`, `"5.00"` (the company's currency) or `{ USD = "5.00" }`."""
        if key not in owner:
            return {}
        value = owner[key]
        given = value if isinstance(value, dict) else {self.currency: value}
        found: dict[str, int] = {}
        for code, amount in given.items():
            where = (*path, key, code) if isinstance(value, dict) else (*path, key)
            if not known_currency(code):
                self.note(where, "unknown_currency", value=code)
                continue
            try:
                if isinstance(amount, bool) or not isinstance(amount, str | int | Decimal):
                    raise InvalidOperation
                minor = to_minor(Decimal(amount), code)
            except (InvalidOperation, DomainError):
                self.note(where, "not_an_amount", value=str(amount), currency=code)
                continue
            if minor < 0:
                self.note(where, "not_an_amount", value=str(amount), currency=code)
                continue
            found[code] = minor
        return found

    def number(self, value: Any) -> Decimal | None:
        """`7`, `7.10` or `"7.10"`. None: not a finite number."""
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            return None
        return number if number.is_finite() else None

    def share(self, owner: dict[str, Any], key: str, path: Path, default: Decimal) -> Decimal:
        if key not in owner:
            return default
        share = self.number(owner[key])
        if share is None or not 0 <= share <= 1:
            self.note((*path, key), "not_a_share", value=str(owner[key]))
            return default
        return share

    def flag(self, owner: dict[str, Any], key: str, path: Path, default: bool) -> bool:
        value = owner.get(key, default)
        if not isinstance(value, bool):
            self.note((*path, key), "not_a_flag", value=str(value))
            return default
        return value

    def window(self, owner: dict[str, Any], key: str, path: Path, default: Window) -> Window:
        if key not in owner:
            return default
        match = re.fullmatch(r"(\d\d?):(\d\d)\s*[-–—~至]\s*(\d\d?):(\d\d)", str(owner[key]).strip())
        try:
            if not match:
                raise ValueError
            hours = [int(part) for part in match.groups()]
            start, end = time(hours[0], hours[1]), time(hours[2], hours[3])
        except ValueError:
            self.note((*path, key), "bad_window", value=str(owner[key]))
            return default
        if start == end or (key != "quiet" and start > end):
            self.note((*path, key), "empty_window", value=str(owner[key]))
            return default
        return Window(start, end)

    def audience(
        self, table: dict[str, Any], key: str, path: Path, people: Sequence[str], nobody: str | None = None,
        roles: Sequence[str] = ROLES,
    ) -> tuple[str, ...]:  # fmt: skip
        """Any of `people`, `role:…`, `person:…`. `nobody` is the code for an audience that is missing or empty; `roles` are
        offered in place of one that there isn't."""
        audience = self.words(table, key, path)
        if nobody and not table.get(key):
            self.note((*path, key), nobody)
        for one in audience:
            kind, _, rest = one.partition(":")
            if kind == "role" and rest not in ROLES:
                self.note((*path, key), "unknown_role", value=rest, allowed=list(roles))
            elif not (one in people or kind == "role" or (kind == "person" and rest)):
                self.note((*path, key), "unknown_word", value=one, allowed=[*people, "role:…", "person:…"])
        return audience
