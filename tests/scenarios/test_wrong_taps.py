"""Taps by the wrong person, too late, on the wrong thing, with nonsense: an answer that tells no secrets, no effect."""

from collections.abc import Iterator

import pytest

from core.models import Audit, Claim, Dispute, Promise, Task
from core.models.base import table_of
from tests.harness import Harness, instant
from tests.scenarios.racing import cards_of, company, count, deliveries, sound, tap

P, T = table_of(Promise), table_of(Task)


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    hk = company(database_url, 4)
    hk.people(out="rep", gone="rep")
    hk.person("gone", active=False)
    hk.now = instant("2026-07-02 09:00")
    hk.tick()
    yield hk
    sound(hk)
    hk.stop()


def effects(hk: Harness) -> tuple[int, ...]:
    return tuple(count(hk, model) for model in (Promise, Claim, Dispute, Audit))


def test_a_card_out_of_scope_is_a_card_that_does_not_exist(hk: Harness) -> None:
    card, before = cards_of(hk, "li")[0], effects(hk)
    for who in ("lin", "out"):
        theirs = tap(hk.app, hk.now, who, card, "task.promise", date="2026-07-06")
        nothing = tap(hk.app, hk.now, who, 999999, "task.promise", date="2026-07-06")
        assert (theirs.outcome, theirs.card, theirs.delivery_id, theirs.view) == ("invalid", None, None, {})
        assert theirs.message.replace(str(card), "…") == nothing.message.replace("999999", "…")
        assert "K0" not in theirs.message and "100" not in theirs.message
    assert effects(hk) == before


@pytest.mark.parametrize("who", ["gone", "nobody"])
def test_who_is_not_here_may_do_nothing(hk: Harness, who: str) -> None:
    before = effects(hk)
    answer = tap(hk.app, hk.now, who, cards_of(hk, "li")[0], "task.promise", date="2026-07-06")
    assert answer.outcome == "not_allowed" and answer.card is None and "K0" not in answer.message
    assert effects(hk) == before


def test_who_sees_the_customer_but_may_not_act_learns_nothing(hk: Harness) -> None:
    card, before = cards_of(hk, "li")[0], effects(hk)
    answer = tap(hk.app, hk.now, "cai", card, "task.promise", date="2026-07-06")
    assert answer.outcome == "not_allowed" and answer.card is None and "K0" not in answer.message
    assert effects(hk) == before


def test_yesterdays_card_still_works_and_a_closed_one_says_so(hk: Harness) -> None:
    card = cards_of(hk, "li")[0]
    hk.now = instant("2026-07-03 15:00")
    assert tap(hk.app, hk.now, "li", card, "task.promise", date="2026-07-07").outcome == "done"
    hk.deliver()
    for action, given in (
        ("task.promise", {"date": "2026-07-08"}), ("task.paid", {}), ("task.promise", {}), ("task.log", {}),
        ("task.log", {"result": "other"}), ("task.snooze", {"until": "2026-07-07"}),
    ):  # fmt: skip
        answer = tap(hk.app, hk.now, "li", card, action, **given)
        assert answer.outcome == "already", (action, answer)
    assert count(hk, Promise) == 1


def test_after_the_money_came_every_button_says_already(hk: Harness) -> None:
    card = cards_of(hk, "li")[0]
    hk.now = instant("2026-07-02 11:00")
    hk.pay("K00", "100.00", "I00")
    answer = tap(hk.app, hk.now, "li", card, "task.promise", rev=1, date="2026-07-07")
    assert answer.outcome == "already" and count(hk, Promise) == 0


def test_an_approval_on_an_older_drawing_is_stale(hk: Harness) -> None:
    card = cards_of(hk, "li")[0]
    asked = tap(hk.app, hk.now, "li", card, "task.promise", date="2026-09-30")
    assert asked.outcome == "done"
    hk.deliver()
    [approval] = deliveries(hk, "wang", "promise")
    with hk.db() as work:
        from core.models import Delivery

        work.session.get_one(Delivery, approval).rev = 3  # drawn anew twice
    for action in ("promise.approve", "promise.reject"):
        assert tap(hk.app, hk.now, "wang", approval, action, rev=2).outcome == "stale"
    assert count(hk, Promise, P.c.state == "proposed") == 1
    assert tap(hk.app, hk.now, "li", approval, "promise.approve", rev=3).outcome in ("not_allowed", "invalid")
    assert tap(hk.app, hk.now, "wang", approval, "promise.approve", rev=3).outcome == "done"
    assert tap(hk.app, hk.now, "wang", approval, "promise.reject", rev=3).outcome == "already"
    assert count(hk, Promise, P.c.state == "open") == 1
    hk.deliver()


