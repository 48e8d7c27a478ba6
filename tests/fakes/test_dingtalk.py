"""The fake DingTalk: chats, cards, to-dos. The dingtalk-stream SDK is the official one, over real sockets."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import dingtalk_stream
import pytest
import requests

from tests.fakes.dingtalk import FakeDingTalk, NotOnScreen, Seen
from tests.fakes.dingtalk_product import (
    BUTTONS,
    DELIVER,
    TEMPLATE,
    Json,
    Product,
    card,
    change,
    played,
    products,
    template,
    variable,
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDingTalk]:
    yield from played(monkeypatch)


@pytest.fixture
def product(fake: FakeDingTalk) -> Iterator[Callable[..., Product]]:
    yield from products(fake)


# --- chat -----------------------------------------------------------------------------------------


def test_a_person_asks_and_the_robot_answers_through_the_session(fake: FakeDingTalk, product: Any) -> None:
    def answer(data: Json) -> str:
        body = {"msgtype": "text", "text": {"content": f"听到 {data['text']['content'].strip()}"}}
        assert requests.post(data["sessionWebhook"], json=body, timeout=5).json()["errcode"] == 0
        return "OK"

    running = product(answer)
    heard = fake.say("li", "/balance 甲公司", replies=1)
    assert (heard.acked, heard.code, heard.response, heard.pushes) == (True, 200, "OK", 1)
    assert heard.seconds is not None and heard.seconds < 2
    assert [message.text for message in heard.messages] == ["听到 /balance 甲公司"]
    assert [(each.sender, each.text) for each in fake.screen("li")] == [
        ("li", "/balance 甲公司"),
        ("robot", "听到 /balance 甲公司"),
    ]
    assert fake.screen("wang") == []

    in_group = fake.say_in_group("wang", "cid-group", "余额", replies=1)
    assert [message.conversation for message in in_group.messages] == ["cid-group"]
    incoming = dingtalk_stream.ChatbotMessage.from_dict(running.chats.heard[-1])
    assert (incoming.conversation_type, incoming.text.content, incoming.is_in_at_list) == ("2", " 余额", True)
    assert incoming.sender_staff_id == "wang"


def test_somebody_from_outside_has_no_staff_id(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    fake.add_user("eve", "u-eve", "", "外人", corp_id="dingother")
    fake.say("eve", "/balance")
    fake.say("li", "hello", change={"chatbotCorpId": "dingother"}, without=["text"])
    first, second = running.chats.heard
    assert "senderStaffId" not in first and first["senderCorpId"] == "dingother"
    assert second["chatbotCorpId"] == "dingother" and "text" not in second


def test_a_session_ends_and_says_so(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    fake.say("li", "hello")
    fake.advance(5401)
    body = {"msgtype": "text", "text": {"content": "zu spät"}}
    answer = requests.post(running.chats.heard[0]["sessionWebhook"], json=body, timeout=5)
    assert answer.status_code == 200 and answer.json()["errcode"] != 0
    assert len(fake.wrong) == 1 and fake.screen("li")[-1].text == "hello"
    fake.wrong.clear()


def test_a_link_speaks_for_the_person_who_follows_it(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    link = "[明天付](dtmd://dingtalkclient/sendMessage?content=%2Fpromise%20T118%202026-11-22)"
    assert running.send("li", title="待办", text=f"甲公司 {link} [网页](https://example.com)")[0] == 200
    message = fake.screen("li")[-1]
    assert message.kind == "markdown" and message.title == "待办"
    fake.follow("li", message, "明天付")
    assert running.chats.heard[-1]["text"]["content"] == "/promise T118 2026-11-22"
    assert not fake.follow("li", message, "网页").acked
    with pytest.raises(NotOnScreen):
        fake.follow("li", message, "后天付")

    body = {"robotCode": fake.robot_code, "openConversationId": "cid-group", "msgKey": "sampleMarkdown"}
    param = json.dumps({"title": "x", "text": link})
    assert running.call("POST", "/v1.0/robot/groupMessages/send", {**body, "msgParam": param})[0] == 200
    fake.follow("wang", fake.screen("wang")[-1], "明天付")
    assert len(fake.wrong) == 1 and "group" in fake.wrong[0]
    fake.wrong.clear()


# --- messages the robot sends ---------------------------------------------------------------------


def test_twenty_at_once_and_not_one_more(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    fake.invalid("wang")
    fake.flow_control("li")
    status, answer = running.send("li", "wang", "nobody")
    assert status == 200 and answer["invalidStaffIdList"] == ["wang", "nobody"]
    assert answer["flowControlledStaffIdList"] == ["li"] and fake.screen("li") == []
    assert running.send("li")[1]["flowControlledStaffIdList"] == []
    assert fake.wrong == []

    refused = [
        running.send(*(f"user{i}" for i in range(21))),
        running.send("li", key="sampleCard", title="x"),
        running.send("li", key="sampleText", text="wrong name"),
        running.send_raw(userIds=["li"], msgKey="sampleText", msgParam="hi"),
        running.send_raw(userIds=["li"], msgKey="sampleText", msgParam={"content": "hi"}),
        running.send_raw(userIds=["li"], msgKey="sampleText", msgParam='{"content": "hi"}', text="hi"),
        running.send("li", key="sampleText", content="字" * 5001),
    ]
    assert [status for status, _ in refused] == [400] * len(refused)
    assert all({"code", "message", "requestid"} == set(answer) for _, answer in refused)
    assert len(fake.wrong) == len(refused) and len(fake.screen("li")) == 1
    fake.wrong.clear()


def test_read_and_recalled(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    key = running.send("li")[1]["processQueryKey"]
    where = f"/v1.0/robot/oToMessages/readStatus?robotCode={fake.robot_code}&processQueryKey={key}"
    assert running.call("GET", where)[1]["messageReadInfoList"][0]["readStatus"] == "UNREAD"
    fake.read("li")
    assert running.call("GET", where)[1]["messageReadInfoList"][0]["readStatus"] == "READ"
    body = {"robotCode": fake.robot_code, "processQueryKeys": [key, "other"]}
    answer = running.call("POST", "/v1.0/robot/otoMessages/batchRecall", body)[1]
    assert answer["successResult"] == [key] and list(answer["failedResult"]) == ["other"]
    assert fake.screen("li") == []


# --- cards ----------------------------------------------------------------------------------------


def test_a_promise_is_made_on_a_card(fake: FakeDingTalk, product: Any) -> None:
    def answer(data: Json) -> Json:
        held = json.loads(data["content"])["cardPrivateData"]
        if held["actionIds"] == ["promise"]:
            assert held["params"] == {"v": "7"}
            return {**change(show_form="true", btns="[]"), "userPrivateData": {"cardParamMap": {"mine": "你正在填写"}}}
        assert held["actionIds"] == ["sent"]
        form = held["params"]["form"]
        assert form == {"day": "2026-12-01", "scope": {"index": 1, "value": "2"}, "amount": "320000", "v": "7"}
        return change(status_text=f"已承诺 {form['day']}", show_form="false")

    running = product(answer)
    status, delivered = running.call("POST", DELIVER, card())
    assert status == 200 and delivered["result"]["deliverResults"][0]["success"] is True
    first = fake.screen("li")[-1]
    assert [each.text for each in first.buttons] == ["承诺付款日", "有争议"] and first.form == ()
    with pytest.raises(NotOnScreen, match="greyed"):
        fake.tap("li", "hk:test:1", "dispute")

    tapped = fake.tap("li", "hk:test:1", "promise")
    assert tapped.applied and tapped.code == 200
    shown = fake.card("li", "hk:test:1")
    assert shown.variables["title"] == "逾期催收" and shown.variables["mine"] == "你正在填写"
    assert shown.buttons == () and len(shown.form) == 4
    with pytest.raises(NotOnScreen, match="日期"):
        fake.submit("li", shown, {"scope": "提额"})
    with pytest.raises(NotOnScreen, match="DATE"):
        fake.submit("li", shown, {"day": "1.12.2026"})
    with pytest.raises(NotOnScreen, match="no fields"):
        fake.submit("li", shown, {"day": "2026-12-01", "v": "8"})

    assert fake.submit("li", shown, {"day": "2026-12-01", "scope": "提额"}).applied
    assert fake.card("li", "hk:test:1").variables["status_text"] == "已承诺 2026-12-01"
    # A person whose client still shows the old card, and one who was never sent it.
    assert fake.tap("li", first, "promise").applied
    with pytest.raises(NotOnScreen):
        fake.tap("wang", "hk:test:1", "promise")
    fake.call(lambda: fake.world.cards["hk:test:1"].data.update(btns=BUTTONS))
    assert fake.tap("wang", "hk:test:1", "promise", anyway=True).acked
    assert running.cards.heard[-1]["userId"] == "wang"


def test_an_update_is_by_key_or_replaces_everything(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    running.call("POST", DELIVER, card())
    put = {"outTrackId": "hk:test:1", "userIdType": 1}
    private = {"privateData": {"li": {"cardParamMap": {"mine": "只给李四"}}}}
    assert running.call("PUT", "/v1.0/card/instances", {**put, **private, **change(status_text="已付")})[0] == 200
    seen = fake.card("li", "hk:test:1").variables
    assert (seen["title"], seen["status_text"], seen["mine"]) == ("逾期催收", "已付", "只给李四")
    assert running.call("PUT", "/v1.0/card/instances", {**put, "cardData": {"cardParamMap": {"title": "新"}}})[0] == 200
    assert fake.card("li", "hk:test:1").variables == {"title": "新", "mine": "只给李四"}
    assert running.call("PUT", "/v1.0/card/instances", {**put, "outTrackId": "none"})[0] == 400
    assert fake.wrong == []


def test_cards_that_dingtalk_refuses_or_does_not_deliver(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    assert running.call("POST", DELIVER, card(cardData={"cardParamMap": {"title": 5}}))[0] == 400
    assert running.call("POST", DELIVER, card(cardTemplate="x"))[0] == 400
    assert running.call("POST", DELIVER, card(openSpaceId=""))[0] == 400
    assert len(fake.wrong) == 3 and "int" in fake.wrong[0]
    fake.wrong.clear()

    spaces = ["dtv1.card//IM_GROUP.cid-group", "dtv1.card//IM_ROBOT.nobody", "IM_ROBOT.li"]
    for number, space in enumerate(spaces):
        status, answer = running.call("POST", DELIVER, card(openSpaceId=space, outTrackId=f"hk:test:{number}"))
        (result,) = answer["result"]["deliverResults"]
        assert (status, result["success"], result["errorMsg"]) == (200, False, "spaceId is illegal")
    assert fake.screen("li") == [] and fake.wrong == []

    model = {"imGroupOpenSpaceModel": {}, "imGroupOpenDeliverModel": {"robotCode": fake.robot_code, "recipients": ["wang"]}}
    group = card(openSpaceId=spaces[0], outTrackId="hk:group", **model)
    assert running.call("POST", DELIVER, group)[1]["result"]["deliverResults"][0]["success"] is True
    assert fake.screen("li") == [] and fake.screen("wang")[0].conversation == "cid-group"
    assert fake.tap("wang", "hk:group", "promise").acked


def test_create_and_deliver_apart_and_twice(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    whole = card()
    sent = {key: whole.pop(key) for key in ("openSpaceId", "imRobotOpenDeliverModel")}
    assert running.call("POST", "/v1.0/card/instances", whole) == (200, {"success": True, "result": "hk:test:1"})
    assert fake.screen("li") == []
    delivery = {**sent, "outTrackId": "hk:test:1", "userIdType": 1}
    for _ in range(2):
        status, answer = running.call("POST", "/v1.0/card/instances/deliver", delivery)
        assert status == 200 and answer["result"][0]["success"] is True
    assert running.call("POST", DELIVER, card())[0] == 200
    assert len(fake.screen("li")) == 1


def test_a_wrong_template_is_told_to_nobody_but_the_person(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    answer = running.call("POST", DELIVER, card(cardTemplateId="foreign.schema"))[1]
    assert answer["result"]["deliverResults"][0]["success"] is True
    (seen,) = fake.screen("li")
    assert (seen.problem, seen.variables, seen.buttons) == ("内容加载失败", {}, ())
    with pytest.raises(NotOnScreen, match="内容加载失败"):
        fake.tap("li", "hk:test:1", "promise")
    fake.add_template("draft.schema", TEMPLATE, published=False)
    status, answer = running.call("POST", DELIVER, card(cardTemplateId="draft.schema", outTrackId="hk:test:2"))
    assert (status, answer["code"]) == (400, "param.templateUnpublished")


def test_what_a_template_does_not_show_is_wrong(fake: FakeDingTalk, product: Any) -> None:
    running = product(lambda _: change(notice=5))  # type: ignore[arg-type]
    running.call("POST", DELIVER, card(userIdType=2, privateData={"li": {"cardParamMap": {"title": "nicht privat"}}}))
    put = {"outTrackId": "hk:test:1", "userIdType": 1}
    running.call("PUT", "/v1.0/card/instances", {**put, **change(subtitle="x")})
    running.call("PUT", "/v1.0/card/instances", {**put, **change(content="x" * 3001)})
    assert not fake.tap("li", "hk:test:1", "promise").applied
    running.call("PUT", "/v1.0/card/instances", {**put, **change(btns='[{"text":"x"}]')})
    assert fake.card("li", "hk:test:1").problem.startswith("内容加载失败")
    expected = ["userIdType", "title is not private", "no variable subtitle", "3001 characters", "notice is int"]
    expected.append("does nothing")
    assert [part in found for part, found in zip(expected, fake.wrong, strict=True)] == [True] * 6
    fake.wrong.clear()


def test_a_template_with_single_buttons(fake: FakeDingTalk, product: Any) -> None:
    """The way out should a ButtonGroup not work in a plain card: buttons in the template, shown on a condition."""
    shown = {"valueType": "condition", "condition": {"op": "and", "conditions": [{"op": "isTrue", "variable": "open"}]}}
    props = {
        "text": {"type": "dynamicString", "content": "${label}"},
        "actionType": "request",
        "actionId": {"type": "dynamicString", "content": "task.${which}"},
        "params": [{"type": "fixed", "name": "v", "value": "7"}],
        "visible": shown,
    }
    exported = template(variable("label"), variable("which"), variable("open"))
    editor = json.loads(exported["editorData"])
    editor["schema"]["componentsTree"] = [{"componentName": "SingleButton", "props": props}]
    fake.add_template("single.schema", json.dumps({**exported, "editorData": json.dumps(editor)}))
    running = product(lambda _: change(open="false"))
    values = {"label": "承诺", "which": "promise", "open": "true"}
    running.call("POST", DELIVER, card(cardTemplateId="single.schema", cardData={"cardParamMap": values}))
    assert fake.tap("li", "hk:test:1", "承诺").applied and fake.card("li", "hk:test:1").buttons == ()
    held = json.loads(running.cards.heard[-1]["content"])["cardPrivateData"]
    assert held == {"actionIds": ["task.promise"], "params": {"v": "7"}}


# --- to-dos and people ----------------------------------------------------------------------------


def test_a_todo_from_its_making_to_its_end(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    path = "/v1.0/todo/users/u-wang/tasks"
    body = {"sourceId": "hk:todo:118", "subject": "催收 甲公司", "creatorId": "u-wang", "executorIds": ["u-li"]}
    status, made = running.call("POST", path + "?operatorId=u-wang", {**body, "dueTime": 1_790_000_000_000})
    assert status == 200 and [each.subject for each in fake.todos("li")] == ["催收 甲公司"]
    again = running.call("POST", path, body)
    assert (again[0], again[1]["code"], again[1]["message"]) == (400, "todo.taskCreate.paramError", "task exist")
    assert running.call("GET", f"{path}/sources/hk:todo:118")[1]["id"] == made["id"]
    assert running.call("PUT", f"{path}/{made['id']}?operatorId=u-wang", {"subject": "催收 乙公司"})[1] == {"result": True}
    assert fake.tick_todo("li", "hk:todo:118").done
    assert running.call("GET", f"{path}/{made['id']}")[1]["done"] is True
    rows = {"executorStatusList": [{"id": "u-li", "isDone": False}]}
    assert running.call("PUT", f"{path}/{made['id']}/executorStatus", rows)[0] == 200
    assert not fake.todos("li")[0].done and fake.wrong == []
    assert running.call("DELETE", f"{path}/{made['id']}?operatorId=u-wang")[0] == 200
    assert fake.todos("li") == [] and running.call("GET", f"{path}/{made['id']}")[0] == 400

    refused = [{"executorIds": ["li"]}, {"dueTime": 1_790_000_000}, {"subject": "x" * 1025}, {"priority": 5}, {"who": "li"}]
    for number, part in enumerate(refused):
        assert running.call("POST", path, {**body, "sourceId": f"n{number}", **part})[0] == 400
    assert len(fake.wrong) == len(refused) and "it is a userId" in fake.wrong[0]
    fake.wrong.clear()


def test_people_are_found_by_mobile_and_by_both_ids(fake: FakeDingTalk, product: Any) -> None:
    running = product()
    assert running.oapi("/topapi/v2/user/getbymobile", {"mobile": "13800000001"})["result"]["userid"] == "li"
    detail = running.oapi("/topapi/v2/user/get", {"userid": "li", "language": "zh_CN"})["result"]
    assert (detail["unionid"], detail["name"]) == ("u-li", "李四")
    assert running.oapi("/topapi/user/getbyunionid", {"unionid": "u-wang"})["result"]["userid"] == "wang"
    assert running.oapi("/topapi/v2/user/getbymobile", {"mobile": "1"})["errcode"] == 60121
    keys = {"appkey": fake.client_id, "appsecret": fake.client_secret}
    token = requests.get(f"{fake.oapi}/gettoken", params=keys, timeout=5).json()["access_token"]
    where = f"{fake.oapi}/media/upload?access_token={token}&type=image"
    answer = requests.post(where, files={"media": ("a.png", b"png", "image/png")}, timeout=5).json()
    assert answer["errcode"] == 0 and fake.world.media[answer["media_id"]] == b"png"


def test_a_seen_message_is_only_a_picture(fake: FakeDingTalk) -> None:
    assert isinstance(fake.add_user("zhao", "u-zhao", "", "赵"), object) and fake.screen("zhao") == []
    with pytest.raises(NotOnScreen):
        fake.screen("nobody")
    with pytest.raises(NotOnScreen):
        fake.tap("zhao", Seen("m", "card", "robot", None, card="x"), "promise")
