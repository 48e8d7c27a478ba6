"""fit(): within the limits of every messenger, and nothing lost in silence; the plain-text floor."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from bot.card import Action, Capabilities, Card, Choice, Field, Input, Lang
from bot.fit import PROFILES, ask_card, fit, presets
from bot.notifications.templates import templates
from bot.plain import codes, parse_reply, to_text
from tests.messages.test_templates import KINDS, example, renamed

TODAY = date(2026, 7, 8)  # a Wednesday


def overdue(lang: Lang = "zh") -> Card:
    return example("task.overdue", lang)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("long", [False, True])
def test_every_card_fits_every_messenger(kind: str, profile: str, long: bool):
    caps = PROFILES[profile]
    view = templates().view_of(kind).example("zh")
    card = templates().render(kind, renamed(view, "长" * 200) if long else view, "zh")
    made, lost = fit(card, caps, today=TODAY)
    assert len(made.title) <= caps.max_title and len(made.text) <= caps.max_text
    assert len(made.fields) <= caps.max_fields and len(made.rows) <= caps.max_rows
    assert all(len(f.label) <= caps.max_label and len(f.value) <= caps.max_value for f in made.fields)
    assert len(made.footer) <= caps.max_footer
    controls = [a for a in made.actions if a.draw != "reply"]
    assert len(controls) <= caps.max_buttons
    assert sum(a.draw == "inline" for a in controls) <= caps.max_inline
    for action in controls:
        assert len(action.label) <= caps.max_button_label
        assert all(len(i.choices) <= caps.max_options for i in action.inputs)
        assert all(len(c.label) <= caps.max_option_label for i in action.inputs for c in i.choices)
        assert caps.has_form or action.draw != "form"
        if action.draw == "menu":
            assert caps.has_menu and len(action.inputs) <= caps.max_menu_inputs
            assert all(i.choices for i in action.inputs)
    # What isn't there any more is named.
    if made.title != card.title:
        assert "title: cut" in lost
    for field in card.fields:
        if field not in made.fields:
            assert any(field.label in item for item in lost)
    if len(made.rows) < len(card.rows):
        assert any(item.startswith("rows:") for item in lost)
    for action in card.actions:
        kept = [a for a in made.actions if a.id == action.id]
        assert kept or any(item.startswith(action.id) for item in lost)
        for item in action.inputs:
            asked = any(i.name == item.name for a in kept for i in a.inputs)
            assert asked or any(action.id in entry for entry in lost)


@pytest.mark.parametrize("kind", KINDS)
def test_the_full_profile_loses_nothing(kind: str):
    assert fit(example(kind, "zh"), PROFILES["full"], today=TODAY)[1] == ()


def draws(card: Card, caps: Capabilities) -> dict[str, str]:
    return {a.id: a.draw for a in fit(card, caps, today=TODAY)[0].actions}


def test_the_ladder_rung_by_rung():
    card = replace(overdue(), actions=tuple(a for a in overdue().actions if a.id in ("task.promise", "task.log")))
    full = PROFILES["full"]
    assert draws(card, full) == {"task.log": "inline", "task.promise": "inline"}
    form = replace(full, has_date_picker=False, has_choice=False)
    assert draws(card, form) == {"task.log": "form", "task.promise": "form"}
    menu = replace(form, has_form=False, has_menu=True, max_menu_inputs=3)
    assert draws(card, menu) == {"task.log": "menu", "task.promise": "menu"}
    ready = replace(form, has_form=False)
    assert draws(card, ready) == {"task.log": "reply", "task.promise": "preset"}
    text = replace(ready, has_buttons=False)
    assert draws(card, text) == {"task.log": "reply", "task.promise": "reply"}
    link = replace(text, has_replies=False, has_links=True)
    made, lost = fit(card, link, today=TODAY, link=lambda a: f"https://example.com/{a.id}")
    assert [a.url for a in made.actions] == ["https://example.com/task.log", "https://example.com/task.promise"]
    assert "task.log: link instead of a control" in lost
    made, lost = fit(card, link, today=TODAY)
    assert made.actions == () and {"task.log: no way to ask", "task.promise: no way to ask"} <= set(lost)


def test_what_is_chosen_may_need_an_amount_so_a_form_asks_both():
    slack = PROFILES["slack"]
    for kind, action in (("dispute.open", "dispute.settle"), ("receipt.allocate", "receipt.allocate")):
        made, lost = fit(example(kind, "zh"), slack, today=TODAY)
        [asked] = [a for a in made.actions if a.id == action]
        assert asked.draw == "form" and asked.inputs[-1].name == "amount" and not any(action in one for one in lost)
        assert draws(example(kind, "zh"), PROFILES["full"])[action] == "inline"
        assert draws(example(kind, "zh"), replace(slack, has_form=False))[action] == "inline"  # poorer, but something
    assert draws(overdue(), slack)["task.promise"] == "inline"  # a day says enough; the rest asks 登记结果


def test_presets_are_dates_and_labelled_with_them():
    made, lost = fit(overdue(), replace(PROFILES["full"], has_date_picker=False, has_form=False), today=TODAY)
    given = [(a.label, dict(a.given)["date"]) for a in made.actions if a.id == "task.promise"]
    assert given == [
        ("承诺日期 明天 7月9日", "2026-07-09"), ("承诺日期 3天内 7月11日", "2026-07-11"),
        ("承诺日期 周五 7月10日", "2026-07-10"), ("承诺日期 月底 7月31日", "2026-07-31"),
    ]  # fmt: skip
    assert "task.promise: ready answers only" in lost and "task.promise.amount: can't be asked" in lost


def test_friday_is_the_next_one_and_the_month_end_lies_ahead():
    item = Input("date", "date", True, "x")
    assert [c.value for c in presets(item, date(2026, 7, 31), "zh")][2:] == ["2026-08-07", "2026-08-31"]
    past = presets(Input("paid_on", "date", False, "x"), TODAY, "en")
    assert [c.value for c in past] == ["2026-07-08", "2026-07-07", "2026-07-06"]


def test_the_days_offered_for_another_try_are_those_that_are_accepted():
    item = Input("again_on", "date", True, "x")
    assert [c.label for c in presets(item, date(2026, 7, 8), "zh")] == ["明天 7月9日", "3天后 7月11日", "周五 7月10日"]
    days = [c.label for c in presets(item, date(2026, 7, 29), "zh")]
    assert days == ["明天 7月30日", "3天后 8月1日", "周五 7月31日", "月底 7月31日"]
    assert [c.label for c in presets(item, date(2026, 7, 10), "en")] == ["tomorrow 11 Jul", "in 3 days 13 Jul"]
    assert "月底 7月31日" in [c.label for c in presets(Input("until", "date", True, "x"), date(2026, 7, 8), "zh")]


def test_more_buttons_than_room_go_to_reply_codes():
    made, lost = fit(overdue(), replace(PROFILES["full"], max_buttons=2), today=TODAY)
    assert [a.draw for a in made.actions] == ["inline", "inline", "reply", "reply"]
    assert "task.paid: too many buttons" in lost
    assert "称已付款：回复“3 [金额] [日期]”\n稍后提醒：回复“4 日期”" in made.text


def test_what_is_typed_on_a_card_of_buttons_is_not_taken_for_a_figure():
    """WeCom has no picker for a name: a manager's card says what to type, below the invoices, no line beginning with it."""
    made, lost = fit(example("alert.severe", "zh"), PROFILES["wecom"], today=TODAY)
    lines = made.text.split("\n")
    assert lines[-1] == "移交：回复“3 姓名”" and not any(line.split()[0].isdecimal() for line in lines)
    assert [line.split()[0] for line in lines if line.startswith("INV")] == ["INV-2026-1001", "INV-2026-1002"]
    assert parse_reply(made, "3 小李") == ("task.reassign", {"person": "小李"})
    assert not any("reply code not" in one for one in lost)


