"""Any card that bot.fit lets through is one that Slack accepts, and whatever the ledger says shows as it is typed."""

import json
from dataclasses import replace
from datetime import date
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk.models.blocks import Block

from bot.adapters.base import Reply
from bot.adapters.slack.forms import Back, again, filled, form, note
from bot.adapters.slack.home import home_view
from bot.adapters.slack.render import LETTERS, letters, notice, payload
from bot.adapters.slack.text import cut, pieces
from bot.card import Action, Card, Choice, Field, Input, Lang
from bot.fit import PROFILES, fit
from bot.notifications.templates import templates
from tests.adapters.slack_product import CARD, PAID, RELEASE, words
from tests.fakes.slack.blocks import check_blocks, check_view
from tests.messages.test_templates import KINDS, renamed

TODAY = date(2026, 7, 8)
HOSTILE = [
    "<!channel>", "**x**", "*x* _y_ ~z~ `w`", "[a](http://x)", "]]>", "&amp;", "<@U0LI>", "<http://x|y>", ":smile:", "a & b",
    "\u202eabc", "{{ 7 * 7 }}", "' or 1=1 --", "🧾 甲公司", "&" * 400, "长" * 4000, " ", "",
]  # fmt: skip


def accepted(card: Card) -> dict[str, Any]:
    made, _ = fit(card, PROFILES["slack"], today=TODAY)
    drawn = payload(made, ref="d12", rev=3)
    assert not check_blocks(drawn["blocks"], "message"), check_blocks(drawn["blocks"], "message")
    assert letters(drawn["blocks"]) <= LETTERS and 0 < len(drawn["text"]) <= 300
    assert drawn == payload(made, ref="d12", rev=3)
    for action in made.actions:
        if action.inputs:
            asked = replace(made, actions=(action,))
            view = form(asked, Back(action.id, "D0LI:1.2", 3, "D0LI", "https://hooks.slack.com/" + "x" * 100))
            assert not check_view(view, "modal"), check_view(view, "modal")
            assert not check_view(again(view, made.title * 20), "modal")
    assert not check_view(home_view(Reply("done", "", made, delivery_id=12)), "home")
    return drawn


texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=80), st.integers(1, 4000).map(lambda n: "&<>长"[n % 4] * n))
names = st.text(st.characters(categories=["Ll", "Nd"]), min_size=1, max_size=20)
choices = st.lists(st.builds(Choice, names, texts), max_size=120).map(tuple)
inputs = st.builds(
    Input, names, st.sampled_from(["date", "text", "amount", "choice", "person", "number"]), st.booleans(), texts, choices
)
actions = st.builds(
    Action, st.sampled_from(["task.log", "task.promise", "x.y"]), texts, st.none(),
    st.lists(inputs, max_size=4, unique_by=lambda i: i.name).map(tuple),
    st.sampled_from(["default", "primary", "danger"]), st.one_of(st.none(), texts), st.sampled_from(["", "case:12"]),
)  # fmt: skip
cards = st.builds(
    Card, st.just("k"), st.sampled_from(["zh", "en"]), st.sampled_from(["info", "success", "warning", "danger", "muted"]),
    texts, texts, st.lists(st.builds(Field, texts, texts), max_size=12).map(tuple),
    st.lists(st.lists(texts, min_size=1, max_size=25).map(tuple), max_size=25).map(tuple), st.integers(0, 5),
    st.lists(actions, max_size=12).map(tuple), texts, st.booleans(),
)  # fmt: skip


