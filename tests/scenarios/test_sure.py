"""Where a messenger has no “are you sure?” of its own, a link or a number is answered by a question, and a yes acts."""

from uuid import uuid4

import pytest
from sqlalchemy import select

from bot.adapters.base import Envelope, Reply
from bot.inbound import receive
from core.models import Audit, Claim, CreditVote, Delivery, OutboxMessage, Pause, Promise, WebhookEvent
from core.models.base import table_of
from tests.harness import Harness
from tests.phones import Card
from tests.scenarios.approving import audited, everybody_reads
from tests.scenarios.ordering import opened, place, state, told
from tests.scenarios.racing import at_once, count

D = table_of(Delivery)
YES, NO = "reply.confirm", "reply.cancel"


@pytest.fixture
def shop(hk: Harness) -> Harness:
    return opened(hk)


def link(hk: Harness, handle: str, delivery: int | None, action: str, *, event: str = "", **given: str) -> Reply:
    """A link in a message of text, followed by somebody."""
    assert delivery is not None
    envelope = Envelope(
        "local", handle, event or uuid4().hex, hk.now, delivery_id=delivery, action=action, input=given, apart=True
    )
    return receive(hk.app.door, envelope)


def asked(hk: Harness, handle: str, card: Card, action: str, **given: str) -> Reply:
    """The question that the link of `action` is answered by."""
    reply = link(hk, handle, card.delivery, action, **given)
    assert reply.card is not None and reply.card.kind == "reply.sure" and reply.delivery_id != card.delivery, reply
    assert [a.id for a in reply.card.actions] == [YES, NO]
    return reply


def request(hk: Harness, amount: str = "2000.00", number: str = "SO1") -> Card:
    place(hk, "甲", amount, number)
    return hk.chat("zhou").expect_card(number, kind="credit.request")


def test_a_link_asks_with_the_amounts_and_a_yes_approves(shop: Harness) -> None:
    card = request(shop)
    question = asked(shop, "zhou", card, "credit.approve")
    assert question.card is not None and "批准" in question.card.title
    for part in ("仅放行此单", "甲", "SO1", "¥2,000.00", "¥1,000.00"):
        assert part in question.card.text, part
    assert state(shop, "SO1") == "held" and audited(shop, "credit.voted") == []
    said = link(shop, "zhou", question.delivery_id, YES)
    assert (said.outcome, state(shop, "SO1")) == ("done", "released") and said.message.startswith("甲 订单 SO1：")
    shop.deliver()
    told(shop)


def test_a_no_changes_nothing_and_says_so_and_a_second_tap_asks_anew(shop: Harness) -> None:
    card = request(shop)
    first = asked(shop, "zhou", card, "credit.approve")
    said = link(shop, "zhou", first.delivery_id, NO)
    assert said.outcome == "done" and "已取消" in said.message and said.card is not None and said.card.actions == ()
    assert state(shop, "SO1") == "held" and audited(shop, "credit.voted") == []
    assert link(shop, "zhou", first.delivery_id, YES).outcome == "already" and state(shop, "SO1") == "held"
    second = asked(shop, "zhou", card, "credit.approve")
    assert second.delivery_id != first.delivery_id
    assert link(shop, "zhou", second.delivery_id, YES).outcome == "done" and state(shop, "SO1") == "released"
    shop.deliver()
    told(shop)


@pytest.mark.parametrize("drawn", [False, True])
def test_what_got_worse_meanwhile_is_not_approved(shop: Harness, drawn: bool) -> None:
    """Neither before its card is drawn anew, nor afterwards: the question named other amounts."""
    card = request(shop, "1100.00")
    question = asked(shop, "zhou", card, "credit.approve")
    shop.receivable("甲", "300.00", due="2026-08-01", number="I1")
    if drawn:
        card.tap("credit.approve", expect="stale")
        assert "¥400.00" in card.text
    assert link(shop, "zhou", question.delivery_id, YES).outcome == "stale" and state(shop, "SO1") == "held"
    shop.deliver()
    again = asked(shop, "zhou", card, "credit.approve")
    assert again.card is not None and "¥400.00" in again.card.text
    assert link(shop, "zhou", again.delivery_id, YES).outcome == "done" and state(shop, "SO1") == "released"
    shop.deliver()
    told(shop)


def test_what_got_worse_before_the_tap_is_told_at_once_and_written_down(shop: Harness) -> None:
    card = request(shop, "1100.00")
    shop.receivable("甲", "300.00", due="2026-08-01", number="I1")
    said = link(shop, "zhou", card.delivery, "credit.approve")
    assert (said.outcome, said.card) == ("stale", None) and state(shop, "SO1") == "held"
    shop.deliver()
    assert "¥400.00" in card.text  # drawn anew, since what the tap found out stays
    told(shop)