def test_a_card_that_replaces_another_asks_one_thing():
    caps = PROFILES["wecom"]
    made, _ = fit(overdue(), caps, today=TODAY)
    asked, _ = ask_card(made, made.actions[1], caps, today=TODAY)
    assert asked.rows == () and [(a.id, a.draw) for a in asked.actions] == [("task.promise", "menu")]
    assert asked.actions[0].inputs[0].choices[0].value == "2026-07-09"
    step, _ = ask_card(made, templates().action("task.dispute", "zh"), caps, today=TODAY)
    assert [i.name for i in step.actions[0].inputs] == ["reason"]
    typed, lost = ask_card(made, templates().action("task.other", "zh"), caps, today=TODAY)
    assert typed.actions[0].draw == "reply" and "其他情况：回复“1 文字”" in typed.text
    assert parse_reply(typed, "1 下周对账") == ("task.other", {"note": "下周对账"}) and lost


def test_a_confirmation_is_a_card_with_one_button():
    card, _ = fit(example("promise.approval", "zh"), PROFILES["wecom"], today=TODAY)
    asked, lost = ask_card(card, card.actions[0], PROFILES["wecom"], today=TODAY)
    assert asked.text.startswith("批准 华兴商贸") and asked.text.endswith("的承诺？")
    assert [(a.id, a.draw, a.confirm) for a in asked.actions] == [("promise.approve", "button", None)]
    assert lost == ()


def test_approvals_keep_a_confirmation_and_say_where_it_is_asked():
    card = example("promise.approval", "zh")
    for name, draw in (("slack", "button"), ("dingtalk", "form"), ("wecom", "menu"), ("text", "reply")):
        made, lost = fit(card, PROFILES[name], today=TODAY)
        assert made.actions[0].draw == draw and made.actions[0].confirm == card.actions[0].confirm
        assert name in ("slack", "text") or any("confirm" in item for item in lost)


