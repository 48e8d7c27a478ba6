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
