"""What a robot's messages say: nothing of a notice is cut without being on record, and text is all there."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from bot.adapters.wecom import frames
from bot.card import LANGS, Card, Field, Lang
from bot.fit import fit
from bot.preview import LETTERS, kinds, previews
from tests.adapters.wecom_world import CARD

TODAY = date(2026, 7, 2)
NOTICE = replace(CARD, actions=(), title="已收款", text="已收到。", fields=(), footer="")


def message(card: Card) -> tuple[dict[str, Any], tuple[str, ...]]:
    fitted, lost = fit(card, frames.capabilities(card.lang), today=TODAY)
    return frames.message(fitted, ref="hk-1", rev=1), lost


def words(body: dict[str, Any]) -> str:
    """Everything that is said, as it stands."""
    if body["msgtype"] == "markdown":
        return str(body["markdown"]["content"])
    card = body["template_card"]
    rows = [f"{row['keyname']} {row['value']}" for row in card.get("horizontal_content_list", [])]
    return "\n".join([card["source"]["desc"], card["main_title"]["title"], card.get("sub_title_text", ""), *rows])


@pytest.mark.parametrize(
    "longer",
    [
        {"title": "题" * 27}, {"title": "题" * 36}, {"text": "文" * 113}, {"text": "文" * 160}, {"footer": "尾" * 14},
        {"fields": (Field("客户", "值" * 27),)}, {"fields": (Field("客户", "值" * 31),)},
        {"fields": tuple(Field(f"栏{n}", "值") for n in range(7))}, {"rows": (("甲", "1"),)},
        {"fields": (Field("信用额度合计", "值"),)}, {"fields": (Field("Receivables", "1"),), "lang": "en"},
    ],
)  # fmt: skip
def test_a_notice_that_is_too_much_for_a_card_is_all_said_in_words(longer: dict[str, Any]) -> None:
    """A robot's card holds less than an app's, so it is at its own limits that words take over."""
    card = replace(NOTICE, **longer)
    body, lost = message(card)
    assert body["msgtype"] == "markdown" and not lost
    said = words(body)
    assert card.title in said and card.text in said and card.footer in said
    assert all(field.value in said and field.label in said for field in card.fields)


def test_a_notice_that_just_fits_is_a_card() -> None:
    body, lost = message(replace(NOTICE, title="题" * 26, text="文" * 112, fields=(Field("客户", "值" * 26),) * 6))
    assert body["msgtype"] == "template_card" and not lost


@pytest.mark.parametrize("lang", LANGS)
def test_no_example_ends_in_dots_that_are_not_on_record(lang: Lang) -> None:
    for kind in kinds():
        if kind in LETTERS:
            continue
        made = previews(kind, lang)["wecom-robot"]
        if not any(one.endswith(": cut") for one in made.lost):
            assert words(made.payload).count("…") == _dots(made.card), kind


def _dots(card: Card) -> int:
    said = (card.title, card.text, card.footer, *(f"{f.label} {f.value}" for f in card.fields))
    return sum(part.count("…") for part in (*said, *(cell for row in card.rows for cell in row)))


def test_words_have_more_room_than_an_apps_text() -> None:
    """Markdown may be ten times as long as an app's text: who reads only text gets the end as well."""
    many = replace(NOTICE, rows=tuple((f"客户{n}商贸有限公司", f"¥{n},000.00") for n in range(90)))
    said = words(frames.message(many, ref="hk-1", rev=1, as_text=True))
    assert "客户89商贸有限公司" in said and "省略" not in said
    assert len(words(frames.message(replace(many, text="文" * 20_000), ref="hk-1", rev=1)).encode()) < 20_480


@pytest.mark.parametrize("sign", ["\\", "*_", "文", "a", "- a\n"])
def test_signs_of_markup_take_no_more_room_than_there_is(sign: str) -> None:
    """Each becomes three bytes where it was one; what is too long for the messenger is cut, and says so."""
    whole = sign * (40_000 // len(sign))
    for body in (frames.text_message(whole, "zh"), frames.text_reply(whole, "zh", "1")):
        said = str(body[body["msgtype"]]["content"])
        assert 15_000 < len(said.encode()) <= 20_480 and "省略" in said
    rated = replace(NOTICE, fields=tuple(Field(f"栏{n}", "\\" * 300) for n in range(11)))
    said = words(message(rated)[0])
    assert said.count("＼") == 11 * 300 and len(said.encode()) <= 20_480
