"""The fake's API side, called by the unmodified wechatpy: what is sent, shown, updated, refused, and what breaks."""

import io
import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from wechatpy.exceptions import APILimitedException, WeChatClientException

from tests.fakes.wecom import FakeWecom, NotThere, Refused
from tests.fakes.wecom_product import Client

CARDS = json.loads((Path(__file__).parents[1] / "data/wecom-cards.json").read_text(encoding="utf-8"))
TODO = CARDS["a_todo"]["template_card"]
NOTICE = CARDS["c_balance"]["template_card"]
HOUR = 3600


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    members = {"ZhangSan": "张三", "lisi": "李四", "directorwang": "王总", "directorzhao": "赵总"}
    with FakeWecom(members=members, callback="http://127.0.0.1:9/nobody-listens") as fake:
        yield fake
        unexpected = [one for one in fake.wrong if "was refused" not in one]
        assert unexpected == [], "what the product did wrong, but for what these tests get refused on purpose"


@pytest.fixture
def client(wecom: FakeWecom) -> Iterator[Client]:
    with Client(wecom.corp_id, wecom.secret, wecom.url) as found:
        yield found


def send(client: Client, to: str, card: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {"msgtype": "template_card", "template_card": card, **more}
    found: dict[str, Any] = client.message.send(1000002, to, msg=message)
    return found


def refusal(call: Any, *args: Any, **kwargs: Any) -> int:
    with pytest.raises(WeChatClientException) as caught:
        call(*args, **kwargs)
    return int(caught.value.errcode)


# --- messages


@pytest.mark.parametrize("name", list(CARDS))
def test_every_designed_card_is_taken_and_shown(wecom: FakeWecom, client: Client, name: str) -> None:
    card = deepcopy(CARDS[name]["template_card"])
    if name == "a_done":  # a card that only ever replaces another one
        del card["replace_text"]
    answer = send(client, CARDS[name]["touser"], card)
    shown = wecom.last(CARDS[name]["touser"])
    assert shown.msgid == answer["msgid"]
    assert shown.card == card
    assert ("response_code" in answer) == (card["card_type"] != "text_notice")
    assert wecom.lint == []


def test_a_member_sees_texts_files_and_links_in_order(wecom: FakeWecom, client: Client) -> None:
    media = client.media.upload("file", ("对账单.xlsx", io.BytesIO(b"not really a sheet")))["media_id"]
    assert wecom.uploaded(media) == ("对账单.xlsx", b"not really a sheet")
    client.message.send_text(1000002, "zhangsan", "您好")
    client.message.send(1000002, "zhangsan", msg={"msgtype": "markdown", "markdown": {"content": "**日报**"}})
    client.message.send_text_card(1000002, "zhangsan", "日报", "八件待办", "https://ar.example.com/t", "查看")
    article = {"title": "周报", "description": "本周", "url": "https://ar.example.com/w"}
    client.message.send(1000002, "zhangsan", msg={"msgtype": "news", "news": {"articles": [article]}})
    client.message.send(1000002, "zhangsan", msg={"msgtype": "file", "file": {"media_id": media}})
    shown = wecom.screen("ZHANGSAN")
    assert [one.msgtype for one in shown] == ["text", "markdown", "textcard", "news", "file"]
    assert [one.text for one in shown[:4]] == ["您好", "**日报**", "日报\n八件待办\n查看", "周报\n本周"]
    assert shown[3].links == ("https://ar.example.com/w",)
    assert wecom.screen("lisi") == []


@pytest.mark.parametrize(
    ("message", "errcode"),
    [
        ({"msgtype": "text", "text": {"content": ""}}, 44004),
        ({"msgtype": "text", "text": {"content": "长" * 683}}, 45002),
        ({"msgtype": "textcard", "textcard": {"title": "x", "description": "y", "url": "ar.example.com"}}, 45034),
        ({"msgtype": "news", "news": {"articles": []}}, 45008),
        ({"msgtype": "file", "file": {"media_id": "unknown"}}, 40007),
        ({"msgtype": "card", "card": {}}, 40008),
        ({"msgtype": "text", "text": {"content": "x"}, "duplicate_check_interval": 14401}, 40058),
        ({"msgtype": "text", "text": {"content": "x"}, "too_user": "lisi"}, 40058),
    ],
)
def test_a_message_that_cannot_be_sent_is_refused(
    wecom: FakeWecom, client: Client, message: dict[str, Any], errcode: int
) -> None:
    assert refusal(client.message.send, 1000002, "lisi", msg=message) == errcode
    assert wecom.screen("lisi") == []


def test_receivers_who_are_not_there(wecom: FakeWecom, client: Client) -> None:
    wecom.add_member("Hidden", visible=False)
    wecom.add_member("NoLicense", licensed=False)
    answer = client.message.send_text(1000002, ["ZhangSan", "Nobody", "HIDDEN", "NoLicense"], "您好")
    assert (answer["invaliduser"], answer["unlicenseduser"]) == ("nobody|hidden", "nolicense")
    assert len(wecom.screen("zhangsan")) == 1
    assert refusal(client.message.send_text, 1000002, "Nobody|Hidden", "x") == 81013
    assert refusal(client.message.send_text, 1000002, "", "x") == 82001
    assert refusal(client.message.send_text, 1000003, "lisi", "x") == 301002
    assert refusal(client.message.send_text, "1000002", "lisi", "x") == 40056
    client.message.send_text(1000002, "@all", "大家好")
    assert [wecom.last(user).text for user in ("lisi", "directorwang")] == ["大家好"] * 2


def changed(**parts: Any) -> dict[str, Any]:
    return {key: value for key, value in {**deepcopy(TODO), **parts}.items() if value is not None}


BUTTON = {"text": "好", "style": 1, "key": "k"}
MENU = {"desc": "更多", "action_list": [{"text": "a", "key": "k"}, {"text": "b", "key": "k"}]}
FORM = CARDS["a_dispute_form"]["template_card"]


@pytest.mark.parametrize(
    ("card", "errcode"),
    [
        (changed(card_type="button"), 42031),
        (changed(task_id=None), 42014),
        (changed(task_id="has space"), 42014),
        (changed(task_id="x" * 129), 42014),
        (changed(main_title={"desc": "no title"}), 42033),
        (changed(button_list=None), 42038),
        (changed(button_list=[]), 42038),
        (changed(button_list=[{**BUTTON, "key": str(n)} for n in range(7)]), 42038),
        (changed(button_list=[{"text": "好", "style": 1}]), 42039),
        (changed(button_list=[BUTTON, BUTTON]), 42039),
        (changed(button_list=[{**BUTTON, "key": "长" * 342}]), 42039),
        (changed(button_list=[{**BUTTON, "style": 5}]), 40058),
        (changed(button_list=[{**BUTTON, "type": 1}]), 42028),
        (changed(button_list=[{**BUTTON, "colour": 1}]), 40058),
        (changed(action_menu=MENU), 42051),
        (changed(action_menu={"desc": "更多", "action_list": []}), 40058),
        (changed(horizontal_content_list=[{"value": "x"}]), 42027),
        (changed(horizontal_content_list=[{"keyname": "x", "type": 1}]), 42028),
        (changed(horizontal_content_list=[{"keyname": "x", "type": 2, "media_id": "no"}]), 42029),
        (changed(horizontal_content_list=[{"keyname": "x", "type": 3, "userid": "nobody"}]), 42050),
        (changed(horizontal_content_list=[{"keyname": "x"}] * 7), 42035),
        (changed(button_selection={**TODO["button_selection"], "selected_id": "other"}), 40058),
        (changed(button_selection={**TODO["button_selection"], "option_list": []}), 42037),
        (changed(button_selection={"question_key": "d", "option_list": [{"text": "x"}]}), 42040),
        (changed(button_selection={"question_key": "d", "option_list": [{"id": "x"}]}), 42041),
        (changed(button_selection={"question_key": "d", "option_list": [{"id": "x" * 129, "text": "x"}]}), 42040),
        (changed(button_selection={"option_list": [{"id": "x", "text": "x"}]}), 42043),
        (changed(jump_list=[]), 40058),
        (changed(replace_text="已处理"), 40058),
        (changed(emphasis_content={"title": "1"}), 40058),
        (changed(main_title={"title": 5}), 40058),
        (changed(card_action={"type": 0}), 42045),
        ({**NOTICE, "card_action": {"type": 2}}, 42030),
        ({key: value for key, value in NOTICE.items() if key != "card_action"}, 42045),
        ({**NOTICE, "jump_list": [{"title": "x"}] * 4}, 42042),
        ({**NOTICE, "action_menu": TODO["action_menu"]}, 42014),
        ({**NOTICE, "card_type": "news_notice", "emphasis_content": None}, 40058),
        ({**FORM, "select_list": FORM["select_list"] * 2}, 42047),
        ({**FORM, "select_list": FORM["select_list"][:1] * 2}, 42043),
        ({**FORM, "submit_button": {"text": "好"}}, 42046),
        ({**FORM, "submit_button": {"key": "k"}}, 42049),
        ({**FORM, "horizontal_content_list": []}, 40058),
    ],
)
def test_a_card_with_a_mistake_is_refused(wecom: FakeWecom, client: Client, card: dict[str, Any], errcode: int) -> None:
    assert refusal(send, client, "zhangsan", card) == errcode
    assert wecom.screen("zhangsan") == []
    assert [f"was refused: {errcode}" in one for one in wecom.wrong] == [True], "a mistake of the product's"


def test_what_is_too_long_for_the_eye_is_only_written_down(wecom: FakeWecom, client: Client) -> None:
    send(client, "zhangsan", changed(main_title={"title": "长" * 37}, card_action=None))
    assert wecom.lint == [
        f"main_title.title: 37 of 36 characters: {'长' * 37}",
        "button_interaction without card_action: ports differ whether it is required",
    ]


def test_votes_and_news_are_cards_as_well(wecom: FakeWecom, client: Client) -> None:
    options = [{"id": "a", "text": "甲", "is_checked": True}, {"id": "b", "text": "乙"}]
    vote = {
        "card_type": "vote_interaction",
        "task_id": "v1",
        "main_title": {"title": "哪些"},
        "checkbox": {"question_key": "q", "mode": 1, "option_list": options},
        "submit_button": {"text": "提交", "key": "go"},
    }
    send(client, "lisi", vote)
    question = wecom.last("lisi").questions["q"]
    assert (question.many, question.chosen) == (True, ("a",))
    both = [{**option, "is_checked": True} for option in options]
    one = {**vote, "task_id": "v2", "checkbox": {"question_key": "q", "mode": 0, "option_list": both}}
    assert refusal(send, client, "lisi", one) == 40058
    news = {
        "card_type": "news_notice",
        "main_title": {"title": "新闻"},
        "card_image": {"url": "https://ar.example.com/a.png", "aspect_ratio": 1.3},
        "card_action": {"type": 1, "url": "https://ar.example.com"},
    }
    send(client, "lisi", news)
    assert refusal(send, client, "lisi", {**news, "card_image": {"url": ""}}) == 42044


def test_an_app_without_a_callback_may_not_ask(client: Client, wecom: FakeWecom) -> None:
    wecom.line.url = ""
    assert refusal(send, client, "zhangsan", TODO) == 43012
    send(client, "zhangsan", NOTICE)


def test_the_same_message_again_is_one_message(wecom: FakeWecom, client: Client) -> None:
    again = {"enable_duplicate_check": 1, "duplicate_check_interval": 4 * HOUR}
    first = send(client, "zhangsan", TODO, **again)
    assert send(client, "zhangsan", TODO, **again) == first
    assert len(wecom.screen("zhangsan")) == 1
    assert refusal(send, client, "zhangsan", changed(sub_title_text="x"), **again) == 42014
    wecom.pass_time(4 * HOUR)
    client.fetch_access_token()
    assert refusal(send, client, "zhangsan", TODO, **again) == 42014


# --- updates


def update(client: Client, code: str, **what: Any) -> dict[str, Any]:
    data = {"agentid": 1000002, "response_code": code, **what}
    found: dict[str, Any] = client.post("message/update_template_card", data=data)
    return found


def test_an_update_changes_only_the_named_members_card(wecom: FakeWecom, client: Client) -> None:
    code = send(client, "zhangsan|lisi", TODO)["response_code"]
    answer = update(client, code, userids=["ZHANGSAN", "Nobody"], button={"replace_name": "已付款"})
    assert answer["invaliduser"] == ["nobody"]
    assert wecom.last("zhangsan").replaced == "已付款"
    assert wecom.last("zhangsan").buttons == ()
    assert wecom.last("lisi").replaced == ""
    assert wecom.last("lisi").key_of("记录承诺") == "t1.promise.T8F3K2"


def test_an_update_may_make_any_card_of_it(wecom: FakeWecom, client: Client) -> None:
    code = send(client, "zhangsan|lisi", TODO)["response_code"]
    update(client, code, atall=1, template_card=CARDS["b_other"]["template_card"])
    for user in ("zhangsan", "lisi"):
        assert wecom.last(user).card["card_type"] == "text_notice"
        assert wecom.last(user).card["task_id"] == TODO["task_id"]
        assert "已由王总批准" in wecom.last(user).text
    answer = send(client, "zhangsan", CARDS["b_confirm"]["template_card"])
    update(client, answer["response_code"], userids=["zhangsan"], template_card=CARDS["a_done"]["template_card"])
    assert wecom.last("zhangsan").replaced == "已承诺 06-13"


def test_an_update_code_serves_once_and_for_72_hours(wecom: FakeWecom, client: Client) -> None:
    dead = {"atall": 1, "button": {"replace_name": "已处理"}}
    code = send(client, "zhangsan", TODO)["response_code"]
    late = send(client, "zhangsan", changed(task_id="late"))["response_code"]
    assert refusal(update, client, code, userids="zhangsan", button=dead["button"]) == 40058
    assert refusal(update, client, code, button=dead["button"]) == 82001
    update(client, code, **dead)
    assert refusal(update, client, code, **dead) == 60140
    assert wecom.wrong[-1] == "message/update_template_card: a response_code for the second time"
    wecom.wrong.clear()
    assert refusal(update, client, "invented", **dead) == 60140
    wecom.pass_time(72 * HOUR + 1)
    client.fetch_access_token()
    assert refusal(update, client, late, **dead) == 60140


def test_another_app_may_not_update_it(wecom: FakeWecom, client: Client) -> None:
    wecom.add_app(1000003, "another-secret")
    code = send(client, "zhangsan", TODO)["response_code"]
    with Client(wecom.corp_id, "another-secret", wecom.url) as other:
        data = {"agentid": 1000003, "response_code": code, "atall": 1, "button": {"replace_name": "x"}}
        assert refusal(other.post, "message/update_template_card", data=data) == 42015
        assert refusal(other.message.send_text, 1000002, "lisi", "x") == 301002
    assert wecom.last("zhangsan").replaced == ""


def test_a_message_is_recalled_within_a_day(wecom: FakeWecom, client: Client) -> None:
    msgid = client.message.send_text(1000002, "zhangsan", "错了")["msgid"]
    client.post("message/recall", data={"msgid": msgid})
    assert wecom.screen("zhangsan") == []
    assert refusal(client.post, "message/recall", data={"msgid": "unknown"}) == 40058
    old = client.message.send_text(1000002, "zhangsan", "旧的")["msgid"]
    wecom.pass_time(24 * HOUR + 1)
    client.fetch_access_token()
    assert refusal(client.post, "message/recall", data={"msgid": old}) == 42052


# --- people, files, menus, links


def test_members_files_and_menus(wecom: FakeWecom, client: Client) -> None:
    assert client.get("user/get", params={"userid": "zhangsan"})["userid"] == "ZhangSan"
    assert refusal(client.get, "user/get", params={"userid": "nobody"}) == 60111
    assert refusal(client.media.upload, "file", ("a.txt", io.BytesIO(b"12345"))) == 40006
    assert refusal(client.media.upload, "audio", ("a.txt", io.BytesIO(b"123456"))) == 40004
    client.menu.create(1000002, {"button": [{"type": "click", "name": "帮助", "key": "help"}]})
    assert client.menu.get(1000002)["button"][0]["key"] == "help"
    assert refusal(client.menu.create, 1000002, {"button": [{"type": "click", "name": "六个汉字太长", "key": "k"}]}) == 40018
    assert refusal(client.menu.create, 1000002, {"button": []}) == 40016
    with pytest.raises(NotThere, match="no entry"):
        wecom.menu_tap("zhangsan", "other")


def test_a_file_is_kept_three_days(wecom: FakeWecom, client: Client) -> None:
    media = client.media.upload("file", ("a.txt", io.BytesIO(b"123456")))["media_id"]
    wecom.pass_time(72 * HOUR + 1)
    client.fetch_access_token()
    message = {"msgtype": "file", "file": {"media_id": media}}
    assert refusal(client.message.send, 1000002, "lisi", msg=message) == 40007


def test_a_link_on_a_card_tells_the_product_who_opened_it(wecom: FakeWecom, client: Client) -> None:
    send(client, "zhangsan", json.loads(json.dumps(TODO).replace("CORPID", wecom.corp_id).replace("t.T8F3K2", "tT8F3K2")))
    link = wecom.last("zhangsan").links[0]
    opened = wecom.open_link("zhangsan", link)
    page = urlsplit(opened.url)
    assert (page.scheme, page.netloc, page.path) == ("https", "ar.example.com", "/w/cb")
    assert parse_qs(page.query) == {"code": [opened.code], "state": ["tT8F3K2"]}
    assert client.get("auth/getuserinfo", params={"code": opened.code})["userid"] == "ZhangSan"
    assert refusal(client.get, "auth/getuserinfo", params={"code": opened.code}) == 40029
    late = wecom.open_link("zhangsan", link)
    wecom.pass_time(301)
    assert refusal(client.get, "auth/getuserinfo", params={"code": late.code}) == 40029
    assert wecom.wrong == ["auth/getuserinfo: a code unknown, used before or over 5 minutes old"] * 2
    wecom.wrong.clear()
    stranger = wecom.open_link("a stranger", link)
    assert "userid" not in client.get("auth/getuserinfo", params={"code": stranger.code})
    assert wecom.lint == []


def test_a_link_with_a_mistake_opens_an_error_page(wecom: FakeWecom) -> None:
    good = TODO["card_action"]["url"].replace("CORPID", wecom.corp_id)
    for change in (
        (wecom.corp_id, "ww1"),
        ("response_type=code", "response_type=token"),
        ("snsapi_base", "all"),
        ("#wechat_redirect", ""),
        ("https%3A%2F%2F", ""),
        ("state=t.T8F3K2", "state=" + "x" * 129),
    ):
        with pytest.raises(Refused):
            wecom.open_link("zhangsan", good.replace(*change))
    wecom.trust("other.example.com")
    with pytest.raises(Refused, match="50001"):
        wecom.open_link("zhangsan", good)
    wecom.trust("ar.example.com")
    wecom.open_link("zhangsan", good)
    assert wecom.lint == ["state 't.T8F3K2': an old page allows a-zA-Z0-9 only"]


# --- tokens, limits and what breaks


def test_tokens(wecom: FakeWecom, client: Client) -> None:
    first = client.fetch_access_token()["access_token"]
    assert client.fetch_access_token()["access_token"] == first
    wecom.expire_tokens()
    assert refusal(client.message.send_text, 1000002, "lisi", "x") == 42001
    client.fetch_access_token()
    wecom.revoke_tokens()
    assert refusal(client.message.send_text, 1000002, "lisi", "x") == 40014
    client.fetch_access_token()
    wecom.pass_time(7201)
    assert refusal(client.message.send_text, 1000002, "lisi", "x") == 42001
    client.fetch_access_token()
    client.message.send_text(1000002, "lisi", "x")
    assert requests.post(wecom.url + "/cgi-bin/message/send", json={}, timeout=5).json()["errcode"] == 41001
    for corp, secret, errcode in (("ww1", wecom.secret, 40013), (wecom.corp_id, "wrong", 40001)):
        with Client(corp, secret, wecom.url) as stranger:
            assert refusal(stranger.fetch_access_token) == errcode


def test_rate_limits(wecom: FakeWecom, client: Client) -> None:
    wecom.limits.on = True
    for number in range(31):
        client.message.send_text(1000002, "lisi", f"{number}")
    assert len(wecom.screen("lisi")) == 30
    assert [payload for _, payload in wecom.dropped] == [{"content": "30"}]
    assert len(wecom.wrong) == 1
    wecom.wrong.clear()
    wecom.pass_time(61)
    client.message.send_text(1000002, "lisi", "later")
    assert wecom.last("lisi").text == "later"
    wecom.limits.api_minute = 1
    with pytest.raises(APILimitedException):
        client.message.send_text(1000002, "lisi", "too fast")
    wecom.pass_time(61)
    client.message.send_text(1000002, "lisi", "slower")


def test_what_breaks_on_the_way(wecom: FakeWecom, client: Client) -> None:
    def say(text: str) -> Any:
        return client.message.send_text(1000002, "lisi", text)

    client.fetch_access_token()
    wecom.faults.errcode("message/send", -1, times=2)
    wecom.faults.errcode("message/send", 45033)
    assert [refusal(say, "x") for _ in range(3)] == [-1, -1, 45033]
    wecom.faults.status("*", 500)
    with pytest.raises(WeChatClientException) as caught:
        say("x")
    assert caught.value.errcode is None
    wecom.faults.garbage("message/send")
    assert isinstance(say("x"), requests.Response)  # wechatpy hands out what it cannot read
    assert wecom.screen("lisi") == []
    wecom.faults.drop("message/send")
    with pytest.raises(requests.ConnectionError):
        say("dropped, but sent")
    client.timeout = 0.1
    wecom.faults.slow("message/send", 0.3)
    with pytest.raises(requests.Timeout):
        say("late, but sent")
    client.timeout = 10
    say("sent")
    assert [one.text for one in wecom.screen("lisi")] == ["dropped, but sent", "late, but sent", "sent"]


def test_wechatpy_left_alone_asks_for_ever(wecom: FakeWecom, client: Client) -> None:
    """Why a product sets auto_retry=False: a 40014 that stays is asked again without end."""
    wecom.faults.errcode("message/send", 40014, times=None)
    client.auto_retry = True
    with pytest.raises(RecursionError):
        client.message.send_text(1000002, "lisi", "x")
    assert len(wecom.calls_of("message/send")) > 50
    wecom.faults.heal("message/send")
    client.message.send_text(1000002, "lisi", "x")
