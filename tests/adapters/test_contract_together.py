"""One company that runs all messengers at once: a task opened in one of them closes in another, whoever answers first."""

import asyncio
import json
import logging
import threading
import traceback
from contextlib import suppress
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from bot.adapters.build import messenger
from bot.app import App
from bot.doctor import examine
from bot.settings import GROUP_SECRETS, Settings
from core.errors import ConfigError
from tests.adapters.contract_rigs import PLACES, Dingtalk, DingtalkText, Local, Slack, SlackHttp
from tests.adapters.contract_wecom import Wecom, WecomRobot
from tests.adapters.contract_words import CANARY, DAY
from tests.adapters.contract_world import Make, World, hurried, on_each_database, until
from tests.harness import ONE_STEP
from tests.rigs import wecom
from tests.rigs.wecom_browser import ONCE, Browser

HOMES = {
    "li": ("slack",), "wang": ("wecom",), "zhao": ("dingtalk",), "lin": ("dingtalk",), "fm": ("local",),
    "zhou": ("local",), "cai": ("local",), "ada": ("local",),
}  # fmt: skip
COMMAND = {"slack": "slack", "dingtalk": "钉钉", "wecom": "企业微信"}


@pytest.fixture
def hk(company: Make) -> World:
    """li on Slack, wang on WeCom, zhao and lin on DingTalk, everybody else in the local messenger."""
    return company(Slack(), Dingtalk(), Wecom(), Local(), homes=HOMES)


def overdue(hk: World) -> None:
    """甲 of li is one day late, and one step of dunning asks for an answer within two working days."""
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1", issued="2026-06-01")
    hk.morning("2026-07-02")


# --- everybody in a messenger of their own ---


def test_silence_climbs_from_one_messenger_to_the_next(hk: World) -> None:
    overdue(hk)
    assert "逾期 1 天" in hk.shown("li")[-1].text
    for day, silent, told in (("2026-07-07", "li", "wang"), ("2026-07-10", "wang", "zhao"), ("2026-07-15", "zhao", "fm")):
        hk.morning(day)
        card = hk.shown(told)[-1]
        assert silent in card.text and "甲" in card.text and card.actions, told
        if silent != "wang":  # a card of WeCom changes once, which is kept for its end
            until(lambda told=told, silent=silent: f"已上报{told}" in hk.shown(silent)[0].text)
    hk.tap("zhao", hk.shown("zhao")[-1].ref, date="2026-07-17")
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: hk.shown("li")[0].closed and hk.shown("zhao")[-1].closed and hk.shown("fm")[-1].closed)
    # WeCom lets a card be changed for 72 hours: after that one sentence says what became of it.
    until(lambda: "承诺" in hk.shown("wang")[-1].text)
    assert hk.tasks("甲") == [(who, "answered") for who in ("li", "wang", "zhao", "fm")]


@on_each_database
def test_a_result_in_one_closes_the_cards_in_the_others(hk: World) -> None:
    overdue(hk)
    hk.morning("2026-07-07")
    hk.tap("wang", hk.shown("wang")[-1].ref, date="2026-07-10")
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: hk.shown("li")[0].closed and hk.shown("wang")[-1].closed)
    assert "已承诺" in hk.shown("li")[0].text and len(hk.shown("li")) == len(hk.shown("wang")) == 1


