"""The fake Slack's Web API, proved with the official SDK as it is, over real sockets."""

import copy
from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.fakes.slack import FakeSlack, broken, dropped, hangs, refused, slow, too_many
from tests.fakes.slack_product import (
    CARD,
    DM,
    FORM,
    LI,
    WANG,
    Api,
    Loop,
    actions,
    button,
    error_of,
    section,
    text,
)

# --- Web API --------------------------------------------------------------------------------------


def test_a_card_is_posted_read_back_changed_and_deleted(slack: FakeSlack, api: Api) -> None:
    posted = api("chat_postMessage", channel=LI, **CARD)
    assert posted["channel"] == DM
    [shown] = slack.screen(LI)
    assert (shown.text, shown.ts, shown.metadata) == (CARD["text"], posted["ts"], CARD["metadata"])
    assert not slack.screen(WANG)

    [read] = api("conversations_history", channel=DM, include_all_metadata=True)["messages"]
    assert read["metadata"]["event_payload"]["delivery"] == "dlv_1"
    assert "metadata" not in api("conversations_history", channel=DM)["messages"][0]

    api("chat_update", channel=DM, ts=posted["ts"], text="新", blocks=CARD["blocks"])
    assert not slack.screen(LI)[0].edited
    assert slack.screen(LI)[0].metadata is None  # the update did not repeat it
    api("chat_update", channel=DM, ts=posted["ts"], text="完")
    [plain] = slack.screen(LI)
    assert (plain.text, plain.blocks, plain.edited) == ("完", [], True)
    api("chat_delete", channel=DM, ts=posted["ts"])
    assert not slack.screen(LI)
    assert not slack.wrong


def test_the_same_post_twice_is_two_messages_and_history_comes_in_pages(slack: FakeSlack, api: Api) -> None:
    first, second = (api("chat_postMessage", channel=LI, text="同")["ts"] for _ in range(2))
    assert len(slack.screen(LI)) == 2
    page = api("conversations_history", channel=DM, limit=1)
    assert (page["messages"][0]["ts"], page["has_more"]) == (second, True)
    rest = api("conversations_history", channel=DM, limit=1, cursor=page["response_metadata"]["next_cursor"])
    assert (rest["messages"][0]["ts"], rest["has_more"]) == (first, False)
    answer = api("chat_postMessage", channel=DM, text="in", thread_ts=first)
    assert [m["ts"] for m in api("conversations_replies", channel=DM, ts=first)["messages"]] == [first, answer["ts"]]


def test_people_are_found_by_mail_and_id(slack: FakeSlack, api: Api) -> None:
    slack.at.scopes |= {"users:read", "users:read.email"}
    assert api("users_lookupByEmail", email="LI@example.com")["user"]["id"] == LI
    assert api("users_info", user=LI)["user"]["profile"]["email"] == "li@example.com"
    assert api("conversations_open", users=LI)["channel"]["id"] == DM
    assert error_of(api, "users_lookupByEmail", email="no@example.com") == "users_not_found"
    assert error_of(api, "users_info", user="U9") == "user_not_found"
    assert not slack.wrong


def test_a_file_arrives_byte_for_byte(slack: FakeSlack, api: Api) -> None:
    api("conversations_open", users=LI)
    api("files_upload_v2", channel=DM, content="账龄".encode(), filename="aging.png", title="账龄", initial_comment="看")
    [file] = slack.files
    assert (file.data, file.title, file.channels) == ("账龄".encode(), "账龄", [DM])
    assert slack.screen(LI)[0].files == [file.id]
    assert not slack.wrong


def test_ephemeral_messages_are_seen_by_one_and_cannot_be_updated(slack: FakeSlack, api: Api) -> None:
    slack.add_channel("C0BOTH", "both", [LI, WANG])
    ts = api("chat_postEphemeral", channel="C0BOTH", user=LI, text="只给你")["message_ts"]
    assert [m.text for m in slack.screen(LI)] == ["只给你"] and not slack.screen(WANG)
    assert error_of(api, "chat_update", channel="C0BOTH", ts=ts, text="x") == "message_not_found"
    assert error_of(api, "chat_postEphemeral", channel="C0SALES", user=WANG, text="x") == "user_not_in_channel"


