"""The fake's callback side against a product that decrypts and answers with the unmodified wechatpy."""

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.fakes.wecom import FakeWecom, NotThere, Patience
from tests.fakes.wecom_product import Client, Product, dead_button, passive

CARDS = json.loads((Path(__file__).parents[1] / "data/wecom-cards.json").read_text(encoding="utf-8"))
TODO = CARDS["a_todo"]["template_card"]
PROMISE = "t1.promise.T8F3K2"
SHORT = 0.8  # seconds that stand for WeCom's five


@pytest.fixture
def wecom() -> Iterator[FakeWecom]:
    patience = Patience(post=SHORT, check=SHORT)
    with FakeWecom(members={"ZhangSan": "张三", "lisi": "李四"}, patience=patience) as fake:
        yield fake
        assert fake.wrong == [], "what the product did wrong"
        assert fake.lint == []


@pytest.fixture
def product(wecom: FakeWecom) -> Iterator[Product]:
    with Product(wecom) as found:
        yield found


@pytest.fixture
def client(wecom: FakeWecom) -> Iterator[Client]:
    with Client(wecom.corp_id, wecom.secret, wecom.url) as found:
        yield found


def send(client: Client, to: str = "zhangsan|lisi", card: dict[str, Any] = TODO) -> dict[str, Any]:
    message = {"msgtype": "template_card", "template_card": card}
    found: dict[str, Any] = client.message.send(1000002, to, msg=message)
    return found


def test_the_console_checks_the_url(wecom: FakeWecom, product: Product) -> None:
    found = wecom.verify_url()
    assert (found.status, found.error) == (200, "")
    product.echo = lambda echo: f'"{echo}"\n'
    assert "not exactly" in wecom.verify_url().error
    product.echo = lambda echo: time.sleep(2 * SHORT) or echo  # type: ignore[func-returns-value]
    assert wecom.verify_url().error == f"no answer within {SHORT} s"
    assert len(wecom.wrong) == 2
    wecom.wrong.clear()


