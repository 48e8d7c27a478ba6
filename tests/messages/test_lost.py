"""What is lost is told in words, in both languages: nothing that bot.fit can say is left as it writes it."""

import re
from pathlib import Path

import pytest

from bot import fit
from bot.card import LANGS, Lang
from bot.lost import _HOW, in_words
from bot.preview import FORM, LETTERS, example, kinds, previews
from bot.web.form_page import form
from bot.web.forms import questions


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


def test_what_wecoms_form_page_asks_is_not_called_lost() -> None:
    """With a public address the amount of a promise, and a day that is no ready one, can be filled in all the same."""
    with_page, without = (previews("task.overdue", "zh", *given)["wecom"].lost for given in ((), ("",)))
    assert {"task.promise.amount: asked on the form page", "task.promise: other dates on the form page"} <= set(with_page)
    assert not any(one.endswith(("can't be asked", "ready dates only")) for one in with_page)
    assert {"task.promise.amount: can't be asked", "task.promise: ready dates only"} <= set(without)
    assert not any("form page" in one for one in without)
    told = [in_words("task.promise.amount: asked on the form page", lang) for lang in LANGS]
    assert told[0].endswith("：卡片上不能填，在填写页填") and told[1].endswith(": not on the card, but on the form page")


@pytest.mark.parametrize("lang", LANGS)
def test_what_is_said_to_be_on_the_form_page_is_there(lang: Lang) -> None:
    """The page itself is drawn; and nothing that it asks is said to be out of reach."""
    for kind in kinds():
        if kind in LETTERS:
            continue
        card = example(kind, lang)[0]
        asked = {each.id: each for each in questions(card, lang)}
        page = form(card, tuple(asked.values()), hidden={}, filled=None, nonce="")
        for name in ("wecom", "wecom-text"):
            made = previews(kind, lang)[name]
            for what, _, how in (one.rpartition(": ") for one in made.lost):
                action, value = ".".join(what.split(".")[:2]), ".".join(what.split(".")[2:])
                if "form page" in how:
                    assert f'value="{action}"' in page or action == "task.log", (kind, what)
                    assert not value or f'name="{value}"' in page, (kind, what)
                elif how in ("can't be asked", "ready dates only", "reply code instead of a control"):
                    assert kind.startswith("reply.") or action not in asked, (kind, what)


@pytest.mark.parametrize("lang", LANGS)
def test_fill_in_stands_only_where_something_can_be_filled_in(lang: Lang) -> None:
    """The daily digest only opens its lines: nobody signs in there to find an empty page."""
    for kind in kinds():
        if kind in LETTERS or kind.startswith("reply."):
            continue
        asks = bool(questions(example(kind, lang)[0], lang))
        shown = previews(kind, lang)
        assert [FORM in str(shown[name].payload) for name in ("wecom", "wecom-text")] == [asks, asks], kind


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