def test_what_names_nothing_is_refused(slack: FakeSlack, api: Api) -> None:
    ts = api("chat_postMessage", channel=LI, text="一")["ts"]
    assert error_of(api, "chat_postMessage", channel="C0NONE", text="x") == "channel_not_found"
    assert error_of(api, "chat_postMessage", channel="D0WANG", text="x") == "channel_not_found"
    assert error_of(api, "chat_postMessage", channel="C0ELSE", text="x") == "not_in_channel"
    assert error_of(api, "chat_update", channel=DM, ts="1.000000", text="x") == "message_not_found"
    assert not slack.wrong
    assert error_of(api, "chat_update", channel=LI, ts=ts, text="x") == "channel_not_found"
    assert slack.wrong == ["a message is changed by its channel D…, not by the person's id"]


def test_tokens_are_checked(slack: FakeSlack, product: Loop) -> None:
    def error(token: str, method: str = "auth_test", **given: Any) -> str:
        client = AsyncWebClient(token=token, base_url=slack.api_url)
        with pytest.raises(SlackApiError) as caught:
            product.run(getattr(client, method)(**given))
        return caught.value.response["error"]

    assert error("") == "not_authed"
    assert error("xoxb-other") == "invalid_auth"
    assert error(slack.app_token) == "not_allowed_token_type"
    assert error("", "apps_connections_open", app_token=slack.bot_token) == "not_allowed_token_type"
    slack.revoke(slack.bot_token)
    assert error(slack.bot_token) == "token_revoked"
    slack.restore(slack.bot_token)
    slack.at.scopes.discard("chat:write")
    assert error(slack.bot_token, "chat_postMessage", channel=LI, text="x") == "missing_scope"


def many(count: int, **block: Any) -> list[dict[str, Any]]:
    return [copy.deepcopy(block) for _ in range(count)]


def options(count: int, **more: Any) -> list[dict[str, Any]]:
    return [{"text": text(f"o{i}"), "value": f"v{i}", **more} for i in range(count)]


def select(found: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "static_select", "action_id": "s", "options": found}


def table(rows: int, cells: int) -> dict[str, Any]:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "c"}] * cells] * rows}


