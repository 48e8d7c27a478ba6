"""What is lost is told in words, in both languages: nothing that bot.fit can say is left as it writes it."""

import re
from pathlib import Path

import pytest

from bot import fit
from bot.card import LANGS, Lang
from bot.lost import _HOW, in_words
from bot.preview import kinds, previews


def said_by_fit() -> set[str]:
    """The ends of all entries that stand in bot/fit.py, numbers and choices filled in."""
    source = Path(fit.__file__).read_text(encoding="utf-8")
    found = re.findall(r'f?"[^"\n]*?(?:\{[^}]*\}|\w+): ([a-z{][^"\n]*)"', source)
    found += ["cut", "not shown", "confirmed in a form", "confirmed in a second card"]
    return {re.sub(r"\{len[^}]*\}|\{card[^}]*\}|\{n\}", "3", one) for one in found if not one.endswith(".")}


def test_all_that_fit_can_say_is_known_here() -> None:
    said = {one for one in said_by_fit() if "{" not in one}
    assert len(said) > 12
    for how in said:
        assert any(re.fullmatch(pattern, how) for pattern, *_ in _HOW), how


@pytest.mark.parametrize("lang", LANGS)
def test_every_example_is_told_in_its_language(lang: Lang) -> None:
    for kind in kinds():
        for made in previews(kind, lang).values():
            for lost in made.lost:
                told = in_words(lost, lang)
                assert "task." not in told and not re.search(r"[a-z]\.[a-z]", told), told
                if lang == "en":
                    assert not re.search("[\u4e00-\u9fff]", told), told
                else:
                    assert not re.search("[a-z]", told.partition("：")[2]), told


@pytest.mark.parametrize(
    ("lost", "zh", "en"),
    [
        ("task.promise.note: can't be asked", "“承诺日期”的备注：不能填", "“Promise date”, Note: can't be asked"),
        ("task.log label: cut", "“登记结果”的按钮：被截短", "“Log result”, its button: cut short"),
        ("rows: 3 not shown", "表格：3 行不显示", "Table: 3 rows not shown"),
        ("field A: B: too many", "“A: B”一栏：放不下", "Field “A: B”: no room"),
        ("x.y: anything new", "x.y：anything new", "x.y: anything new"),
    ],
)  # fmt: skip
def test_an_entry_in_words(lost: str, zh: str, en: str) -> None:
    assert (in_words(lost, "zh"), in_words(lost, "en")) == (zh, en)