@on_each_database
def test_two_at_once_from_two_messengers(hk: World) -> None:
    overdue(hk)
    hk.morning("2026-07-07")
    cards = {who: hk.shown(who)[-1].ref for who in ("li", "wang")}
    start, said = threading.Barrier(2), {}

    def press(who: str) -> None:
        start.wait()
        said[who] = hk.tap(who, cards[who], date="2026-07-10")

    threads = [threading.Thread(target=press, args=(who,)) for who in cards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert hk.promises("甲") == ["open"]
    outcomes = sorted(reply.outcome for _, reply in hk.replies if not reply.asks)
    assert outcomes.count("done") == 1 and set(outcomes) <= {"done", "already", "stale"} and all(said.values())
    until(lambda: hk.shown("li")[0].closed and hk.shown("wang")[-1].closed)


@on_each_database
def test_everybody_asks_at_once_and_hears_their_own(hk: World) -> None:
    overdue(hk)
    heard: dict[str, str] = {}
    asking = [threading.Thread(target=lambda who=who: heard.update({who: hk.say(who, "/whoami")})) for who in HOMES]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(20)
    assert {who for who, words in heard.items() if who in words} == set(HOMES)


# --- one person in two messengers ---


PAIRS = [
    (Slack, Dingtalk), (Dingtalk, Wecom), (Wecom, DingtalkText), (SlackHttp, Wecom), (DingtalkText, Slack),
    (WecomRobot, Slack), (Dingtalk, WecomRobot),
]  # fmt: skip


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_what_one_messenger_cannot_show_the_other_does(company: Make, first: Any, second: Any) -> None:
    one, other = first(), second()
    hk = company(one, other)
    hk.told()
    for _ in range(3):
        one.too_many(1)
    hk.beat("2026-07-02 09:00")
    hk.beat("2026-07-02 09:05")
    assert one.shown("li") == other.shown("li") == []
    hk.beat("2026-07-02 09:10")  # the third time it is enough
    assert one.shown("li") == [] and len(other.shown("li")) == 1
    assert other.tap("li", other.shown("li")[0].ref, "task.promise", {"date": "2026-07-03"})
    until(lambda: hk.promises("甲") == ["open"])


@pytest.mark.parametrize(("first", "second"), [(Slack, Dingtalk), (Dingtalk, Wecom), (Wecom, Slack), (WecomRobot, Slack)])
def test_what_may_have_been_shown_goes_nowhere_else(company: Make, first: Any, second: Any) -> None:
    one, other = first(), second()
    hk = company(one, other)
    hk.told()
    one.lose_answer()
    for minute in ("00", "05", "10", "15"):
        hk.beat(f"2026-07-02 09:{minute}")
    first_card, *again = one.shown("li")
    assert "重发" not in first_card.text and other.shown("li") == []
    # A robot can't be asked what it has shown: the second copy stands in the same chat, and says that it is one.
    assert len(again) <= (0 if one.proves else 1) and all("重发" in card.text for card in again)


@pytest.mark.parametrize(
    ("first", "second"),
    [(Slack, Dingtalk), (Dingtalk, Wecom), (Wecom, Slack), (DingtalkText, Local), (WecomRobot, Slack), (Slack, WecomRobot)],
)
def test_notify_moves_the_cards(company: Make, first: Any, second: Any) -> None:
    one, other = first(), second()
    hk = company(one, other)
    hk.first()
    assert len(one.shown("li")) == 1 and other.shown("li") == []
    assert one.say("li", f"推送 {COMMAND.get(other.messenger, '本地')}")
    hk.customer("乙", "li")
    hk.receivable("乙", "50.00", due="2026-07-02", number="I2", issued="2026-06-02")
    hk.morning("2026-07-03")
    assert any("乙" in each.text for each in other.shown("li")) and not any("乙" in each.text for each in one.shown("li"))
    # A card stays where it stands, and is answered there.
    one.tap("li", one.shown("li")[0].ref, "task.promise", {"date": "2026-07-03"})
    until(lambda: hk.promises("甲") == ["open"])


@pytest.mark.parametrize("place", [Wecom, WecomRobot])
def test_a_code_asked_for_in_one_links_the_account_in_another(company: Make, place: Any) -> None:
    slack, wecom = Slack(), place()
    hk = company(slack, wecom, homes={who: ("slack",) for who in HOMES})
    hk.first()
    wecom.account("phone")
    said = slack.say("li", "绑定")
    code = said.partition("：绑定 ")[2].split()[0]
    assert "绑定成功" in wecom.say("phone", f"绑定 {code}")
    assert "li" in wecom.say("phone", "/whoami")


# --- what only WeCom has ---


class Unheard(WecomRobot):
    """A robot to whom nobody has said anything yet."""

    def hired(self, handle: str) -> None: ...


def test_who_never_wrote_to_the_robot_is_told_elsewhere(company: Make) -> None:
    robot, slack = Unheard(), Slack()
    hk = company(robot, slack)
    hk.told()
    hk.morning("2026-07-02")
    assert robot.shown("li") == [] and len(slack.shown("li")) == 1
    assert robot.say("li", "帮助")  # from now on it may write
    hk.customer("乙", "li")
    hk.receivable("乙", "50.00", due="2026-07-02", number="I2", issued="2026-06-02")
    hk.morning("2026-07-03")
    assert any("乙" in each.text for each in robot.shown("li"))


@on_each_database
def test_a_form_while_the_database_is_busy_says_so(company: Make) -> None:
    """The others ask within themselves: their forms are the taps of the contract."""
    place = Wecom()
    hk = company(place)
    card = hk.first()
    hk.impatient_database()
    seen = place.fake.last("Li")
    browser = Browser(place.fake, "Li", place._base)
    with hk.locked():
        answer = browser.get(place._base + wecom._form(seen).removeprefix(wecom.PUBLIC), **ONCE)
    assert answer.status_code == 503 and "没有保存" in answer.text
    page = browser.enter(wecom._form(seen))
    with hk.locked():
        answer = browser.save(page, "task.promise", date=DAY)
    assert "没有保存" in answer.text
    assert hk.promises("甲") == []
    assert browser.save(page, "task.promise", date=DAY).status_code == 200
    assert hk.promises("甲") == ["open"] and card.ref


@on_each_database
def test_a_database_that_is_away_for_all_of_wecoms_tries(company: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some tries end late, some in time and in vain: whichever is the last one, the person is told."""
    place = Wecom()
    hk = company(place)
    hurried(monkeypatch)
    card = hk.first()
    hk.impatient_database()
    monkeypatch.setattr(hk.adapter._desk._answers, "to", slowly(hk.adapter._desk._answers.to, 0.6))
    with hk.locked():
        hk.tap("li", card.ref)
        until(lambda: hk.sees_now("li", "没有保存，请再按一次"), "not saved is read")
    place.forgive()
    assert hk.promises("甲") == []


def slowly(do: Any, seconds: float) -> Any:
    async def late(event: Any, until: float, receive: Any) -> Any:
        await asyncio.sleep(seconds if event.selected else 0)
        return await do(event, until, receive)

    return late


# --- secrets ---


def examined(settings: Settings, hk: World) -> str:
    return json.dumps(examine(settings, hk.now, lang="zh"), ensure_ascii=False, default=str)


@pytest.mark.parametrize("place", [p for p in PLACES if p != "local"])
def test_secrets_stay_out_of_doctor_and_of_errors(company: Make, place: str) -> None:
    made = PLACES[place]()
    hk = company(made)
    hk.first()
    seen = [examined(hk.settings, hk), repr(hk.settings), str(hk.settings), repr(hk.adapter), repr(vars(hk.adapter))]
    own = getattr(hk.settings, made.messenger)
    address = {name: "http://127.0.0.1:9" for name in ("api_url", "oapi_url") if hasattr(own, name)}
    away = hk.settings.model_copy(update={made.messenger: own.model_copy(update=address)})
    seen.append(examined(away, hk))
    made.end_token()
    seen.append(examined(hk.settings, hk))
    made.renew_token()
    malformed = own.model_copy(update={name: SecretStr(f" {CANARY} ") for name in GROUP_SECRETS[made.messenger]})
    try:
        messenger(made.messenger, hk.settings.model_copy(update={made.messenger: malformed}), hk.app.engine, hk.app.clock)
    except ConfigError:
        seen.append(traceback.format_exc())
    refused: dict[str, Any] = {
        "timezone": "nowhere",
        made.messenger: {"api_url": 7, **{n: [CANARY] for n in GROUP_SECRETS[made.messenger]}},
    }
    with pytest.raises(ValidationError) as raised:
        Settings(**refused)
    seen += [str(raised.value), repr(raised.value)]
    assert [secret for secret in made.secrets() for text in seen if secret in text] == []


def test_the_databases_password_stays_out_of_doctor_and_of_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings(database_url=f"postgresql://huikuan:{CANARY}@127.0.0.1:1/huikuan", messengers=("local",))
    app = App(settings)
    seen = [repr(settings), repr(app.engine)]
    with suppress(Exception):
        try:
            with app.transactions.look(app.clock()):
                raise AssertionError("somebody listens at port 1")
        except Exception:
            seen.append(traceback.format_exc())
            raise
    seen.append(json.dumps(examine(settings, app.clock(), lang="en"), default=str))
    app.engine.dispose()
    assert "unreachable" in seen[2] and not [text for text in [*seen, caplog.text] if CANARY in text]


@pytest.mark.parametrize("first", [Dingtalk, DingtalkText])
def test_whose_month_is_used_up_tells_elsewhere_at_once(company: Make, first: Any) -> None:
    """And who is nowhere else is told as soon as there are calls again."""
    one, other = first(), Slack()
    hk = company(one, other, homes={"li": (one.messenger, "slack"), "wang": (one.messenger,)})
    hk.told()
    hk.customer("乙", "wang")
    hk.receivable("乙", "50.00", due="2026-07-01", number="I2", issued="2026-06-02")
    one.fake.set_quota(0)
    hk.beat("2026-07-02 09:00")
    assert one.shown("li") == one.shown("wang") == [] and len(other.shown("li")) == 1
    for hour in range(10, 19):
        hk.beat(f"2026-07-02 {hour}:00")
    one.fake.set_quota(None)
    hk.beat("2026-07-02 19:00")
    hk.morning("2026-07-03")
    assert one.shown("wang") and len(other.shown("li")) == 1