@given(cards)
def test_whatever_fits_is_accepted(card: Card) -> None:
    accepted(card)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("name", ["", "长" * 200, "&" * 200, "<!channel> *x*"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_card_is_accepted(kind: str, name: str, lang: Lang) -> None:
    view = templates().view_of(kind).example(lang)
    drawn = accepted(templates().render(kind, renamed(view, name) if name else view, lang))
    for block in drawn["blocks"]:
        if block["type"] != "table":  # which the SDK's models know, but not its cells
            [parsed] = Block.parse_all([json.loads(json.dumps(block))])
            assert parsed is not None and parsed.to_dict() == block


def test_the_largest_card_is_accepted() -> None:
    text = "&" * 4000
    option = Input("result", "choice", True, text, tuple(Choice(f"v{n}", text) for n in range(100)))
    accepted(
        Card(
            "k", "zh", "danger", text, text, tuple(Field(text, text) for _ in range(10)), ((text,) * 20,) * 20, 7,
            tuple(Action("task.log", text, None, (option,), confirm=text) for _ in range(9)), text,
        )
    )  # fmt: skip


@pytest.mark.parametrize("text", [t for t in HOSTILE if t.strip() and len(t) < 100])
def test_it_shows_as_typed(text: str) -> None:
    card = replace(
        CARD, title=text, text=text, fields=(Field(text, text),), rows=((text,),), footer=text,
        actions=(replace(RELEASE, label=text, confirm=text),),
    )  # fmt: skip
    drawn = accepted(card)
    assert "mrkdwn" not in json.dumps(drawn["blocks"])
    assert unescape(words(drawn["blocks"])).count(text) >= 6
    assert unescape(drawn["text"]).startswith(text)
    assert all(one.get("emoji") is False for one in plain_texts(drawn["blocks"]))


def plain_texts(thing: Any) -> list[dict[str, Any]]:
    if isinstance(thing, list):
        return [found for part in thing for found in plain_texts(part)]
    if not isinstance(thing, dict):
        return []
    return ([thing] if thing.get("type") == "plain_text" else []) + plain_texts(list(thing.values()))


def test_four_controls_and_a_menu_for_the_rest() -> None:
    card = replace(CARD, actions=tuple(replace(RELEASE, id=f"x.{n}", label=f"第{n}") for n in range(9)))
    [actions] = [b for b in accepted(card)["blocks"] if b["type"] == "actions"]
    assert [e["type"] for e in actions["elements"]] == ["button"] * 4 + ["overflow"]
    assert [o["value"] for o in actions["elements"][4]["options"]] == [f"f|x.{n}||" for n in range(4, 9)]


def test_a_closed_card_has_no_buttons() -> None:
    drawn = accepted(replace(CARD, closed=True))
    assert not any(b["type"] in ("actions",) for b in drawn["blocks"])
    assert "已结束" in words(drawn["blocks"])


def test_amounts_stand_to_the_right() -> None:
    [table] = [b for b in accepted(CARD)["blocks"] if b["type"] == "table"]
    assert table["column_settings"] == [{"align": "left"}, {"align": "right"}]
    assert table["rows"][1][1]["text"] == "—"


def test_a_preset_and_a_link_are_buttons_of_their_own_kind() -> None:
    preset = replace(RELEASE, id="task.promise", draw="preset", given=(("date", "2026-07-15"),), confirm=None)
    link = Action("task.promise", "填写", draw="link", url="https://example.com/x")
    drawn = payload(replace(CARD, actions=(preset, link)))
    first, second = drawn["blocks"][-2]["elements"]
    assert first["value"] == '{"date": "2026-07-15"}' and first["action_id"].startswith("b0|task.promise|")
    assert second["url"] == "https://example.com/x" and second["action_id"].startswith("u1|")


def test_a_form_asks_by_type() -> None:
    view = form(replace(CARD, actions=(PAID,)), Back("task.paid", "D0LI:1.2", 3))
    assert [b["element"]["type"] for b in view["blocks"] if b["type"] == "input"] == ["plain_text_input", "datepicker"]
    assert all(b["optional"] for b in view["blocks"] if b["type"] == "input")
    state = {"values": {"i|amount": {"amount": {"value": "5万"}}, "i|paid_on": {"paid_on": {"selected_date": None}}}}
    assert filled({"state": state}) == {"amount": "5万"}


def test_notes_and_notices_are_accepted() -> None:
    for text in HOSTILE:
        assert not check_view(note(text, "zh", CARD), "modal")
        assert not check_blocks(notice(text)["blocks"], "message")


@given(st.text(alphabet="a&<>长\n ", max_size=200), st.integers(6, 50))
def test_cut_text_never_splits_an_entity(text: str, limit: int) -> None:
    assert len(cut(text, limit)) <= limit
    assert all(len(part) <= limit for part in pieces(text, limit))
    # Where a text is cut, the blanks of the place are gone.
    assert "".join(unescape("".join(pieces(text, limit))).split()) == "".join(text.split())
