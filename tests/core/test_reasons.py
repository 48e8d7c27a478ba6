"""Every reason that a verdict can give is known to routes, to the words of cards and policies, and to the pages."""

import re
import tomllib
from pathlib import Path

from core.credit.rules import NO_ROUTE, REASONS
from core.dunning import words_credit

ROOT = Path(__file__).parents[2]


def given() -> set[str]:
    """As core.credit.verdict and the approval of a condition write them."""
    text = "".join((ROOT / f"core/credit/{name}.py").read_text(encoding="utf-8") for name in ("verdict", "requests"))
    patterns = (r'Reason\(\s*"(\w+)"', r'"code": "(\w+)"', r'" if limit else "(\w+)"')
    return {code for pattern in patterns for code in re.findall(pattern, text)}


def test_routes_can_wait_for_each_that_holds() -> None:
    assert given() == {*REASONS, *NO_ROUTE}


def test_each_has_words_in_both_languages() -> None:
    words = tomllib.loads((ROOT / "templates/messages/_words.toml").read_text(encoding="utf-8"))
    phrases = {name: said for table in words.values() if isinstance(table, dict) for name, said in table.items()} | words
    for code in given():
        assert phrases[f"credit.{code}"]["zh"] and phrases[f"credit.{code}"]["en"]
    assert all(words_credit._WORDS[code][0] and words_credit._WORDS[code][1] for code in REASONS)


def test_each_stands_in_the_page_about_the_api() -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page.split("| 理由 · reason |")[1].split("\n\n")[0], re.MULTILINE) == [
        *(code for code in REASONS[: REASONS.index("hold") + 1]), "blacklist",
        *(code for code in REASONS[REASONS.index("hold") + 1 :]), "ask_within",
    ]  # fmt: skip
