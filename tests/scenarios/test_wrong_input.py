"""What comes in wrong: ids that are none, characters nobody types, days of another century. Never an exception."""

import pytest

from core.models import Audit
from tests.harness import Harness
from tests.scenarios.racing import count, deliveries, tap


@pytest.mark.parametrize("number", ["²", "9" * 30, "-1", "case:²", "case:" + "9" * 5000, "x:1", ""])
def test_a_line_that_is_none_opens_nothing(hk: Harness, number: str) -> None:
    hk.overdue()
    [card] = deliveries(hk, "li")
    assert tap(hk.app, hk.now, "li", card, "task.open", task=number).outcome == "invalid"


@pytest.mark.parametrize("action", ["task.note", "pause.set", "pause.end", "credit_note.record", "receipt.record"])
def test_what_is_only_typed_is_no_button(hk: Harness, action: str) -> None:
    hk.overdue()
    [card] = deliveries(hk, "li")
    before = count(hk, Audit)
    for given in ({}, {"note": "x"}):
        answer = tap(hk.app, hk.now, "li", card, action, **given)
        assert answer.outcome == "invalid" and action in answer.message
    assert count(hk, Audit) == before


def test_the_buttons_of_an_answered_todo_work(hk: Harness) -> None:
    hk.overdue()
    answer = hk.run(hk.app.local.say("li", "/todo"))
    for message in hk.unread("local", "li"):
        hk.read(message)
    assert answer.delivery_id is not None
    [choice] = answer.card.actions[0].inputs[0].choices
    opened = tap(hk.app, hk.now, "li", answer.delivery_id, "task.open", task=choice.value)
    assert opened.outcome == "done" and opened.delivery_id is not None
    assert tap(hk.app, hk.now, "lin", answer.delivery_id, "task.open", task=choice.value).outcome == "invalid"
    promised = tap(hk.app, hk.now, "li", opened.delivery_id, "task.promise", date="2026-07-06")
    assert promised.outcome == "done"
    hk.deliver()


@pytest.mark.parametrize("day", ["半日", "一一日", "三一号", "半月半日", "9999-12-31", "0001-01-01", "2050-01-01"])
def test_a_day_that_is_none_or_far_away_is_a_sentence(hk: Harness, day: str) -> None:
    hk.overdue()
    [card] = deliveries(hk, "li")
    for action, name in (("task.promise", "date"), ("task.paid", "paid_on")):
        assert tap(hk.app, hk.now, "li", card, action, **{name: day}).outcome == "invalid"
    for line in (f"/promise 甲 {day}", f"/paid 甲 100 {day}"):
        reply = hk.run(hk.app.local.say("li", line))
        assert reply.outcome == "invalid", line
    for message in hk.unread("local", "li"):
        hk.read(message)


def test_characters_that_nobody_types_are_left_out(hk: Harness) -> None:
    hk.overdue()
    reply = hk.run(hk.app.local.say("li", "/log 甲 a\x00b\x1b\ud800c"))
    assert reply.outcome == "done" and "a b c" in str(reply.view)
    [card] = deliveries(hk, "li")
    assert tap(hk.app, hk.now, "li", card, "task.other", note="\x00x\ud800").outcome == "done"
    hk.deliver()
    for message in hk.unread("local", "li"):
        hk.read(message)


def test_a_receipt_that_is_there_is_no_claim(hk: Harness) -> None:
    card = hk.overdue()
    hk.at("2026-07-03 10:00")
    card.tap("task.paid", paid_on="2026-07-02", amount="100")
    hk.chat("cai").expect_card(kind="claim.review").tap("claim.confirm", number="B-1")
    first, again = (hk.chat("cai").say("/receipt 甲 100 今天 A-1") for _ in range(2))
    assert (first["outcome"], again["outcome"]) == ("done", "already")
    for who in ("cai", "li"):
        for message in hk.unread("local", who):
            hk.read(message)