NUMBER = {"type": "number_input", "action_id": "n", "is_decimal_allowed": False}
GOOD: dict[str, list[dict[str, Any]]] = {
    "fifty": many(50, type="divider"),
    "long": [section("x" * 3000)],
    "fields": [{"type": "section", "fields": many(10, type="mrkdwn", text="x")}],
    "25 buttons": [actions(*[button(f"a{i}") for i in range(25)])],
    "options": [actions(select(options(100, description=text("d" * 75))))],
    "table": [table(100, 20)],
    "preset": [actions({**select(options(2)), "initial_option": options(2)[1]})],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 10}],
    "picture": [{"type": "image", "image_url": "https://example.com/a.png", "alt_text": "a"}],
    "number": [{"type": "input", "label": text("n"), "element": NUMBER}],
}
BAD: dict[str, list[dict[str, Any]]] = {
    "51 blocks": many(51, type="divider"),
    "section": [section("x" * 3001)],
    "field": [{"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * 2001}]}],
    "11 fields": [{"type": "section", "fields": many(11, type="mrkdwn", text="x")}],
    "header": [{"type": "header", "text": text("x" * 151)}],
    "header in mrkdwn": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}],
    "26 buttons": [actions(*[button(f"a{i}") for i in range(26)])],
    "context": [{"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * 11}],
    "button text": [actions(button(text=text("x" * 76)))],
    "button in mrkdwn": [actions(button(text={"type": "mrkdwn", "text": "x"}))],
    "button value": [actions(button(value="x" * 2001))],
    "button url": [actions(button(url="x" * 3001))],
    "button style": [actions(button(style="warning"))],
    "button label": [actions(button(accessibility_label="x" * 76))],
    "action id": [actions(button("x" * 256))],
    "block id": [section(block_id="x" * 256)],
    "option value": [actions(select(options(1, value="x" * 151)))],
    "option text": [actions(select(options(1, text=text("x" * 76))))],
    "101 options": [actions(select(options(101)))],
    "no options": [actions(select([]))],
    "six in overflow": [section(accessory={"type": "overflow", "action_id": "o", "options": options(6)})],
    "placeholder": [actions({**select(options(1)), "placeholder": text("x" * 151)})],
    "confirm text": [actions(button(confirm={"title": text("x"), "text": text("x" * 301)}))],
    "confirm title": [actions(button(confirm={"title": text("x" * 101), "text": text("x")}))],
    "confirm without text": [actions(button(confirm={"title": text("x")}))],
    "date": [actions({"type": "datepicker", "action_id": "d", "initial_date": "2026-13-01"})],
    "min date": [actions({"type": "datepicker", "action_id": "d", "min_date": "2026-01-01"})],
    "number in actions": [actions(NUMBER)],
    "unknown key": [section(colour="red")],
    "unknown block": [{"type": "data_visualization", "title": "x"}],
    "unknown element": [actions({"type": "slider", "action_id": "x"})],
    "empty text": [section("")],
    "blank text": [section("  ")],
    "empty section": [{"type": "section"}],
    "no block type": [{"text": text("x")}],
    "action id twice": [actions(button("a"), button("a"))],
    "block id twice": [section(block_id="b"), section(block_id="b")],
    "101 rows": [table(101, 1)],
    "21 cells": [table(1, 21)],
    "alt text": [{"type": "image", "image_url": "https://example.com/a.png", "alt_text": "x" * 2001}],
    "preset not offered": [actions({**select(options(2)), "initial_option": {"text": text("other"), "value": "v9"}})],
    "number without words": [{"type": "table", "rows": [[{"type": "raw_number", "value": 1}]]}],
    "two tables": [table(1, 1), table(1, 1)],
}


@pytest.mark.parametrize("name", GOOD)
def test_blocks_at_their_limits_are_taken(slack: FakeSlack, api: Api, name: str) -> None:
    api("chat_postMessage", channel=LI, text="x", blocks=GOOD[name])
    assert not slack.wrong


def test_blocks_beyond_their_limits_are_refused_with_a_reason(slack: FakeSlack, api: Api) -> None:
    for count, (name, blocks) in enumerate(BAD.items(), 1):
        with pytest.raises(SlackApiError) as caught:
            api("chat_postMessage", channel=LI, text="x", blocks=blocks)
        assert caught.value.response["error"] == "invalid_blocks", name
        assert "json-pointer:/blocks" in caught.value.response["response_metadata"]["messages"][0], name
        assert len(slack.wrong) == count, name
    assert not slack.screen(LI)


@pytest.mark.filterwarnings("ignore:The top-level `text`:UserWarning")
def test_texts_that_slack_refuses_or_that_hurt(slack: FakeSlack, api: Api) -> None:
    ts = api("chat_postMessage", channel=LI, text="x")["ts"]
    big = [section("x" * 2900, block_id=str(i)) for i in range(5)]
    assert error_of(api, "chat_postMessage", channel=LI, blocks=[section()]) == "no_text"
    assert error_of(api, "chat_postMessage", channel=LI, text=" ") == "no_text"
    assert error_of(api, "chat_postMessage", channel=LI, text="x", blocks=big) == "msg_blocks_too_long"
    assert error_of(api, "chat_update", channel=DM, ts=ts, text="x" * 4001) == "msg_too_long"
    deep = {"event_type": "t", "event_payload": {"a": {"b": {"c": 1}}}}
    assert error_of(api, "chat_postMessage", channel=LI, text="x", metadata=deep) == "invalid_metadata_schema"
    slack.wrong.clear()
    api("chat_postMessage", channel=LI, text="<!channel> <@U0GONE>", colour="red")
    assert len(slack.wrong) == 3 and "colour" in slack.wrong[0]
    assert "pings everyone" in slack.wrong[1] and "U0GONE" in slack.wrong[2]


def test_views_are_checked_too(slack: FakeSlack, api: Api) -> None:
    def publish(**view: Any) -> str:
        return error_of(api, "views_publish", user_id=LI, view={"type": "home", "blocks": [], **view})

    assert publish(blocks=many(101, type="divider")) == "invalid_arguments"
    assert publish(title=text("x")) == "invalid_arguments"
    assert publish(private_metadata="x" * 3001) == "invalid_arguments"
    trigger = slack.call(lambda: slack.at.new_trigger(LI))
    for bad in ({"title": text("x" * 25)}, {"submit": text("x" * 25)}, {"type": "home"}, {"callback_id": "x" * 256}):
        assert error_of(api, "views_open", trigger_id=trigger, view={**FORM, **bad}) == "invalid_arguments"
    unsubmittable = {k: v for k, v in FORM.items() if k != "submit"}
    assert error_of(api, "views_open", trigger_id=trigger, view=unsubmittable) == "invalid_arguments"
    view = api("views_open", trigger_id=trigger, view=FORM)["view"]
    assert error_of(api, "views_update", view_id=view["id"], hash="old", view=FORM) == "hash_conflict"
    assert error_of(api, "views_update", view_id="V0", view=FORM) == "not_found"


def test_triggers_are_good_once_and_for_three_seconds(slack: FakeSlack, api: Api) -> None:
    used, old = (slack.call(lambda: slack.at.new_trigger(LI)) for _ in range(2))
    api("views_open", trigger_id=used, view=FORM)
    assert error_of(api, "views_open", trigger_id=used, view=FORM) == "exchanged_trigger_id"
    slack.later(3.5)
    assert error_of(api, "views_open", trigger_id=old, view=FORM) == "expired_trigger_id"
    assert error_of(api, "views_open", trigger_id="x", view=FORM) == "invalid_trigger_id"


# --- Faults ---------------------------------------------------------------------------------------


def test_posts_faster_than_one_a_second_are_refused_with_a_time_to_wait(slack: FakeSlack, api: Api) -> None:
    slack.limit_posts(per_second=1, burst=2)
    api("chat_postMessage", channel=LI, text="1")
    api("chat_postMessage", channel=LI, text="2")
    with pytest.raises(SlackApiError) as caught:
        api("chat_postMessage", channel=LI, text="3")
    assert (caught.value.response.status_code, caught.value.response.headers["Retry-After"]) == (429, "1")
    assert error_of(api, "chat_postMessage", channel=DM, text="the same channel") == "ratelimited"
    api("chat_postMessage", channel=WANG, text="another channel")
    slack.later(1.1)
    api("chat_postMessage", channel=LI, text="3")


def test_faults_are_per_method_and_counted(slack: FakeSlack, api: Api) -> None:
    slack.fail("chat.postMessage", too_many(7))
    slack.fail("chat.postMessage", broken(500, '{"ok": false, "error": "internal_error"}', "application/json"))
    slack.fail("chat.postMessage", refused("fatal_error"))
    with pytest.raises(SlackApiError) as caught:
        api("chat_postMessage", channel=LI, text="x")
    assert caught.value.response.headers["Retry-After"] == "7"
    assert error_of(api, "chat_postMessage", channel=LI, text="x") == "internal_error"
    assert error_of(api, "chat_postMessage", channel=LI, text="x") == "fatal_error"
    api("auth_test")
    api("chat_postMessage", channel=LI, text="x")
    assert len(slack.screen(LI)) == 1


@pytest.mark.parametrize(
    ("fault", "posted"),
    [(dropped(), 1), (dropped(after_taking_it=False), 0), (slow(4), 1), (hangs(4), 0)],
    ids=["taken and dropped", "dropped", "late answer", "no answer"],
)
def test_an_outcome_that_the_product_cannot_know(slack: FakeSlack, api: Api, fault: Any, posted: int) -> None:
    slack.fail("chat.postMessage", fault)
    with pytest.raises(Exception):  # noqa: B017  whichever error the client has for it
        api("chat_postMessage", channel=LI, text="x")
    assert len(slack.screen(LI)) == posted


def test_the_sdk_with_its_own_retries_posts_twice(slack: FakeSlack, product: Loop) -> None:
    slack.fail("chat.postMessage", dropped())
    client = AsyncWebClient(token=slack.bot_token, base_url=slack.api_url)
    product.run(client.chat_postMessage(channel=LI, text="x"))
    assert len(slack.screen(LI)) == 2
