"""What changes beneath cards that stand in a chat: the reader's language, the country's clocks, a day more in February."""

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.adapters.contract_rigs import PLACES, Dingtalk, Slack
from tests.adapters.contract_wecom import Wecom
from tests.adapters.contract_world import Make, World, until
from tests.harness import ONE_STEP

REAL = [name for name in PLACES if name != "local"]
CHANGES = ["slack", "slack-http", "dingtalk"]  # a card may change at any time
BERLIN = ZoneInfo("Europe/Berlin")


def chinese(text: str) -> str:
    """What of it is Chinese, but for the customer's name."""
    return "".join(char for char in text.replace("甲", "") if "\u4e00" <= char <= "\u9fff")


# --- another language ---


@pytest.mark.parametrize("place", CHANGES)
def test_a_card_is_drawn_anew_in_the_language_of_now(company: Make, place: str) -> None:
    hk = company(PLACES[place]())
    hk.first()
    hk.person("li", locale="en")
    hk.pay("甲", "20000.00", "I1")
    until(lambda: "¥100,000.00" in hk.shown("li")[0].text)
    card, *notes = hk.shown("li")
    assert "overdue" in card.text.lower() and chinese(card.text + "".join(note.text for note in notes)) == ""
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: hk.shown("li")[0].closed)
    assert chinese(hk.shown("li")[0].text) == ""


@pytest.mark.parametrize("place", REAL)
def test_who_speaks_another_language_now_is_answered_in_it(company: Make, place: str) -> None:
    """The card stands in Chinese; its tap works, and what is said then is English."""
    made = PLACES[place]()
    hk = company(made)
    card = hk.first()
    hk.say("li", "/lang en")
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: any("Promise" in shown.text and chinese(shown.text) == "" for shown in made.shown("li")))


@pytest.mark.parametrize("place", ["slack", "dingtalk", "wecom"])
def test_an_unclear_card_in_the_language_of_before_stands_once(company: Make, place: str) -> None:
    """The very same is sent again, whatever language is spoken by now: else it would stand there twice."""
    made = PLACES[place]()
    hk = company(made)
    hk.told()
    made.lose_answer()
    hk.beat("2026-07-02 09:00")
    hk.person("li", locale="en")
    for minute in ("02", "05"):
        hk.beat(f"2026-07-02 09:{minute}")
    [card] = made.shown("li")
    assert "重发" not in card.text and "Sent again" not in card.text
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: made.shown("li")[0].closed)
    assert "Promise" in made.shown("li")[0].text


# --- the clock of the country ---


def berlin(hk: World, text: str, fold: int = 0) -> None:
    """What is due at this time of Berlin goes out. `fold` 1: the hour that comes twice, for the second time."""
    hk.now = datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).astimezone(ZoneInfo("UTC"))
    hk.run(hk.app.tick(hk.now))


@pytest.mark.parametrize("place", [Slack, Dingtalk, Wecom])
@pytest.mark.parametrize(
    ("due", "morning", "night", "end", "after"),
    [
        ("2026-10-22", "2026-10-23", ("2026-10-25 02:30", "2026-10-25 02:30"), "2026-10-27", "2026-10-28"),
        ("2026-03-26", "2026-03-27", ("2026-03-29 01:59", "2026-03-29 03:00"), "2026-03-31", "2026-04-01"),
    ],
)
def test_an_answer_is_due_at_the_same_hour_after_the_clocks_were_changed(
    company: Make,
    monkeypatch: pytest.MonkeyPatch,
    place: Any,
    due: str,
    morning: str,
    night: tuple[str, str],
    end: str,
    after: str,
) -> None:
    monkeypatch.setenv("HUIKUAN_TIMEZONE", "Europe/Berlin")
    made = place()
    hk = company(made)
    hk.begin(f"{due} 18:00")
    hk.policy(ONE_STEP)
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due=due, number="I1", issued=due)
    berlin(hk, f"{morning} 09:05")
    [card] = made.shown("li")
    assert f"{int(end[5:7])}月{end[8:]}日 18:00" in card.text and "逾期 1 天" in card.text
    for fold, at in enumerate(night):
        berlin(hk, at, fold)
    berlin(hk, f"{end} 17:55")
    assert hk.tasks("甲") == [("li", "open")] and len(made.shown("li")) == 1
    berlin(hk, f"{after} 09:05")
    assert [who for who, _ in hk.tasks("甲")] == ["li", "wang"]
    hk.tap("li", card.ref, date=(date.fromisoformat(after) + timedelta(days=1)).isoformat())
    until(lambda: hk.promises("甲") == ["open"])


# --- a day more in February ---


@pytest.mark.parametrize("place", [Slack, Dingtalk, Wecom])
def test_the_29th_of_february_is_a_day_like_any_other(company: Make, place: Any) -> None:
    """Promised for it, it is kept on it; one day late is the first of March."""
    made = place()
    hk = company(made)
    hk.begin("2028-02-28 08:00")
    hk.policy(ONE_STEP)
    for code, due in (("甲", "2028-02-27"), ("乙", "2028-02-29")):
        hk.customer(code, "li")
        hk.receivable(code, "100.00", due=due, number=f"I-{code}", issued="2028-02-01")
    hk.beat("2028-02-28 09:05")
    [card] = made.shown("li")
    hk.tap("li", card.ref, date="2028-02-29")
    until(lambda: hk.promises("甲") == ["open"])
    until(lambda: "2月29日" in made.shown("li")[0].text)
    hk.beat("2028-02-29 18:30")
    assert hk.promises("甲") == ["open"] and len(made.shown("li")) == 1
    hk.beat("2028-03-01 09:05")
    [late] = [shown for shown in made.shown("li") if "乙" in shown.text]
    assert "逾期 1 天" in late.text and "2月29日" in late.text