def test_asking_changes_nothing_and_sends_nothing(shop: Harness) -> None:
    card = request(shop)
    before = [count(shop, model) for model in (OutboxMessage, Audit, CreditVote, WebhookEvent)]
    asked(shop, "zhou", card, "credit.approve")
    shop.deliver()
    assert [count(shop, model) for model in (OutboxMessage, Audit, CreditVote, WebhookEvent)] == before
    assert shop.chat("zhou").unread() == [] and card.json["rev"] == 1 and "credit.approve" in card.buttons
    told(shop)


def test_an_old_question_says_who_has_decided(shop: Harness) -> None:
    card = request(shop)
    question, other = asked(shop, "zhou", card, "credit.approve"), asked(shop, "zhou", card, "credit.approve")
    card.tap("credit.reject", reason="先收货款")
    for delivery in (question.delivery_id, other.delivery_id, other.delivery_id):
        said = link(shop, "zhou", delivery, YES)
        assert said.outcome == "already" and "zhou 已驳回：先收货款" in said.message, said
    assert state(shop, "SO1") == "rejected"
    assert link(shop, "zhou", card.delivery, "credit.approve").outcome == "already"  # at once: there is nothing to ask
    told(shop)


def test_nobody_answers_a_question_of_somebody_else(shop: Harness) -> None:
    question = asked(shop, "zhou", request(shop), "credit.approve")
    for handle in ("fm", "zhao", "li", "cai", "ada"):
        said = link(shop, handle, question.delivery_id, YES)
        assert (said.outcome, said.card, said.delivery_id) == ("invalid", None, None) and "2,000" not in said.message
    assert state(shop, "SO1") == "held"
    told(shop)


def test_whoever_may_not_decide_is_not_asked_either(shop: Harness) -> None:
    card = request(shop)
    for handle in ("li", "wang", "zhao", "cai"):
        said = link(shop, handle, card.delivery, "credit.approve")
        assert (said.outcome, said.card) == ("not_allowed", None), handle
    assert count(shop, Delivery, D.c.kind == "reply.sure") == 0
    told(shop)


def test_whoever_lost_the_role_before_the_answer_decides_nothing(shop: Harness) -> None:
    question = asked(shop, "zhou", request(shop), "credit.approve")
    shop.person("zhou", roles=["finance"])
    said = link(shop, "zhou", question.delivery_id, YES)
    assert said.outcome == "not_allowed" and "甲" not in said.message and state(shop, "SO1") == "held"
    told(shop)


def test_an_event_that_comes_again_gets_the_first_answer(shop: Harness) -> None:
    card = request(shop)
    first, again = (link(shop, "zhou", card.delivery, "credit.approve", event="e1") for _ in range(2))
    assert first == again and count(shop, Delivery, D.c.kind == "reply.sure") == 1
    first, again = (link(shop, "zhou", first.delivery_id, YES, event="e2") for _ in range(2))
    assert first == again and first.outcome == "done" and len(audited(shop, "credit.voted")) == 1
    shop.deliver()
    told(shop)


def test_of_two_answers_at_once_one_counts(shop: Harness) -> None:
    question = asked(shop, "zhou", request(shop), "credit.approve")
    yes, no = at_once(*(lambda a=a: link(shop, "zhou", question.delivery_id, a) for a in (YES, NO)))
    assert sorted((yes.outcome, no.outcome)) == ["already", "done"]
    assert state(shop, "SO1") == ("released" if yes.outcome == "done" else "held")
    shop.deliver()
    told(shop)


def test_numbers_are_asked_about_too(shop: Harness) -> None:
    request(shop)
    assert shop.chat("zhou").say("1")["card"].kind == "reply.sure" and state(shop, "SO1") == "held"
    said = shop.chat("zhou").say("2")
    assert "已取消" in said["message"] and state(shop, "SO1") == "held"
    shop.chat("zhou").say("1")
    said = shop.chat("zhou").say("1")
    assert (said["outcome"], state(shop, "SO1")) == ("done", "released") and said["message"].startswith("甲 订单 SO1：")
    told(shop)


def test_words_answer_it_as_numbers_do(shop: Harness) -> None:
    request(shop)
    shop.chat("zhou").say("批准")
    assert shop.chat("zhou").say("取消")["outcome"] == "done" and state(shop, "SO1") == "held"
    shop.chat("zhou").say("批准")
    assert shop.chat("zhou").say("确认")["outcome"] == "done" and state(shop, "SO1") == "released"
    told(shop)


def test_a_number_answers_no_question_above_which_something_else_has_come(shop: Harness) -> None:
    request(shop, number="SO1")
    shop.chat("zhou").say("1")
    newer = request(shop, number="SO2")
    assert shop.chat("zhou").say("1")["card"].kind == "reply.choice"  # it might be either, and no yes to what was asked
    newer.tap("credit.reject", reason="先收货款")
    assert shop.chat("zhou").say("批准")["card"].kind == "reply.sure"
    assert state(shop, "SO1") == "held"
    told(shop)