def test_where_only_a_link_can_ask_the_confirmation_is_gone_and_said_to_be():
    caps = replace(PROFILES["text"], has_replies=False, has_links=True)
    made, lost = fit(example("promise.approval", "zh"), caps, today=TODAY, link=lambda a: f"https://hk/{a.id}")
    assert made.actions[0].draw == "link" and made.actions[0].confirm is None
    assert "promise.approve: no confirmation" in lost


def test_a_closed_card_gets_no_buttons():
    made, lost = fit(replace(overdue(), closed=True), PROFILES["slack"], today=TODAY)
    assert made.actions == () and "task.log: not on a closed card" in lost


def test_fit_is_pure_and_cuts_say_so():
    card = Card("k", "zh", "info", "标" * 300, "文" * 5_000, (Field("很长的标签名", "值" * 99),))
    made, lost = fit(card, PROFILES["wecom"], today=TODAY)
    assert made.title == "标" * 35 + "…" and made.fields[0].label == "很长的标…"
    assert {"title: cut", "text: cut", "field 很长的标签名: cut"} <= set(lost)
    assert len(card.title) == 300 and fit(card, PROFILES["wecom"], today=TODAY) == (made, lost)


# --- plain text ---


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_plain_text_shows_everything_and_every_code_comes_back(kind: str, lang: Lang):
    card, _ = fit(example(kind, lang), PROFILES["text"], today=TODAY)
    text = to_text(card)
    assert all(part in text for part in (card.title, card.text, card.footer, *(f.value for f in card.fields)))
    assert all(cell in text for row in card.rows for cell in row)
    for code, action in codes(card):
        assert f"{code} {action.label}" in text
        sample = {"date": "7-10", "amount": "5万", "text": "已谈", "person": "小王", "number": "3"}
        given = {i.name: i.choices[-1].value if i.choices else sample[i.type] for i in action.inputs}
        several = sum(bool(i.choices) for i in action.inputs) > 1  # then words are typed, and no numbers are offered
        last = {i.name: i.choices[-1].label if several else str(len(i.choices)) for i in action.inputs if i.choices}
        typed = [last.get(i.name) or sample[i.type] for i in action.inputs]
        assert not (several and f"1={action.inputs[0].choices[0].label}" in text)
        assert parse_reply(card, " ".join([str(code), *typed])) == (action.id, given)
        assert parse_reply(card, f"{action.label} {' '.join(typed)}".strip()) == (action.id, given)


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("2 30%", {"prepay_percent": "30"}),
        ("2 30天", {"terms": "30"}),
        ("2 50% 15天", {"prepay_percent": "50", "terms": "15"}),
        ("2 7天 7-31", {"terms": "7", "until": "7-31"}),
        ("附条件批准 100% 老客户", {"prepay_percent": "100", "note": "老客户"}),
    ],
)
def test_of_two_questions_with_choices_the_first_may_be_left_out(text: str, given: dict[str, str]):
    """A number would be a share to one reader and days to another."""
    card, _ = fit(example("credit.request", "zh"), PROFILES["text"], today=TODAY)
    assert parse_reply(card, text) == ("credit.approve_with", given)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("2 7-10", ("task.promise", {"date": "7-10"})),
        ("２　明天　５万", ("task.promise", {"date": "明天", "amount": "5万"})),
        ("2. 下周五 50,000 客户说的", ("task.promise", {"date": "下周五", "amount": "50,000", "note": "客户说的"})),
        ("2 next fri", ("task.promise", {"date": "next fri"})),
        ("1 有争议", None),
        ("1 客户有争议", ("task.log", {"result": "dispute"})),
        ("1", ("task.log", {})),
        ("3 7-10", ("task.paid", {"paid_on": "7-10"})),
        ("9", None),
        ("50000", None),
        ("2 hello there", None),
        ("余额 华兴", None),
        ("", None),
    ],
)
def test_replies(text: str, answer: object):
    assert parse_reply(overdue(), text) == answer


def test_a_closed_card_takes_no_reply():
    assert parse_reply(replace(overdue(), closed=True), "1") is None


def test_presets_share_the_code_of_their_question():
    card = Card("k", "zh", "info", "t", actions=(
        Action("a", "甲 明天", "date", (Input("date", "date", True, "日期"),), draw="preset",
               given=(("date", "2026-07-09"),)),
        Action("a", "甲 周五", "date", (Input("date", "date", True, "日期"),), draw="preset",
               given=(("date", "2026-07-10"),)),
        Action("b", "乙", "choice", (Input("x", "choice", True, "选", (Choice("1", "一"),)),)),
    ))  # fmt: skip
    assert [(n, a.id) for n, a in codes(card)] == [(1, "a"), (2, "b")]
    assert parse_reply(card, "甲 周五") == ("a", {"date": "2026-07-10"})
    assert parse_reply(card, "1 7-20") == ("a", {"date": "7-20"})