def test_a_tap_brings_the_button_and_the_date_and_greys_the_card(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    product.answer = lambda event: dead_button("已承诺 06-13")
    card = wecom.last("zhangsan")
    done = wecom.tap("zhangsan", card, card.key_of("记录承诺"), {"d": "2025-06-13"})
    assert (done.status, len(done.tries), done.problem) == (200, 1, "")
    assert done.reply is not None
    assert (done.reply.kind, done.reply.text) == ("update_button", "已承诺 06-13")
    assert 0 < done.seconds < SHORT
    (event,) = product.events
    assert event.pop("CreateTime").isdigit()
    assert event == {
        "ToUserName": wecom.corp_id,
        "FromUserName": "ZhangSan",
        "MsgType": "event",
        "Event": "template_card_event",
        "EventKey": PROMISE,
        "TaskId": TODO["task_id"],
        "CardType": "button_interaction",
        "ResponseCode": done.response_code,
        "AgentID": "1000002",
        "SelectedItems": {"SelectedItem": {"QuestionKey": "d", "OptionIds": {"OptionId": "2025-06-13"}}},
    }
    assert wecom.last("zhangsan").replaced == "已承诺 06-13"
    assert wecom.last("lisi").replaced == "", "only the card of the member who tapped"


def test_what_is_not_on_the_card_cannot_be_tapped(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    card = wecom.last("zhangsan")
    for key, selected in (
        ("t1.other", {}),
        (PROMISE, {"d": "2030-01-01"}),
        (PROMISE, {"e": "none"}),
        (PROMISE, {"d": ["2025-06-11", "2025-06-13"]}),
    ):
        with pytest.raises(NotThere):
            wecom.tap("zhangsan", card, key, selected)
    with pytest.raises(NotThere, match="no such message"):
        wecom.tap("lisi", "another message", PROMISE)
    assert product.events == []
    product.answer = lambda event: dead_button("已处理")
    wecom.tap("zhangsan", card, PROMISE)
    with pytest.raises(NotThere, match="no button"):
        wecom.tap("zhangsan", card, PROMISE)
    product.answer = lambda event: ""
    stale = wecom.tap("zhangsan", card, "t1.paid.T8F3K2", stale=True)
    assert (stale.status, stale.reply) == (200, None)
    assert [event["EventKey"] for event in product.events] == [PROMISE, "t1.paid.T8F3K2"]


FORM = (
    "<MsgType>update_template_card</MsgType><TemplateCard><CardType>multiple_interaction</CardType>"
    "<MainTitle><Title><![CDATA[争议 ]]]]><![CDATA[> INV-2031]]></Title></MainTitle>"
    "<SelectList><QuestionKey>why</QuestionKey><Title>原因</Title>"
    "<OptionList><Id>none</Id><Text>请选择</Text></OptionList><OptionList><Id>price</Id><Text>价格</Text></OptionList>"
    "<Disable>false</Disable></SelectList>"
    "<SelectList><QuestionKey>d</QuestionKey><OptionList><Id>2025-06-13</Id><Text>周五</Text></OptionList></SelectList>"
    "<SubmitButton><Text>提交</Text><Key>t1.submit</Key></SubmitButton></TemplateCard>"
)
CLOSED = (
    "<MsgType>update_template_card</MsgType><TemplateCard><CardType>button_interaction</CardType>"
    "<MainTitle><Title>争议已登记</Title></MainTitle>"
    "<HorizontalContentList><KeyName>记录人</KeyName><Value>张三</Value></HorizontalContentList>"
    "<ButtonList><Text>已记录</Text><Style>3</Style><Key>t1.noop</Key></ButtonList>"
    "<CardAction><Type>1</Type><Url>https://ar.example.com/t</Url></CardAction>"
    "<ReplaceText>已登记</ReplaceText></TemplateCard>"
)


def test_a_dispute_goes_through_a_form_on_the_same_card(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    answers = {"t1.dispute.T8F3K2": FORM, "t1.submit": CLOSED}
    product.answer = lambda event: answers[event["EventKey"]]
    wecom.tap("zhangsan", wecom.last("zhangsan"), "t1.dispute.T8F3K2")
    form = wecom.last("zhangsan")
    assert "争议 ]]> INV-2031" in form.text
    assert form.questions["why"].options == {"none": "请选择", "price": "价格"}
    wecom.tap("zhangsan", form, form.key_of("提交"), {"why": "price"})
    items = product.events[1]["SelectedItems"]["SelectedItem"]
    chosen = {item["QuestionKey"]: item["OptionIds"]["OptionId"] for item in items}
    assert chosen == {"why": "price", "d": "2025-06-13"}
    assert product.events[1]["TaskId"] == TODO["task_id"]
    closed = wecom.last("zhangsan")
    assert (closed.replaced, closed.buttons) == ("已登记", ())
    assert "记录人 张三" in closed.text
    assert wecom.last("lisi").card == TODO


def test_the_menu_of_a_card_and_of_the_app(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    card = wecom.last("lisi")
    wecom.tap("lisi", card, card.key_of("今天不再提醒"))
    entry = {"type": "click", "name": "帮助", "key": "help"}
    client.menu.create(1000002, {"button": [{"name": "更多", "sub_button": [entry]}]})
    product.answer = lambda event: "<MsgType>text</MsgType><Content>您好</Content>"
    wecom.menu_tap("lisi", "help")
    wecom.enter_agent("lisi")
    names = [(event["Event"], event["EventKey"]) for event in product.events]
    assert names == [("template_card_menu_event", "m1.mute.T8F3K2"), ("click", "help"), ("enter_agent", None)]
    assert [one.text for one in wecom.screen("lisi")[1:]] == ["您好", "您好"]


def test_what_a_member_types_comes_with_a_message_id(wecom: FakeWecom, product: Product) -> None:
    said = wecom.say("lisi", "/balance <华东> & ]]>")
    (event,) = product.events
    assert (event["Content"], event["MsgId"], event["MsgType"]) == ("/balance <华东> & ]]>", said.message_id, "text")
    assert "Event" not in event
    assert (said.status, said.body, wecom.screen("lisi")) == (200, "", [])


# --- late, wrong and repeated


def test_a_late_answer_is_asked_again_and_its_update_is_lost(wecom: FakeWecom, product: Product, client: Client) -> None:
    """The first handling outlives the deadline, the retry finds it known: the API must repair the card."""
    send(client)
    product.answer = lambda event: dead_button("已承诺")
    product.slow = [1.5 * SHORT]
    done = wecom.tap("zhangsan", wecom.last("zhangsan"), PROMISE)
    assert [(one.status, one.error) for one in done.tries] == [(0, f"no answer within {SHORT} s"), (200, "")]
    assert len({one.query for one in done.tries}) == 2, "a new nonce and signature each time"
    assert (done.reply, len(product.events)) == (None, 1)
    assert wecom.last("zhangsan").replaced == ""
    assert wecom.wrong == [f"tap of {PROMISE} by zhangsan, try 1: no answer within {SHORT} s"]
    wecom.wrong.clear()
    data = {"agentid": 1000002, "response_code": done.response_code, "atall": 1, "button": {"replace_name": "已承诺"}}
    client.post("message/update_template_card", data=data)
    assert [wecom.last(user).replaced for user in ("zhangsan", "lisi")] == ["已承诺", "已承诺"]


def test_a_passive_update_uses_up_the_taps_code(wecom: FakeWecom, product: Product, client: Client) -> None:
    code = send(client)["response_code"]
    product.answer = lambda event: dead_button("已承诺")
    done = wecom.tap("zhangsan", wecom.last("zhangsan"), PROMISE)
    data = {"agentid": 1000002, "userids": ["lisi"], "button": {"replace_name": "由张三处理"}}
    with pytest.raises(Exception, match="60140"):
        client.post("message/update_template_card", data={**data, "response_code": done.response_code})
    wecom.wrong.clear()
    client.post("message/update_template_card", data={**data, "response_code": code})
    assert wecom.last("lisi").replaced == "由张三处理"


def test_errors_are_retried_three_times(wecom: FakeWecom, product: Product) -> None:
    product.statuses = [500, 502, 403]
    assert [one.status for one in wecom.say("lisi", "您好").tries] == [500, 502, 403, 200]
    product.statuses = [500] * 4
    given_up = wecom.say("lisi", "还在吗")
    assert (given_up.status, len(given_up.tries)) == (500, 4)
    assert len({one.query for one in given_up.tries}) == 4
    assert [event["Content"] for event in product.events] == ["您好"]
    assert len(wecom.wrong) == 7
    wecom.wrong.clear()


def test_nobody_listens(wecom: FakeWecom) -> None:
    wecom.set_callback("http://127.0.0.1:9/nobody")
    assert [one.status for one in wecom.say("lisi", "您好").tries] == [0] * 4
    assert all("Connect" in one for one in wecom.wrong)
    wecom.wrong.clear()


GOOD = dead_button("好")


@pytest.mark.parametrize(
    ("inner", "problem"),
    [
        ("<MsgType>update_news</MsgType>", "MsgType 'update_news'"),
        ("<MsgType>text</MsgType><Content>x</Content>", "a tap may not be answered with text"),
        ("<MsgType>update_button</MsgType>", "without <Button>"),
        ("<MsgType>update_button</MsgType><Button><ReplaceName/></Button>", "needs one <ReplaceName>"),
        ("<MsgType>update_button</MsgType", "is not XML"),
        ("<MsgType>update_button</MsgType>" + "<ToUserName>lisi</ToUserName>", "needs one <ToUserName>"),
        ("<MsgType>update_template_card</MsgType>", "without <TemplateCard>"),
        (FORM.replace("QuestionKey", "question_key"), "not CamelCase"),
        (FORM.replace("Disable>false", "Disable>maybe"), "bad value"),
        (FORM.replace("<SubmitButton>", "<Other>1</Other><SubmitButton>"), "unknown ['other']"),
        (CLOSED.replace("KeyName", "Keyname"), "writes KeyName"),
        (CLOSED.replace("<Style>3", "<Style>9"), "is one of"),
        (CLOSED.replace("ButtonList", "Buttons"), "unknown ['buttons']"),
        (CLOSED.replace("<ReplaceText>", "<CardType>text_notice</CardType><ReplaceText>"), "twice"),
    ],
)
def test_a_bad_passive_reply_is_written_down_and_changes_nothing(
    wecom: FakeWecom, product: Product, client: Client, inner: str, problem: str
) -> None:
    send(client)
    product.answer = lambda event: inner
    done = wecom.tap("zhangsan", wecom.last("zhangsan"), PROMISE)
    assert problem in done.problem
    assert done.reply is None
    assert wecom.last("zhangsan").card == TODO
    assert [done.problem in one for one in wecom.wrong] == [True]
    wecom.wrong.clear()


def test_a_passive_card_may_not_take_another_cards_task(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    send(client, card={**TODO, "task_id": "another"})
    card = CLOSED.replace("</TemplateCard>", "<TaskId>{}</TaskId></TemplateCard>")
    product.answer = lambda event: card.format("another")
    assert "42014" in wecom.tap("lisi", wecom.screen("lisi")[0], PROMISE).problem
    assert wecom.screen("lisi")[0].replaced == ""
    assert len(wecom.wrong) == 1
    wecom.wrong.clear()
    product.answer = lambda event: card.format(TODO["task_id"])
    wecom.tap("lisi", wecom.screen("lisi")[0], "t1.paid.T8F3K2")
    assert wecom.screen("lisi")[0].replaced == "已登记"


def test_the_envelope_of_a_passive_reply_is_checked_as_well(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    event = {"FromUserName": "ZhangSan", "ToUserName": wecom.corp_id}
    good = product.crypto.encrypt_message(passive(event, GOOD), "7")
    other = type(product.crypto)(wecom.token, wecom.aes_key, "ww1").encrypt_message(passive(event, GOOD), "7")
    mine = product.crypto.encrypt_message(passive({**event, "FromUserName": "lisi"}, GOOD), "7")
    bodies = {
        "success": "is not XML",
        "<html></html>": "begins with <html>",
        passive(event, GOOD): "needs one <Encrypt>",
        good.replace("<Nonce><![CDATA[7", "<Nonce><![CDATA[8"): "signature is wrong",
        good.replace("<TimeStamp>", "<TimeStamp>x"): "TimeStamp",
        "<!DOCTYPE x>" + good: "document type",
        other: "not for",
        mine: "ToUserName is not ZhangSan",
    }
    card = wecom.last("zhangsan")
    for number, (body, problem) in enumerate(bodies.items()):
        product.raw = [body.encode()]
        key = [button.key for button in card.buttons if button.key][number % 5]
        wecom.line.patience.retries = 0
        product._seen.clear()
        assert problem in wecom.tap("zhangsan", card, key).problem
    assert wecom.last("zhangsan").replaced == ""
    assert len(wecom.wrong) == len(bodies)
    wecom.wrong.clear()


def test_two_taps_at_once_are_two_events_with_two_codes(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client)
    product.answer = lambda event: dead_button("已处理")
    card = wecom.last("zhangsan")
    keys = [PROMISE, "t1.paid.T8F3K2"]
    taps = [threading.Thread(target=wecom.tap, args=("zhangsan", card, key), kwargs={"stale": True}) for key in keys]
    for one in taps:
        one.start()
    for one in taps:
        one.join()
    assert sorted(event["EventKey"] for event in product.events) == sorted(keys)
    assert len({event["ResponseCode"] for event in product.events}) == 2


# --- strangers


# What wechatpy's crypto alone lets through: signatures are right there, and it looks at no time, size or app.
LET_THROUGH = {"stale", "oversized", "another app"}


def test_posts_of_strangers(wecom: FakeWecom, product: Product) -> None:
    wecom.line.patience.post = 5
    for kind in wecom.bad_posts():
        product.events.clear()
        status = wecom.bad_post(kind, "ZhangSan", "/promise").status
        taken = [event.get("Content") for event in product.events]
        assert (status, taken) == ((200, ["/promise"]) if kind in LET_THROUGH else (403, [])), kind
    assert wecom.screen("zhangsan") == []


def test_a_replayed_post_is_the_same_bytes(wecom: FakeWecom, product: Product) -> None:
    product.answer = lambda event: "<MsgType>text</MsgType><Content>好</Content>"
    first = wecom.say("lisi", "您好")
    assert first.body != ""
    again = wecom.replay(first)
    assert (again.status, again.body, len(product.events)) == (200, "", 1)


# --- a human


def test_the_page_for_humans_plays_the_members(wecom: FakeWecom, product: Product, client: Client) -> None:
    send(client, card=json.loads(json.dumps(TODO).replace("CORPID", wecom.corp_id).replace("state=t.", "state=t")))
    assert "企业微信" in requests.get(wecom.url + "/", timeout=5).text
    state = requests.get(wecom.url + "/human/state", timeout=5).json()
    shown = state["people"][0]["chat"][0]
    assert shown["buttons"][0]["text"] == "记录承诺"
    product.answer = lambda event: dead_button("已承诺")
    tap = {"do": "tap", "user": "ZhangSan", "msgid": shown["msgid"], "key": PROMISE, "selected": {"d": ["none"]}}
    assert requests.post(wecom.url + "/human/act", json=tap, timeout=5).status_code == 200
    assert wecom.last("zhangsan").replaced == "已承诺"
    again = requests.post(wecom.url + "/human/act", json=tap, timeout=5)
    assert (again.status_code, "no button" in again.text) == (400, True)
    said = {"do": "say", "user": "lisi", "text": "您好"}
    assert requests.post(wecom.url + "/human/act", data=json.dumps(said), timeout=5).status_code == 415
    product.answer = lambda event: ""
    assert requests.post(wecom.url + "/human/act", json=said, timeout=5).status_code == 200
    assert product.events[-1]["Content"] == "您好"
    asked = {"user": "lisi", "url": shown["links"][0]}
    opened = requests.get(wecom.url + "/human/open", params=asked, timeout=5, allow_redirects=False)
    assert opened.headers["Location"].startswith("https://ar.example.com/w/cb?code=")