def test_a_button_that_asks_nothing_acts_at_once(shop: Harness) -> None:
    request(shop)
    card = shop.chat("li").expect_card(kind="order.held")
    assert link(shop, "li", card.delivery, "credit.explain", note="老客户").outcome == "done"
    assert len(audited(shop, "credit.explained")) == 1
    shop.deliver()
    told(shop)


def test_a_tap_where_the_messenger_asks_is_not_asked_again(shop: Harness) -> None:
    card = request(shop)
    card.tap("credit.approve")
    assert state(shop, "SO1") == "released" and count(shop, Delivery, D.c.kind == "reply.sure") == 0
    told(shop)


def test_what_was_filled_in_is_repeated_and_stays_as_it_was(shop: Harness) -> None:
    request(shop)
    shop.chat("li").expect_card(kind="order.held")
    card = shop.chat("li").say("2 客户改期到下月")["card"]
    assert [(f.label, f.value) for f in card.fields] == [("撤回原因", "客户改期到下月")] and "¥2,000.00" in card.text
    assert shop.chat("li").say("1")["outcome"] == "done"
    assert [one["reason"] for one in audited(shop, "credit.withdrawn")] == ["客户改期到下月"]
    told(shop)


def test_in_english(shop: Harness) -> None:
    shop.person("zhou", locale="en")
    card = request(shop)
    question = asked(shop, "zhou", card, "credit.approve")
    assert question.card is not None and question.card.title == "Please confirm · Approve"
    assert [a.label for a in question.card.actions] == ["Confirm", "Cancel"] and "CN¥2,000.00" in question.card.text
    assert link(shop, "zhou", question.delivery_id, NO).message == "甲, order SO1: Cancelled: nothing has changed"
    told(shop)


def waits(hk: Harness, model: type, state: str) -> bool:
    return count(hk, model, table_of(model).c.state == state) == 1


def test_every_other_button_that_asks(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    for code in ("甲", "乙", "丙"):
        hk.customer(code, "li")
        hk.receivable(code, "100.00", due="2026-07-01", number=f"I{code}", issued="2026-06-01")
    hk.morning("2026-07-02")
    hk.chat("li").say("/promise 甲 9-30")
    hk.chat("li").say("/paid 乙")
    hk.chat("li").say("/pause 丙 2026-08-30 谈判中")
    for handle, kind, action, model, before, after in (
        ("wang", "promise.approval", "promise.approve", Promise, "proposed", "open"),
        ("cai", "claim.review", "claim.void", Claim, "pending", "void"),
        ("wang", "pause.approval", "pause.approve", Pause, "proposed", "active"),
    ):
        card = hk.chat(handle).expect_card(kind=kind)
        question = asked(hk, handle, card, action)
        assert waits(hk, model, before), action
        assert link(hk, handle, question.delivery_id, YES).outcome == "done"
        assert waits(hk, model, after), action
    hk.deliver()
    everybody_reads(hk)


def test_a_card_drawn_anew_between_question_and_yes_is_stale(hk: Harness) -> None:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")
    hk.chat("li").say("/promise 甲 9-30")
    card = hk.chat("wang").expect_card(kind="promise.approval")
    question = asked(hk, "wang", card, "promise.approve")
    with hk.db() as work:
        work.session.execute(select(Delivery).where(D.c.id == card.delivery)).scalar_one().rev += 1
    assert link(hk, "wang", question.delivery_id, YES).outcome == "stale" and waits(hk, Promise, "proposed")
    everybody_reads(hk)


def test_what_a_list_still_has_is_told_how_it_ended_and_the_list_is_drawn_anew(shop: Harness) -> None:
    """Whoever opens something from a list of this morning, that was decided since."""
    card, other = request(shop), request(shop, number="SO2")
    listed = shop.type("zhou", "待办")
    assert listed.card is not None and "SO1" in str(listed.card.rows) and "SO2" in str(listed.card.rows)
    card.tap("credit.reject", reason="先收货款")
    with shop.look() as work:
        task = f"credit:{work.session.get_one(Delivery, card.delivery).subject_id}"
    tap = Envelope(
        "local", "zhou", uuid4().hex, shop.now, delivery_id=listed.delivery_id, action="task.open", input={"task": task}
    )
    said = receive(shop.app.door, tap)
    assert (said.outcome, said.message) == ("already", "甲 订单 SO1：zhou 已驳回：先收货款")
    assert said.card is not None and (said.delivery_id, said.rev) == (listed.delivery_id, 2)
    assert "SO1" not in str(said.card.rows) and "SO2" in str(said.card.rows)
    assert other.json["state"] == "open"
    told(shop)
    everybody_reads(shop)
