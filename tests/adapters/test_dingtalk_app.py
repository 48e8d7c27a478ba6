"""The whole product through DingTalk: from an imported invoice to a promise that was made on a phone."""

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from sqlalchemy import Engine, select

from bot.adapters.check import Finding
from bot.adapters.dingtalk import template, text
from bot.adapters.dingtalk.check import check
from bot.adapters.memory import Memory
from bot.app import App
from core import accounts, ingest
from core.models import Account, Person, Promise
from core.models.base import table_of
from core.time import utcnow
from tests.adapters.dingtalk_product import (
    APPROVE,
    CANARY,
    NOW,
    TEMPLATE,
    Product,
    card,
    hidden,
    played,
    products,
    settings,
    sqlite,
)
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk, Seen

MORNING = datetime(2026, 7, 2, 1, 0, tzinfo=UTC)  # 09:00 in Shanghai, the day after the due day
FILES = {
    "people": "handle,name,roles,manager\nwang,王总,sales_manager,\nli,李四,rep,wang\n",
    "customers": "code,name,owner\nC1,甲公司,li\nC2,乙**公司**,li\n",
    "receivables": "number,customer,issued_on,due_on,amount,currency\nI1,C1,2026-06-01,2026-07-01,120000.00,CNY\n",
}


class Whole:
    """The App in a thread of its own, with a clock that stands still."""

    def __init__(self, fake: FakeDingTalk, url: str, folder: Path, **group: Any) -> None:
        self.fake, self.now = fake, MORNING
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        self.app = App(settings(fake, database_url=url, **group), clock=lambda: self.now)
        for kind, lines in FILES.items():
            path = folder / f"{kind}.csv"
            path.write_text(lines, encoding="utf-8")
            report = ingest.run(lambda: self.app.work(self.now), kind, path)
            assert not report.to_json().get("rejected"), report.to_json()
        self.run(self.app.start())
        fake.wait_connected()

    def run(self, steps: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(steps, self.loop).result(30)

    def link(self, **users: str) -> None:
        with self.app.work(self.now) as work:
            for handle, user in users.items():
                person = work.session.execute(select(Person).where(table_of(Person).c.handle == handle)).scalar_one()
                work.session.add(Account(person_id=person.id, messenger="dingtalk", user_id=user))

    def morning(self) -> Seen:
        self.run(self.app.tick(self.now))
        return [each for each in self.fake.screen("li") if each.sender == "robot"][-1]

    def promises(self) -> list[Any]:
        with self.app.transactions.look(self.now) as work:
            return [(str(p.due_on), p.amount_minor) for p in work.session.execute(select(Promise)).scalars()]

    def states(self) -> list[str]:
        with self.app.transactions.look(self.now) as work:
            return [str(p.state) for p in work.session.execute(select(Promise)).scalars()]

    def end(self) -> None:
        self.run(self.app.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def fake() -> Iterator[FakeDingTalk]:
    with played() as running:
        yield running


@pytest.fixture
def whole(fake: FakeDingTalk, databases: Databases, tmp_path: Path) -> Iterator[Callable[..., Whole]]:
    made: list[tuple[Whole, str]] = []

    def make(*, cards: bool = True, **group: Any) -> Whole:
        url = databases.create("sqlite")
        made.append((Whole(fake, url, tmp_path, cards=cards, **group), url))
        return made[-1][0]

    yield make
    for each, url in made:
        each.end()
        databases.drop(url)


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    yield from sqlite(databases)


@pytest.fixture
def product(fake: FakeDingTalk, engine: Engine) -> Iterator[Callable[..., Product]]:
    yield from products(fake, engine)


# --- stories ---


def test_a_promise_on_a_card(whole: Callable[..., Whole], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture) -> None:
    hk = whole()
    hk.link(li="li", wang="wang")
    seen = hk.morning()
    assert "甲公司" in seen.variables["content"] and "¥120,000.00" in seen.variables["content"]
    fake.tap("li", seen.card, "登记结果")
    fake.submit("li", seen.card, {"result": "promise"})
    fake.submit("li", seen.card, {"date": "2026-07-01"})
    assert fake.card("li", seen.card).variables["notice"] and fake.card("li", seen.card).form  # a day that has been
    answer = fake.submit("li", seen.card, {"date": "2026-07-08"})
    assert answer.applied and answer.seconds is not None and answer.seconds < 1.5
    after = fake.card("li", seen.card).variables
    assert "7月8日" in after["title"] + after["content"] + after["notice"] or "承诺" in after["title"], after
    assert hk.promises() == [("2026-07-08", 12_000_000)]
    puts = [call for call in fake.calls("/v1.0/card/instances") if call.method == "PUT"]
    assert puts == []  # the answer carried the card
    [answer_card] = fake.say("li", "/balance 甲公司", replies=1).messages
    assert "¥120,000.00" in answer_card.text + "".join(answer_card.variables.values())
    assert hidden(caplog.records) and not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_promise_in_text_mode(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole(cards=False)
    hk.link(li="li")
    seen = hk.morning()
    assert seen.kind == "markdown" and "甲公司" in seen.text
    [question] = fake.follow("li", seen, next(iter(seen.links)), replies=1).messages
    day = next(label for label in question.links if "明天" in label)
    [done] = fake.follow("li", question, day, replies=1).messages
    assert done.text.startswith("甲公司：") and hk.promises() == [("2026-07-03", 12_000_000)]
    again = fake.follow("li", question, day, replies=1).messages  # and maybe the note that closes the first one
    assert all(each.text for each in again) and again and len(hk.promises()) == 1


def test_the_amount_is_typed_in_text_mode(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole(cards=False)
    hk.link(li="li")
    seen = hk.morning()
    fake.follow("li", seen, next(iter(seen.links)), replies=1)
    assert fake.say("li", "1 7-8 5万", replies=1).messages[0].text
    assert hk.promises() == [("2026-07-08", 5_000_000)]


def test_an_approval_in_text_mode_asks_once_more(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole(cards=False)
    hk.link(li="li", wang="wang")
    hk.morning()
    fake.say("li", "/promise C1 9-30", replies=1)
    hk.run(hk.app.deliver(hk.now))
    card = [each for each in fake.screen("wang") if each.sender == "robot" and "批准" in each.links][-1]

    [question] = fake.follow("wang", card, "批准", replies=1).messages
    assert "甲公司" in question.text and "¥120,000.00" in question.text and list(question.links) == ["确认", "取消"]
    [said] = fake.follow("wang", question, "取消", replies=1).messages
    assert said.text == "甲公司：已取消，没有任何变化" and hk.states() == ["proposed"]

    [again] = fake.follow("wang", card, "批准", replies=1).messages
    assert again.title == question.title and again.links != question.links
    [said] = fake.follow("wang", again, "确认", replies=1).messages
    assert said.text.startswith("甲公司：") and hk.states() == ["open"]
    told = fake.follow("wang", question, "确认", replies=1).messages
    assert "王总 已批准" in "".join(each.text for each in told), told  # the older question, too late


def test_a_number_answers_what_a_link_has_asked(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole(cards=False)
    hk.link(li="li", wang="wang")
    hk.morning()
    fake.say("li", "/promise C1 9-30", replies=1)
    hk.run(hk.app.deliver(hk.now))
    card = [each for each in fake.screen("wang") if each.sender == "robot" and "批准" in each.links][-1]
    fake.follow("wang", card, "批准", replies=1)
    assert hk.states() == ["proposed"]
    fake.say("wang", "1", replies=1)
    assert hk.states() == ["open"]


def test_where_cards_show_the_question_is_one(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole()
    hk.link(li="li", wang="wang")
    hk.morning()
    fake.say("li", "/promise C1 9-30", replies=1)
    hk.run(hk.app.deliver(hk.now))
    [question] = fake.say("wang", "1", replies=1).messages
    assert question.kind == "card" and "¥120,000.00" in question.variables["content"] and hk.states() == ["proposed"]
    fake.tap("wang", question.card, "确认")
    seen = fake.card("wang", question.card)
    assert hk.states() == ["open"] and seen.buttons == () and seen.variables["title"].startswith("甲公司：")


def test_a_group_does_not_see_what_an_approval_asks(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole(cards=False)
    hk.link(li="li", wang="wang")
    hk.morning()
    fake.say("li", "/promise C1 9-30", replies=1)
    hk.run(hk.app.deliver(hk.now))
    card = [each for each in fake.screen("wang") if each.sender == "robot" and "批准" in each.links][-1]
    said = unquote(card.links["批准"].removeprefix(text.SAYS))
    messages = fake.say_in_group("wang", "cid-group", said, replies=2).messages
    told = {each.conversation: each.text for each in messages}
    assert told["cid-group"] == "已私聊发送" and "¥120,000.00" in told[None]


def test_an_ambiguous_name_is_picked_on_a_card(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole()
    hk.link(li="li")
    [choice] = fake.say("li", "/balance 公司", replies=1).messages
    assert choice.kind == "card" and "乙\\*\\*公司\\*\\*" in choice.variables["content"]
    fake.tap("li", choice.card, choice.buttons[0].text)
    seen = fake.card("li", choice.card)
    fake.submit("li", choice.card, {"pick": seen.form[0]["options"][0]["value"]})
    assert fake.card("li", choice.card).variables["title"] != choice.variables["title"]


def test_the_manager_sees_and_others_dont(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole()
    hk.link(li="li", wang="wang")
    seen = hk.morning()
    before = dict(fake.card("li", seen.card).variables)
    fake.tap("stranger", seen.card, "登记结果", anyway=True, change={"corpId": "dingfakecorp"}, replies=0)
    assert fake.card("li", seen.card).variables == before and hk.promises() == []


def test_an_account_is_linked_with_a_code(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole()
    assert "绑定" in fake.say("li", "/todo", replies=1).messages[0].text
    with hk.app.work(hk.now) as work:
        li = work.session.execute(select(Person).where(table_of(Person).c.handle == "li")).scalar_one()
        code = accounts.issue(work, li.id or 0)
    assert "李四" in fake.say("li", f"绑定 {code}", replies=1).messages[0].text
    fake.say("li", "/todo", replies=1)
    assert "甲公司" in hk.morning().variables["content"]


def test_after_a_lost_answer_the_card_is_there_once(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole()
    hk.link(li="li")
    fake.drop("/v1.0/card/instances/createAndDeliver")
    hk.run(hk.app.tick(hk.now))
    hk.now += timedelta(minutes=5)
    hk.run(hk.app.deliver(hk.now))
    [seen] = fake.screen("li")
    fake.tap("li", seen.card, "登记结果")
    assert fake.card("li", seen.card).form


# --- to-dos ---


def test_a_task_is_a_todo_until_its_card_closes(whole: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = whole(todo_creator="u-wang")
    hk.link(li="li")
    seen = hk.morning()
    [todo] = fake.wait_for(lambda: fake.todos("li"))
    assert todo.source_id == seen.card and "甲公司" in todo.subject and not todo.done
    fake.tap("li", seen.card, "登记结果")
    fake.submit("li", seen.card, {"result": "promise"})
    fake.submit("li", seen.card, {"date": "2026-07-08"})
    assert fake.card("li", seen.card).variables["status_text"] == "已结束"
    fake.wait_for(lambda: fake.todos("li")[0].done)
    assert len(fake.calls("/topapi/v2/user/get")) == 1


def test_a_todo_that_is_there_already_is_taken_over(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(todo_creator="u-wang")
    ref = hk.send().ref
    fake.wait_for(lambda: fake.todos("li"))
    hk.send()
    shut = card(APPROVE, closed=True)
    from bot.adapters.base import DeliveryRef
    from tests.adapters.dingtalk_product import LI

    hk.run(hk.adapter.update(DeliveryRef(LI, ref, 1, 2), shut))
    fake.wait_for(lambda: [each.done for each in fake.todos("li")] == [True])


# --- doctor ---


def found(fake: FakeDingTalk, engine: Engine, **group: Any) -> dict[str, str]:
    return {each.name.removeprefix("dingtalk."): each.state for each in findings(fake, engine, **group)}


def findings(fake: FakeDingTalk, engine: Engine, **group: Any) -> list[Finding]:
    cards = bool(group.pop("cards", True))
    findings = asyncio.run(check(settings(fake, cards=cards, **group), engine))
    assert all(each.message_zh and each.message_en and CANARY not in repr(each) for each in findings)
    assert all(each.hint_zh and each.hint_en for each in findings if each.state != "ok")
    return findings


def test_doctor_finds_it_well(fake: FakeDingTalk, engine: Engine) -> None:
    well = {"secret": "ok", "stream": "ok", "clock": "ok", "corp_id": "ok", "robot": "ok", "cards": "ok", "calls": "ok"}
    assert found(fake, engine, cards=False) == well
    assert fake.calls_used() == 1 and fake.connections() == 0
    assert found(fake, engine) == well
    assert fake.calls_used() == 3 and all(fake.screen(user) == [] for user in ("li", "wang"))  # a card for nobody
    assert found(fake, engine, todo_creator="u-wang") == {**well, "todo": "ok"}
    assert fake.world.todos == {} and fake.calls_used() == 8


def cards_found(fake: FakeDingTalk, engine: Engine, **group: Any) -> Finding:
    return one_found("cards", fake, engine, **group)


def one_found(name: str, fake: FakeDingTalk, engine: Engine, **group: Any) -> Finding:
    return next(each for each in findings(fake, engine, **group) if each.name == f"dingtalk.{name}")


DENIED = "Forbidden.AccessDenied.AccessTokenPermissionDenied"


@pytest.mark.parametrize("cards", [True, False])
def test_doctor_asks_whether_the_robot_may_speak(fake: FakeDingTalk, engine: Engine, cards: bool) -> None:
    fake.fail("/v1.0/robot/*", status=403, code=DENIED)
    denied = one_found("robot", fake, engine, cards=cards)
    assert denied.state == "fail" and "qyapi_robot_sendmsg" in denied.hint_zh and "qyapi_robot_sendmsg" in denied.hint_en
    fake.fail("/v1.0/robot/*", status=403, code="Forbidden.AccessDenied.IpNotInWhiteList")
    outside = one_found("robot", fake, engine, cards=cards)
    assert outside.state == "fail" and "IP" in outside.hint_zh and "IP" in outside.hint_en
    for status, code in ((400, "invalidParameter.robotCode.auth"), (404, "resource.not.found")):
        fake.fail("/v1.0/robot/*", status=status, code=code, message="robot 不存在")
        unknown = one_found("robot", fake, engine, cards=cards)
        assert unknown.state == "fail" and "HUIKUAN_DINGTALK_ROBOT_CODE" in unknown.hint_zh
    used_up = "Forbidden.AccessDenied.ApiCountLimitForOrg"
    for status, code in ((503, "ServiceUnavailable"), (403, "QpsLimit"), (403, used_up)):
        fake.fail("/v1.0/robot/*", status=status, code=code)
        assert one_found("robot", fake, engine, cards=cards).state == "warn"  # that says nothing of the robot


def test_doctor_finds_a_robot_that_is_not_there(fake: FakeDingTalk, engine: Engine) -> None:
    unknown = one_found("robot", fake, engine, cards=False, robot_code="dingwrong")
    assert unknown.state == "fail" and "HUIKUAN_DINGTALK_ROBOT_CODE" in unknown.hint_en
    fake.wrong.clear()


def test_doctor_asks_whether_todos_can_be_made(fake: FakeDingTalk, engine: Engine) -> None:
    def todo() -> Finding:
        return one_found("todo", fake, engine, cards=False, todo_creator="u-wang")

    assert todo().state == "ok"
    for creator in ("u-nobody", "wang"):  # a userId is no unionId
        wrong = one_found("todo", fake, engine, cards=False, todo_creator=creator)
        assert wrong.state == "fail" and "HUIKUAN_DINGTALK_TODO_CREATOR" in wrong.hint_zh and "unionId" in wrong.hint_en
    for code, message in (("60011", ""), ("88", "ding talk error[subcode=60011,submsg=没有调用该接口的权限]")):
        fake.fail("/topapi/*", status=200, code=code, message=message, times=2)
        unread = todo()
        fake.clear_troubles()
        assert unread.state == "fail" and "qyapi_get_member" in unread.hint_zh and "qyapi_get_member" in unread.hint_en
    for call, right in (("GET", "Todo.Todo.Read"), ("PUT", "Todo.Todo.Write")):
        fake.fail(f"{call} /v1.0/todo/*", status=403, code=DENIED)
        denied = todo()
        assert denied.state == "fail" and right in denied.hint_zh and right in denied.hint_en
    fake.fail("PUT /v1.0/todo/*", status=503)
    assert todo().state == "warn"
    assert "dingtalk.todo" not in {each.name for each in findings(fake, engine, cards=False)}  # nobody set it


def test_doctor_tries_the_template(fake: FakeDingTalk, engine: Engine) -> None:
    assert cards_found(fake, engine).message_en.startswith("card mode")
    assert cards_found(fake, engine, cards=False).message_en.startswith("text mode")
    fake.fail("/v1.0/card/instances", status=403, code="Forbidden.AccessDenied.AccessTokenPermissionDenied")
    denied = cards_found(fake, engine)
    assert denied.state == "fail" and "Card.Instance.Write" in denied.hint_zh and "PermissionDenied" in denied.message_en
    assert "Streaming" not in denied.hint_zh + denied.hint_en, "nothing is streamed, so nobody has to allow it"
    fake.fail("/v1.0/card/instances", status=403, code="Forbidden.AccessDenied.ApiCountLimitForOrg")
    assert cards_found(fake, engine).state == "warn"  # that says nothing of the template
    fake.fail("/v1.0/card/instances", status=503, code="ServiceUnavailable")
    assert cards_found(fake, engine).state == "warn"
    fake.world.templates[TEMPLATE].published = False
    unpublished = cards_found(fake, engine)
    assert unpublished.state == "fail" and "templateUnpublished" in unpublished.message_zh
    assert "HUIKUAN_DINGTALK_CARD_TEMPLATE" in unpublished.hint_zh


def test_doctor_finds_what_is_wrong(fake: FakeDingTalk, engine: Engine) -> None:
    assert found(fake, engine, client_secret="x") == {"secret": "fail", "corp_id": "ok", "calls": "ok"}
    assert found(fake, engine, corp_id="")["corp_id"] == "warn"
    assert found(fake, engine, api_url="http://127.0.0.1:9")["secret"] == "fail"
    fake.fail("/v1.0/gateway/connections/open", status=403, code="Forbidden")
    assert found(fake, engine, cards=False)["stream"] == "fail"
    memory, month = Memory(engine, "dingtalk"), f"{utcnow().astimezone(settings(fake, cards=True).zone):%Y-%m}"
    memory.count(f"calls:{month}", 80, NOW)
    assert found(fake, engine, monthly_calls=100)["calls"] == "warn"
    assert found(fake, engine, monthly_calls=80)["calls"] == "fail"
    assert found(fake, engine, monthly_calls=0)["calls"] == "ok"
    for creator, said in (("", False), ("union-1", True)):  # nobody is told to switch off what is off
        hint = findings(fake, engine, monthly_calls=80, todo_creator=creator)[-1].hint_zh
        assert ("待办同步" in hint) is said and "升级钉钉版本" in hint


def test_a_clock_that_is_off_is_found() -> None:
    from bot.adapters.dingtalk.check import _clock

    said = "Wed, 08 Jul 2026 01:00:00 GMT"
    states = [_clock(said, NOW + timedelta(seconds=each)).state for each in (0, 90, -900)]
    assert states == ["ok", "warn", "fail"] and _clock("", NOW).state == "ok"


# --- the template ---


def test_the_file_that_is_shipped_is_the_template() -> None:
    shipped = Path(template.__file__).with_name(template.FILE).read_text(encoding="utf-8")
    assert shipped == template.text(), "write it anew: template.text()"


def test_the_command_writes_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from bot.cli import app as command
    from bot.cli.frame import run

    assert run(command, ["dingtalk", "template"]) == 0
    assert capsys.readouterr().out == template.text()
    assert run(command, ["dingtalk", "template", str(tmp_path / "card.json")]) == 0
    assert (tmp_path / "card.json").read_text(encoding="utf-8") == template.text()
    assert run(command, ["dingtalk", "template", str(tmp_path / "no" / "card.json")]) != 0
