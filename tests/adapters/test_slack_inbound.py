"""Slack, inwards: what people press, fill in and type, how it is answered, and when it is not acknowledged."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.adapters.base import DeliveryRef, Reply, Sent
from bot.adapters.slack import home
from tests.adapters.slack_product import (
    CARD,
    LI,
    LOG,
    PAID,
    PROMISE,
    RELEASE,
    TO_LI,
    Product,
    a_product,
    asking,
    find,
    no_secrets,
    words,
)
from tests.fakes.slack import FakeSlack, broken
from tests.fakes.slack_product import a_loop, a_workspace, until


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    for name in ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with a_workspace() as fake:
        yield fake


@pytest.fixture
def product(slack: FakeSlack, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Product]:
    caplog.set_level(logging.DEBUG)
    with a_loop() as loop, a_product(slack, loop, tmp_path) as made:
        yield made
    assert not slack.wrong
    no_secrets(caplog)


def lately(slack: FakeSlack, text: str, user: str = LI) -> None:
    """It comes to stand on the screen."""
    until(lambda: any(text in words(m.blocks) for m in slack.screen(user)))


# --- buttons ---


def test_a_tap_says_which_message_and_which_revision(slack: FakeSlack, product: Product) -> None:
    card = product.shown(replace(CARD, actions=(replace(RELEASE, confirm=None),)))
    assert slack.tap(LI, card, find(card.blocks, "letters.release")).acked
    [tap] = product.heard
    assert (tap.ref, tap.action, tap.seen_rev, tap.input, tap.opens) == (
        f"{card.channel}:{card.ts}", "letters.release", 1, {}, False,
    )  # fmt: skip
    lately(slack, "已登记。")
    assert slack.screen(LI)[-1].ephemeral


def test_pickers_on_the_card_are_answers(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    slack.tap(LI, card, find(card.blocks, "task.promise"), "2026-07-15")
    slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    assert [(e.action, e.input) for e in product.heard] == [
        ("task.promise", {"date": "2026-07-15"}), ("task.log", {"result": "paid"}),
    ]  # fmt: skip
    slack.tap(LI, card, find(card.blocks, "task.promise"), None)  # the picker was emptied
    assert len(product.heard) == 2


def test_an_update_clears_the_picker_and_counts_on(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    slack.tap(LI, card, find(card.blocks, "task.promise"), "2026-07-15")
    product.loop.run(product.adapter.update(DeliveryRef(TO_LI, f"{card.channel}:{card.ts}", 1, 5), CARD))
    again = slack.screen(LI)[0]
    slack.tap(LI, again, find(again.blocks, "task.promise"), "2026-07-16")
    assert product.heard[-1].seen_rev == 5


def test_a_question_opens_a_form_and_its_answers_come_back(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    product.says = [asking(PAID), Reply("done", "已登记，等财务确认。")]
    slack.tap(LI, card, find(card.blocks, "task.paid"))
    assert product.heard[0].opens
    until(lambda: slack.view(LI))
    view = slack.view(LI)
    assert view is not None and view.title == "称已付款"
    assert slack.submit(LI, view, {"amount": "5万"}).acked
    sent = product.heard[1]
    assert (sent.action, sent.input, sent.seen_rev, sent.opens) == ("task.paid", {"amount": "5万"}, 4, False)
    assert sent.ref == f"{card.channel}:{card.ts}"
    assert slack.view(LI) is None
    lately(slack, "等财务确认")


def test_one_form_leads_to_the_next(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    product.says = [asking(LOG), asking(PROMISE), Reply("done", "已登记。")]
    slack.tap(LI, card, find(card.blocks, "task.log"), "promise")
    until(lambda: slack.view(LI))
    slack.submit(LI, slack.view(LI), {"result": "promise"})  # type: ignore[arg-type]
    second = slack.view(LI)
    assert second is not None and second.title == "承诺日期"
    slack.submit(LI, second, {"date": "2026-07-15"})
    assert [e.action for e in product.heard] == ["task.log", "task.log", "task.promise"]
    assert slack.view(LI) is None


def test_a_wrong_input_is_named_and_what_was_typed_stays(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    product.says = [
        asking(PAID), Reply("invalid", "看不懂金额。", wrong="amount"), Reply("invalid", "多于欠款。"),
        Reply("not_saved", "未保存，请再按一次。"),
    ]  # fmt: skip
    slack.tap(LI, card, find(card.blocks, "task.paid"))
    until(lambda: slack.view(LI))
    answer = slack.submit(LI, slack.view(LI), {"amount": "很多"})  # type: ignore[arg-type]
    assert answer.reply == {"response_action": "errors", "errors": {"i|amount": "看不懂金额。"}}
    for said in ("多于欠款。", "未保存"):
        answer = slack.submit(LI, slack.view(LI), {})  # type: ignore[arg-type]
        view = slack.view(LI)
        assert answer.response_action == "update" and view is not None and said in words(view.blocks)
    assert [e.input for e in product.heard[1:]] == [{"amount": "很多"}] * 3
    assert len({e.event_id for e in product.heard}) == 4


def test_what_stands_in_the_menu_is_confirmed_in_a_form(slack: FakeSlack, product: Product) -> None:
    card = product.shown(replace(CARD, actions=(LOG, PROMISE, PAID, replace(PAID, id="task.part_paid"), RELEASE)))
    product.says = [asking(replace(RELEASE, confirm=None)), Reply("done", "已放行。")]
    slack.tap(LI, card, "o|more||", "f|letters.release||")
    assert product.heard[0].opens and product.heard[0].action == "letters.release"
    until(lambda: slack.view(LI))
    slack.submit(LI, slack.view(LI))  # type: ignore[arg-type]
    assert (product.heard[1].action, product.heard[1].opens) == ("letters.release", False)
    lately(slack, "已放行")


def test_a_form_that_cannot_be_opened_any_more_says_press_again(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    product.says = [asking(PAID)]
    product.pause = 0.3
    threading.Timer(0.15, lambda: slack.later(10)).start()
    slack.tap(LI, card, find(card.blocks, "task.paid"))
    lately(slack, not_saved())


def not_saved() -> str:
    return "没有保存，请再按一次"


def test_a_used_up_response_url_is_no_reason_to_stay_silent(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    slack.fail("response_url", broken())
    slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    lately(slack, "已登记。")
    assert "chat.postEphemeral" in [c.method for c in slack.calls]


def test_the_same_tap_twice_has_the_same_event_id(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    answer = slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    assert answer.delivery is not None
    slack.replay(answer.delivery)
    slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    first, second, third = (e.event_id for e in product.heard)
    assert first == second != third


# --- words ---


def test_typed_lines_and_commands(slack: FakeSlack, product: Product) -> None:
    slack.say(LI, "余额 <华兴> & Co")
    slack.command(LI, "/balance", "华兴 payload")
    slack.command(LI, "/hk", "待办")
    slack.command(LI, "/hk")
    assert [e.text for e in product.heard] == ["余额 <华兴> & Co", "/balance 华兴 payload", "待办", "/help"]
    assert len({e.event_id for e in product.heard}) == 4
    until(lambda: len(slack.screen(LI)) == 5)
    assert sum(m.ephemeral for m in slack.screen(LI)) == 3


def test_a_replayed_event_is_answered_once(slack: FakeSlack, product: Product) -> None:
    answer = slack.say(LI, "余额 华兴")
    lately(slack, "已登记。")
    assert answer.delivery is not None and slack.replay(answer.delivery).acked
    assert len(product.heard) == 1
    slack.say(LI, "待办")
    until(lambda: len(slack.screen(LI)) == 4)
    assert sum(m.by_bot for m in slack.screen(LI)) == 2


def test_a_card_opened_from_a_list_stands_in_the_direct_messages(slack: FakeSlack, product: Product) -> None:
    listed = replace(CARD, actions=(replace(LOG, id="task.open"),))
    opened_card = replace(CARD, title="打开了")
    product.says = [Reply("done", "", listed, delivery_id=3), Reply("done", "", opened_card, delivery_id=4)]
    slack.command(LI, "/hk", "待办", channel="C0SALES")
    [card] = slack.screen(LI)
    slack.tap(LI, card, find(card.blocks, "task.open"), "paid")
    lately(slack, "已发到与我的私聊")
    opened = next(m for m in slack.screen(LI) if "打开了" in words(m.blocks))
    assert opened.channel == "D0LI" and not opened.ephemeral
    assert product.loop.run(product.adapter.update(DeliveryRef(TO_LI, "", 4, 2), CARD)) == Sent("")


def test_an_answer_with_buttons_is_known_by_its_delivery(slack: FakeSlack, product: Product) -> None:
    product.says = [Reply("done", "", CARD, delivery_id=12)]
    slack.say(LI, "待办")
    lately(slack, "逾期 7 天")
    card = slack.screen(LI)[-1]
    assert not card.ephemeral
    slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    tap = product.heard[-1]
    assert (tap.delivery_id, tap.ref, tap.seen_rev) == (12, "", 1)
    # When it changes, the product does not know where it stands. The adapter does.
    until(lambda: product.adapter._shown(12))
    ref = DeliveryRef(TO_LI, "", 12, 2)
    assert product.loop.run(product.adapter.update(ref, replace(CARD, title="新的标题"))) == Sent("")
    lately(slack, "新的标题")
    card = next(m for m in slack.screen(LI) if not m.ephemeral and m.by_bot)
    slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    assert (product.heard[-1].delivery_id, product.heard[-1].seen_rev) == (12, 2)


def test_a_commands_answer_gives_way_to_what_became_of_it(slack: FakeSlack, product: Product) -> None:
    pick = replace(LOG, id="reply.pick")
    asked = Reply("done", "", replace(CARD, actions=(pick,)), delivery_id=3)
    product.says = [asked, Reply("done", "", replace(CARD, title="余额"))]
    slack.command(LI, "/balance", "华", channel="C0SALES")
    [card] = slack.screen(LI)
    assert card.ephemeral and slack.screen("U0WANG") == []
    slack.tap(LI, card, find(card.blocks, "reply.pick"), "paid")
    until(lambda: "余额" in words(slack.screen(LI)[0].blocks))
    assert len(slack.screen(LI)) == 1 and product.heard[-1].delivery_id == 3


def test_a_form_from_a_commands_answer(slack: FakeSlack, product: Product) -> None:
    product.says = [Reply("done", "", CARD, delivery_id=3), asking(PAID), Reply("done", "已登记。")]
    slack.command(LI, "/hk", "待办")
    [card] = slack.screen(LI)
    slack.tap(LI, card, find(card.blocks, "task.paid"))
    until(lambda: slack.view(LI))
    slack.submit(LI, slack.view(LI))  # type: ignore[arg-type]
    until(lambda: "已登记。" in words(slack.screen(LI)[0].blocks))
    assert len(slack.screen(LI)) == 1 and product.heard[-1].delivery_id == 3


def test_a_question_in_the_chat_becomes_its_answer(slack: FakeSlack, product: Product) -> None:
    pick = replace(LOG, id="reply.pick")
    asked = Reply("done", "", replace(CARD, actions=(pick,)), delivery_id=3)
    product.says = [asked, Reply("done", "", replace(CARD, title="余额"))]
    slack.say(LI, "余额 华")
    lately(slack, "逾期")
    card = slack.screen(LI)[-1]
    slack.tap(LI, card, find(card.blocks, "reply.pick"), "paid")
    lately(slack, "余额")
    assert len([m for m in slack.screen(LI) if m.by_bot]) == 1


def test_in_a_channel_only_the_one_who_asked_sees_figures(slack: FakeSlack, product: Product) -> None:
    product.says = [Reply("done", "", CARD)]
    slack.mention(LI, "C0SALES", "余额 华兴")
    assert product.heard[0].text == "余额 华兴"
    lately(slack, "逾期 7 天")
    [_, answer] = slack.screen(LI)
    assert answer.ephemeral and answer.only_for == LI and answer.channel == "C0SALES"


def test_what_does_not_concern_us_is_acknowledged_and_nothing_else(slack: FakeSlack, product: Product) -> None:
    product.send()  # its echo comes as an event
    team = {"team_id": "T0FAKE", "api_app_id": "A0FAKE", "event_id": "Ev1", "type": "event_callback"}
    odd = [
        {**team, "event": {"type": "team_join", "user": {"id": "U1"}}},
        {**team, "event": {"type": "message", "subtype": "message_deleted", "channel": "D0LI", "channel_type": "im"}},
        {**team, "event": {"type": "message", "bot_id": "B9", "text": "x", "channel": "D0LI", "channel_type": "im"}},
        {**team, "event": {"type": "message", "user": LI, "text": " ", "channel": "D0LI", "channel_type": "im"}},
        {**team, "event": {"type": "message", "user": LI, "text": "x", "channel": "C0SALES", "channel_type": "channel"}},
        {**team, "event": {"type": "app_home_opened", "user": LI, "tab": "messages"}},
    ]
    for body in odd:
        assert slack.run(slack.courier.push("events_api", body)).acked
    for action in ("todo.old", "b0|x", "b0|x||", ""):
        body = {
            "type": "block_actions", "team": {"id": "T0FAKE"}, "user": {"id": LI}, "trigger_id": "1",
            "actions": [{"type": "button", "action_id": action, "block_id": "zz", "action_ts": "1"}],
        }  # fmt: skip
        assert slack.run(slack.courier.push("interactive", body)).acked
    view = {"callback_id": "form", "type": "modal", "state": {"values": {}}}
    body = {"type": "view_submission", "team": {"id": "T0FAKE"}, "user": {"id": LI}, "view": view}
    assert slack.run(slack.courier.push("interactive", body)).acked
    assert product.heard == []


def test_another_workspace_is_refused(slack: FakeSlack, product: Product, caplog: pytest.LogCaptureFixture) -> None:
    slack.patience(0.5, ())
    event = {"type": "message", "user": LI, "text": "待办", "channel": "D0LI", "channel_type": "im"}
    body = {"team_id": "T0OTHER", "event_id": "Ev1", "type": "event_callback", "event": event}
    assert not slack.run(slack.courier.push("events_api", body)).acked
    assert product.heard == [] and "another workspace" in caplog.text
    slack.wrong.clear()


# --- too late, and failing ---


def test_an_event_that_was_not_saved_is_not_acknowledged_and_comes_again(slack: FakeSlack, product: Product) -> None:
    slack.patience(1.0, (0.0,))
    product.says = [Reply("not_saved", "未保存"), Reply("done", "余额 0")]
    assert not slack.say(LI, "余额 华兴").acked
    lately(slack, "余额 0")
    assert len({e.event_id for e in product.heard}) == 1 and len(product.heard) == 2
    product.says = [RuntimeError("the database is away"), Reply("done", "余额 1")]
    assert not slack.say(LI, "余额 华兴").acked
    lately(slack, "余额 1")
    slack.wrong.clear()


AGAIN = "没有保存，请再发一次"


def told_to_send_again(slack: FakeSlack) -> int:
    return sum(AGAIN in words(m.blocks) for m in slack.screen(LI))


@pytest.mark.parametrize("mention", [False, True])
@pytest.mark.parametrize("trouble", [Reply("not_saved", AGAIN), RuntimeError("the database is away")])
def test_a_line_that_no_retry_could_save_is_to_be_sent_again_which_is_said_once(
    slack: FakeSlack, product: Product, mention: bool, trouble: Reply | Exception
) -> None:
    slack.patience(1.0, (0.0, 0.0, 0.0))
    product.says = [trouble] * 4
    answer = slack.mention(LI, "C0SALES", "承诺 华兴 7-15") if mention else slack.say(LI, "承诺 华兴 7-15")
    assert not answer.acked
    lately(slack, AGAIN)
    assert len(product.heard) == 4
    assert [m.only_for for m in slack.screen(LI) if m.by_bot] == [LI if mention else ""]
    # Whoever was told so sends it again: the first one must not be saved after all.
    last = slack.courier.sent[-1]
    until(lambda: last.acked)
    slack.replay(last)
    assert len(product.heard) == 4 and told_to_send_again(slack) == 1
    slack.say(LI, "承诺 华兴 7-15")
    assert len(product.heard) == 5
    slack.wrong.clear()


def test_the_last_retry_may_end_too_late_and_is_answered_once(slack: FakeSlack, product: Product) -> None:
    """What it came to is not known yet when Slack must have its acknowledgement."""
    for last, said in ((Reply("not_saved", AGAIN), AGAIN), (Reply("done", "余额 0"), "余额 0")):
        before = len(product.heard)
        slack.patience(1.0, (0.0, 0.0, 0.0))
        product.says, product.pause = [Reply("not_saved", AGAIN)] * 3 + [last], 0
        product.pauses = {before + 4: 3.2}
        slack.say(LI, "承诺 华兴 7-15")
        until(lambda: len(product.heard) >= before + 3)  # noqa: B023
        slack.patience(3.0)  # only the last one is slow
        lately(slack, said)
    assert told_to_send_again(slack) == 1
    slack.wrong.clear()


def test_a_command_whose_answer_takes_too_long_says_so_in_time(slack: FakeSlack, product: Product) -> None:
    product.pause = 3.2
    answer = slack.command(LI, "/balance", "华兴")
    assert answer.acked and answer.seconds < 3 and answer.reply["text"] == "没有保存，请再发一次"
    deadline = product.heard[0].until
    assert deadline is not None and deadline < time.monotonic()
    product.pause = 0
    product.says = [RuntimeError("x")]
    assert slack.command(LI, "/balance", "华兴").reply["text"] == "没有保存，请再发一次"


def test_a_tap_that_takes_too_long_is_answered_with_words(slack: FakeSlack, product: Product) -> None:
    card = product.shown()
    product.pause, product.says = 3.2, [Reply("not_saved", not_saved())]
    answer = slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    assert answer.acked and answer.seconds < 3
    lately(slack, not_saved())
    product.pause, product.says = 0, [RuntimeError("x")]
    slack.tap(LI, card, find(card.blocks, "task.log"), "paid")
    until(lambda: sum(not_saved() in words(m.blocks) for m in slack.screen(LI)) == 2)


def test_stopping_finishes_what_was_begun(slack: FakeSlack, tmp_path: Path) -> None:
    with a_loop() as loop:
        product = Product(slack, loop, tmp_path / "stop.db").start()
        card = product.shown()
        product.pause = 0.8
        answers: list[bool] = []
        press = threading.Thread(
            target=lambda: answers.append(slack.tap(LI, card, find(card.blocks, "task.log"), "paid").acked)
        )
        press.start()
        until(lambda: product.heard)
        began = time.monotonic()
        product.stop()
        assert time.monotonic() - began < 5
        press.join(5)
        assert answers == [True]
        assert any("已登记。" in words(m.blocks) for m in slack.screen(LI))
        assert slack.connections == 0
    assert not slack.wrong


async def running(what: str) -> list[str]:
    return [repr(task) for task in asyncio.all_tasks() if what in repr(task.get_coro())]


def test_a_list_that_is_being_drawn_does_not_outlive_the_adapter(
    slack: FakeSlack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home, "SETTLES", 0.01)
    with a_loop() as loop, a_product(slack, loop, tmp_path) as product:
        slack.open_home(LI)
        until(lambda: slack.home(LI) is not None)
        product.pause = 60.0
        product.send()
        until(lambda: len(product.heard) == 2)  # the list is being read for the second time
        assert len(loop.run(running("Home._soon"))) == 1
        product.stop()
        assert loop.run(running("Home.")) == []
        product.heard.clear()
        product.adapter.home.changed(LI)
        assert loop.run(running("Home.")) == []  # nothing new begins
