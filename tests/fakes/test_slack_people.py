"""What people do in the fake Slack, how it reaches the official SDK, and what comes back."""

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from slack_sdk.webhook.async_client import AsyncWebhookClient

from tests.fakes.slack import FakeSlack, Impossible
from tests.fakes.slack_product import (
    CARD,
    DM,
    FORM,
    LI,
    WANG,
    Api,
    Bot,
    Loop,
    actions,
    button,
    text,
    until,
)


def test_a_command_is_answered_in_the_ack_and_later(slack: FakeSlack, bot: Bot) -> None:
    answer = slack.command(LI, "/balance", "华东 payload")
    assert answer.acked and answer.seconds < 3
    assert answer.reply["text"] == "余额 华东 payload"
    [shown] = slack.screen(LI)
    assert (shown.text, shown.ephemeral) == ("余额 华东 payload", True)
    slack.command(LI, "/balance", "slow")
    until(lambda: [m.text for m in slack.screen(LI)] == ["余额 华东 payload", "结果"])
    assert not slack.wrong


def test_a_card_is_used_until_its_buttons_are_gone(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("chat_postMessage", channel=LI, **CARD)
    [card] = slack.screen(LI)
    assert slack.tap(LI, card, "todo.promise", "2026-12-01").acked
    assert slack.tap(LI, card, "todo.snooze", "P1D").acked
    _, promised = bot.heard[0]
    assert promised["actions"][0]["selected_date"] == "2026-12-01"
    assert promised["actions"][0]["block_id"] == "a:TD-1:1"
    assert promised["state"]["values"]["a:TD-1:1"]["todo.promise"]["selected_date"] == "2026-12-01"
    assert promised["message"]["metadata"] == CARD["metadata"]
    assert promised["container"] == {"type": "message", "message_ts": card.ts, "channel_id": DM, "is_ephemeral": False}
    assert bot.heard[1][1]["actions"][0]["selected_option"]["value"] == "P1D"

    assert slack.tap(LI, card, "todo.drop", sure=False).delivery is None
    assert slack.tap(LI, card, "todo.done", "TD-1|1").acked
    until(lambda: slack.screen(LI)[0].text == "已记录")
    with pytest.raises(Impossible, match=r"no todo\.done"):
        slack.tap(LI, card, "todo.done")
    assert not slack.wrong


def test_people_cannot_use_what_they_do_not_see(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("chat_postMessage", channel=LI, **CARD)
    [card] = slack.screen(LI)
    with pytest.raises(Impossible):
        slack.tap(WANG, card, "todo.done")
    with pytest.raises(Impossible, match="only PT2H, P1D"):
        slack.tap(LI, card, "todo.snooze", "P9D")
    with pytest.raises(Impossible):
        slack.tap(LI, card, "todo.promise", "tomorrow")
    with pytest.raises(Impossible):
        slack.tap(LI, card, "todo.done", "TD-1|0")
    assert not bot.heard


def test_a_response_url_is_good_five_times(slack: FakeSlack, bot: Bot, api: Api, product: Loop) -> None:
    api("chat_postMessage", channel=LI, **CARD)
    slack.tap(LI, slack.screen(LI)[0], "todo.promise", "2026-12-01")
    slack.tap(LI, slack.screen(LI)[0], "todo.promise", "2026-12-02")
    used, old = (AsyncWebhookClient(body["response_url"]) for _, body in bot.heard)
    for i in range(5):
        assert product.run(used.send(text=f"第 {i}", response_type="ephemeral")).status_code == 200
    gone = product.run(used.send(text="第 5"))
    assert (gone.status_code, len(slack.screen(LI))) == (404, 6)
    slack.later(1801)
    assert "expired_url" in product.run(old.send(text="late")).body
    assert not slack.wrong


def test_a_form_is_refused_corrected_and_sent(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("chat_postMessage", channel=LI, text="x", blocks=[actions(button("todo.form"))])
    slack.tap(LI, slack.screen(LI)[0], "todo.form")
    until(lambda: slack.view(LI) is not None)
    form = slack.view(LI)
    assert form is not None and form.title == "登记"
    for values in ({}, {"n": "many"}, {"n": "-1"}, {"n": "1", "other": "x"}):
        with pytest.raises(Impossible):
            slack.submit(LI, form, values)
    answer = slack.submit(LI, form, {"n": "128", "day": "2026-12-01"})
    assert answer.response_action == "errors" and answer.reply["errors"] == {"amt": "超过欠款"}
    assert slack.view(LI) is not None
    assert slack.submit(LI, form, {("amt", "n"): "99.5"}).reply is None
    assert slack.view(LI) is None
    sent = bot.heard[-1][1]
    assert sent["private_metadata"] == "TD-1"
    assert sent["state"]["values"]["day"]["d"]["selected_date"] == "2026-12-01"
    assert not slack.wrong


def test_a_form_that_is_closed_says_so(slack: FakeSlack, bot: Bot, api: Api) -> None:
    api("views_open", trigger_id=slack.call(lambda: slack.at.new_trigger(LI)), view=FORM)
    form = slack.view(LI)
    assert form is not None and slack.close(LI, form).acked
    assert slack.view(LI) is None and bot.names() == ["closed"]


def test_home_is_published_and_used(slack: FakeSlack, bot: Bot) -> None:
    assert slack.open_home(LI).acked
    until(lambda: slack.home(LI) is not None)
    home = slack.home(LI)
    assert home is not None and slack.tap(LI, home, "home.row").acked
    _, body = bot.heard[-1]
    assert body["container"]["type"] == "view" and "response_url" not in body
    assert not slack.wrong


def test_words_and_mentions_arrive_and_the_bot_hears_no_echo_of_itself(slack: FakeSlack, bot: Bot, api: Api) -> None:
    assert slack.say(LI, "你好 <b>").acked
    assert slack.mention(LI, "C0SALES", "余额").acked
    ts = api("chat_postMessage", channel=LI, text="x")["ts"]
    api("chat_update", channel=DM, ts=ts, text="y")
    until(lambda: len([d for d in slack.deliveries if d.acked]) == 4)
    assert [(n, e["text"]) for n, e in bot.heard] == [("message", "你好 &lt;b&gt;"), ("app_mention", "<@U0BOT> 余额")]
    assert slack.deliveries[-1].name == "message:message_changed"
    assert not slack.wrong


def test_a_picker_keeps_what_was_picked_until_its_block_is_another(slack: FakeSlack, bot: Bot, api: Api) -> None:
    ts = api("chat_postMessage", channel=LI, **CARD)["ts"]
    slack.tap(LI, slack.screen(LI)[0], "todo.promise", "2026-12-01")

    def shown_after_update(block_id: str) -> Any:
        blocks = copy.deepcopy(CARD["blocks"])
        blocks[1]["block_id"] = block_id
        api("chat_update", channel=DM, ts=ts, text="x", blocks=blocks)
        slack.tap(LI, slack.screen(LI)[0], "todo.snooze", "P1D")
        return bot.heard[-1][1]["state"]["values"][block_id]["todo.promise"]["selected_date"]

    assert shown_after_update("a:TD-1:1") == "2026-12-01"
    assert shown_after_update("a:TD-1:2") is None


def test_a_form_leads_to_another_and_all_close(slack: FakeSlack, bot: Bot, api: Api) -> None:
    second = {**FORM, "callback_id": "second", "title": text("第二")}
    answers: list[dict[str, Any]] = [
        {"response_action": "errors", "errors": {"n": "an action id"}},
        {"response_action": "update", "view": {**FORM, "callback_id": "wizard", "title": text("x" * 25)}},
        {"response_action": "update", "view": {**FORM, "callback_id": "wizard", "title": text("再来")}},
        {"response_action": "push", "view": second},
    ]

    async def wizard(ack: Any) -> None:
        await ack(**answers.pop(0))

    async def clear(ack: Any) -> None:
        await ack(response_action="clear")

    bot.app.view("wizard")(wizard)
    bot.app.view("second")(clear)
    api("views_open", trigger_id=slack.call(lambda: slack.at.new_trigger(LI)), view={**FORM, "callback_id": "wizard"})
    titles = []
    while answers:
        form = slack.view(LI)
        assert form is not None
        slack.submit(LI, form, {"n": "1"})
        top = slack.view(LI)
        titles.append(top.title if top is not None else "")
    assert titles == ["登记", "登记", "再来", "第二"]
    assert len(slack.wrong) == 2 and "do not name inputs" in slack.wrong[0] and "invalid_arguments" in slack.wrong[1]
    last = slack.view(LI)
    assert last is not None and slack.submit(LI, last, {"n": "1"}).response_action == "clear"
    assert slack.view(LI) is None


def test_two_people_at_once_do_not_wait_for_each_other(slack: FakeSlack, bot: Bot) -> None:
    bot.pause = 0.5
    with ThreadPoolExecutor(2) as hands:
        answers = list(hands.map(lambda user: slack.command(user, "/balance", user), (LI, WANG)))
    assert [a.reply["text"] for a in answers] == [f"余额 {LI}", f"余额 {WANG}"]
    first, second = slack.deliveries
    assert first.acked is not None and second.sent < first.acked