NONSENSE = [
    ("task.promise", {"date": "2026-07-01"}),
    ("task.promise", {"date": "yesterday"}),
    ("task.promise", {"date": "31/02/2026"}),
    ("task.promise", {"date": "9999-99-99"}),
    ("task.promise", {"date": "0000-00-00"}),
    ("task.promise", {"date": "2026-07-06", "amount": "NaN"}),
    ("task.promise", {"date": "2026-07-06", "amount": "-5"}),
    ("task.promise", {"date": "2026-07-06", "amount": "0"}),
    ("task.promise", {"date": "2026-07-06", "amount": "1e9"}),
    ("task.promise", {"date": "2026-07-06", "amount": "1.234,56"}),
    ("task.promise", {"date": "2026-07-06", "amount": "5.001"}),
    ("task.promise", {"date": "2026-07-06", "amount": "9" * 40}),
    ("task.promise", {"date": "2026-07-06", "amount": "50", "currency": "XXQ"}),
    ("task.promise", {"date": "2026-07-06", "amount": "50", "currency": "USD"}),
    ("task.promise", {"amount": "50"}),
    ("task.promise", {"date": "\x00"}),
    ("task.paid", {"paid_on": "2027-01-01"}),
    ("task.paid", {"amount": "ten"}),
    ("task.part_paid", {"paid_on": "2026-07-01"}),
    ("task.dispute", {"reason": "because"}),
    ("task.dispute", {"reason": "price", "amount": "∞"}),
    ("task.not_reached", {"again_on": "2026-08-30"}),
    ("task.not_reached", {"again_on": "2026-07-01"}),
    ("task.snooze", {"until": "2026-07-01"}),
    ("task.snooze", {"until": "next never"}),
    ("task.other", {"note": "   ", "extra": "x"}),
    ("task.reassign", {"person": "nobody"}),
    ("task.reassign", {"person": "gone"}),
    ("customer.assign", {"person": "<script>"}),
    ("claim.confirm", {}),
    ("dispute.settle", {"outcome": "maybe"}),
    ("promise.approve", {}),
    ("pause.approve", {}),
    ("letters.release", {}),
    ("receipt.allocate", {"receivable": "I99"}),
    ("task.open", {"task": "x"}),
    ("task.log", {"result": "nonsense"}),
    ("credit.approve", {}),
    ("", {}),
    ("__class__", {}),
    ("task.promise; drop table", {"date": "2026-07-06"}),
]


def test_nonsense_is_a_sentence_and_has_no_effect(hk: Harness) -> None:
    card, before = cards_of(hk, "li")[0], effects(hk)
    for action, given in NONSENSE:
        answer = tap(hk.app, hk.now, "li", card, action, **given)
        if answer.outcome == "done":  # the button asks what is missing
            assert answer.card is not None and not answer.message and action == "task.promise", (action, given)
        else:
            assert answer.outcome in ("invalid", "not_allowed", "already"), (action, given, answer)
            assert answer.message and "{" not in answer.message, (action, given, answer)
        assert effects(hk) == before, (action, given)
    assert count(hk, Task, T.c.state == "open") == 4


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"date": "2026-07-02"}, "open"),
        ({"date": "2026-08-01"}, "open"),
        ({"date": "2026-08-02"}, "proposed"),
        ({"date": "2026-07-06", "amount": "50"}, "open"),
        ({"date": "2026-07-06", "amount": "49.99"}, "proposed"),
        ({"date": "2026-07-06", "amount": "100"}, "open"),
    ],
)
def test_a_promise_at_its_limits(hk: Harness, given: dict[str, str], state: str) -> None:
    assert tap(hk.app, hk.now, "li", cards_of(hk, "li")[0], "task.promise", **given).outcome == "done"
    assert count(hk, Promise, P.c.state == state) == 1
    assert count(hk, Task, T.c.state == "open") == (3 if state == "open" else 4)
    hk.deliver()
