"""One contract for every messenger: the same short stories, over real sockets, with the real product behind them.

Where a case can't apply, the comment says why and the test asserts what happens instead.
"""

import asyncio
import logging
import threading
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from bot.adapters.base import DeliveryRef, NotThere, Refused, Retry, Sent, Unknown
from bot.card import Action, Card, Choice, Field, Input
from bot.fit import fit
from core import accounts
from core.errors import Unreachable
from core.models import Account, InboundEvent
from core.models.base import table_of
from tests.adapters.contract_wecom import ROBOT
from tests.adapters.contract_words import DAY, NO_FRAMES, WORD
from tests.adapters.contract_world import World, hurried, on_each_database, until
from tests.logs import written

NOT_SAVED, LINE_NOT_SAVED = "没有保存，请再按一次", "没有保存，请再发一次"
HOSTILE = (
    "<!channel>", "**x**", "]]>", "{{7*7}}", "[a](http://x)", "🦊甲", "<b>&amp;", "_u_ ~~s~~", "> q", "# h", "长" * 200,
)  # fmt: skip
CARD = Card(
    kind="task.overdue", lang="zh", tone="warning", title="逾期 7 天 · 华兴商贸", text="请在 18:00 前登记结果。",
    fields=(Field("客户", "华兴商贸"), Field("逾期金额", "¥120,000.00")),
    actions=(Action("task.promise", "承诺日期", "date", (Input("date", "date", True, "承诺回款日"),), "primary"),),
)  # fmt: skip
MANY = tuple(Choice(f"c{n}", f"选项{n}" * 10) for n in range(100))
GIANT = replace(
    CARD, title="题" * 500, text="文" * 50_000, footer="尾" * 5_000,
    fields=tuple(Field("名" * 200, "值" * 3_000) for _ in range(60)),
    rows=tuple(("格" * 500, "x" * 500) for _ in range(100)), rows_more=7,
    actions=tuple(
        Action(f"task.a{n}", "按" * 300, "form", (Input("reason", "choice", True, "因" * 300, MANY),)) for n in range(12)
    ),
)  # fmt: skip


def send(hk: World, card: Card, key: str) -> Any:
    to = hk.address("li")
    return hk.run(hk.adapter.send(to, fit(card, hk.adapter.capabilities(to), today=hk.now.date())[0], key))


def find(hk: World, key: str) -> Any:
    return hk.run(hk.adapter.find(hk.address("li"), key, b""))


def events(hk: World) -> int:
    with hk.look() as work:
        return len(work.session.execute(select(table_of(InboundEvent).c.id)).all())


def forgiven(place: Any) -> None:
    """What the fake had to find wrong in this story."""
    if hasattr(place, "forgive"):
        place.forgive()


# --- out: sent, found, changed ---


@on_each_database
def test_a_card_is_shown_once_under_the_name_that_is_kept(hk: World) -> None:
    card = hk.first()
    assert "逾期 1 天" in card.text and "120,000.00" in card.text and "task.promise" in card.actions
    assert len(hk.shown("li")) == 1 and hk.sent() == [("sent", "")]
    hk.deliver()
    assert len(hk.shown("li")) == 1


@on_each_database
def test_the_same_key_again_after_an_unclear_fate(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    place.lose_answer()
    assert isinstance(send(hk, CARD, "k1"), Unknown)
    if place.proves:
        found = find(hk, "k1")
        assert isinstance(found, Sent | NotThere)  # it is there, or showing it again is harmless
        again = send(hk, CARD, "k1")
        assert isinstance(again, Sent) and (isinstance(found, NotThere) or place.id.startswith("slack") or found == again)
        # Slack has no keys: whoever sends without looking shows twice, so the product looks first.
        assert len(hk.shown("li")) == (2 if place.id.startswith("slack") else 1)
    else:  # a text message of DingTalk has no name to ask for, and the product is told so
        assert isinstance(find(hk, "k1"), Unknown)


@on_each_database
def test_find_is_as_sure_as_it_can_be(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    sent = send(hk, CARD, "k1")
    assert isinstance(sent, Sent)
    # DingTalk's cards can't be asked for, but one of the same name shows once: NotThere means "send it again".
    expected = {"dingtalk": NotThere(), "dingtalk-text": Unknown("DingTalk cannot tell")}
    assert find(hk, "k1") == expected.get(place.id, sent)
    assert find(hk, "k2") == (expected["dingtalk-text"] if place.id == "dingtalk-text" else NotThere())
    if place.id == "wecom":  # its word ends after four hours
        place.lose_answer()
        send(hk, CARD, "k3")
        assert find(hk, "k3") == NotThere()
        hk.now += timedelta(hours=5)
        assert isinstance(find(hk, "k3"), Unknown)


@on_each_database
def test_a_card_changes_where_it_stands(hk: World, place: Any) -> None:
    card = hk.first()
    hk.act("wang", "task.promise", "甲", date=DAY)
    updates = hk.adapter.capabilities(hk.address("li")).updates
    if updates == "never":  # text messages stay as they are, and whoever follows one of its links is told
        nothing = DeliveryRef(hk.address("li"), card.ref, 1, 2)
        assert isinstance(hk.run(hk.adapter.update(nothing, CARD)), Refused)
        [before, note] = hk.shown("li")
        assert before == card and "原卡片已结束" in note.text  # its links can still be followed
        assert "已经登记过结果" in hk.tap("li", card.ref)
        return
    until(lambda: hk.shown("li")[0].closed)
    [after] = hk.shown("li")
    assert after.ref == card.ref and "承诺" in after.text and after.actions == []
    nobody = DeliveryRef(hk.address("li"), "nowhere:1", 1, 2)
    assert isinstance(hk.run(hk.adapter.update(nobody, CARD)), Refused)
    forgiven(place)


def test_a_card_that_is_too_long_is_fitted_or_refused(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    fitted = send(hk, GIANT, "k1")
    if place.id == "local":  # it cuts nothing, and a message has an end there all the same
        assert isinstance(fitted, Refused) and not hk.shown("li")
        forgiven(place)
    else:
        assert isinstance(fitted, Sent) and "题题题" in hk.shown("li")[-1].text and place.trouble() == []
    raw = hk.run(hk.adapter.send(hk.address("li"), GIANT, "k2"))  # as no product sends it
    assert isinstance(raw, Sent | Refused)
    forgiven(place)


def test_hostile_names_show_as_typed(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    for number, name in enumerate(HOSTILE):
        named = replace(CARD, title=name, text=f"{name} 逾期", fields=(Field("客户", name),), rows=((name, "1"),))
        assert isinstance(send(hk, named, f"k{number}"), Sent)
        shown = hk.shown("li")[-1].text
        assert shown.count(name[:15]) >= 3, (name, shown)
        hk.customer(f"C{number}", "li", name=name)
        readings = (name, place.in_words(name)) if place.id == ROBOT else (name,)  # an answer is a card, or words
        # On a busy machine it may not be saved in time; then it is said again, as the answer asks for.
        said = next(said for _ in range(5) if LINE_NOT_SAVED not in (said := hk.say("li", f"余额 C{number}")))
        assert any(reading[:15] in said for reading in readings), (name, said)


# --- out: what goes wrong ---


def test_an_answer_in_time_is_never_owed_twice(hk: World, place: Any) -> None:
    """Taken, and not said so in time: unclear, then looked for or sent again; two copies only where nobody can tell."""
    hk.told()
    place.late_answer()
    hk.beat("2026-07-02 09:00")
    [(state, reason)] = hk.sent()
    assert state == "retry" and reason
    hk.beat("2026-07-02 09:10")
    if not place.proves:  # first it is looked for in vain, then sent again and says so
        hk.beat("2026-07-02 09:20")
        assert [("重发" in each.text) for each in hk.shown("li")] == [False, True]
    else:
        assert len(hk.shown("li")) == 1
    assert hk.sent() == [("sent", "")]
    hk.tap("li", hk.shown("li")[-1].ref)
    assert hk.promises("甲") == ["open"]


def test_too_many_requests_wait_as_long_as_they_were_told(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    if place.id == "local":  # nobody counts there; “not now” is a database that somebody else writes to
        hk.impatient_database()
        with hk.locked():
            assert isinstance(send(hk, CARD, "k1"), Retry)
    else:
        place.too_many(7)
        told = 60.0 if place.id == ROBOT else 7.0  # an errcode on a socket does not say how long
        assert replace(send(hk, CARD, "k1"), reason="") == Retry(told, "")
        hk.now += timedelta(seconds=told)
    assert hk.shown("li") == []
    assert isinstance(send(hk, CARD, "k1"), Sent) and len(hk.shown("li")) == 1


@on_each_database
def test_an_error_of_the_server_leaves_it_open_and_is_made_good(hk: World, place: Any) -> None:
    hk.told()
    if place.id == "local":  # no server: the database is what fails, before anything is shown
        hk.impatient_database()
        with hk.locked():
            assert isinstance(send(hk, CARD, "k1"), Retry)
        hk.beat("2026-07-02 09:00")
    else:
        place.broken()
        hk.beat("2026-07-02 09:00")
        assert [state for state, _ in hk.sent()] == ["retry"] and hk.shown("li") == []
        hk.beat("2026-07-02 09:10")
        hk.beat("2026-07-02 09:20")
    assert len(hk.shown("li")) == 1 and hk.sent() == [("sent", "")]


def test_a_token_that_ended_heals_or_is_tried_again(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    assert isinstance(send(hk, CARD, "k0"), Sent)
    if place.id == "local":  # no token: what ends there are connections to the database, and they are made anew
        hk.app.engine.dispose()
        assert isinstance(send(hk, CARD, "k1"), Sent)
        return
    place.end_token()
    first = send(hk, CARD, "k1")
    if place.messenger == "slack" or place.id == ROBOT:  # they don't renew: an administrator is told, nothing is given up
        assert isinstance(first, Retry) and len(hk.shown("li")) == 1
        place.renew_token()
        first = send(hk, CARD, "k1")
    assert isinstance(first, Sent) and len(hk.shown("li")) == 2


# --- in: who knocks ---


def test_what_is_forged_changes_nothing_and_is_one_line(hk: World, place: Any, caplog: pytest.LogCaptureFixture) -> None:
    card, before = hk.first(), events(hk)
    known = len(caplog.records)
    place.forge("li", card.ref)
    lines = [r for r in caplog.records[known:] if r.name.startswith("bot.") and r.levelno >= logging.WARNING]
    # Locally nothing is on the way that could be forged: a name that nobody has is told so, and that is no event for a log.
    assert len(lines) == (0 if place.id == "local" else 1), [line.getMessage() for line in lines]
    assert WORD not in caplog.text
    assert hk.promises("甲") == [] and events(hk) == before and hk.shown("li")[0].actions == card.actions


@on_each_database
def test_an_event_that_comes_again_has_one_effect_and_the_same_answer(hk: World, place: Any) -> None:
    card = hk.first()
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    hk.run(settled(hk))
    known = events(hk)
    first, again = place.replay()
    assert first == again and first
    assert hk.promises("甲") == ["open"] and events(hk) == known
    forgiven(place)  # the fake doesn't like an envelope to come twice


async def settled(hk: World) -> None:
    while hk.app._background:
        await asyncio.gather(*hk.app._background, return_exceptions=True)


def test_a_person_without_the_right_learns_nothing(hk: World) -> None:
    card = hk.first()
    said = hk.tap("lin", card.ref)
    until(lambda: hk.replies)
    assert {reply.outcome for _, reply in hk.replies} <= {"invalid", "not_allowed"}
    until(lambda: said or hk.shown("lin") or hk.replies)
    told = said + "".join(each.text for each in hk.shown("lin"))
    assert "120,000" not in told and "甲" not in told
    assert hk.promises("甲") == [] and hk.shown("li")[-1].actions == card.actions


@on_each_database
def test_a_card_that_is_over_says_so(hk: World) -> None:
    card = hk.first()
    hk.act("wang", "task.promise", "甲", date=DAY)
    if hk.adapter.capabilities(hk.address("li")).updates != "never":
        until(lambda: hk.shown("li")[0].closed)
    said = hk.tap("li", card.ref)  # as a phone does that has not heard of the change
    until(lambda: hk.replies and hk.replies[-1][1].outcome in ("already", "stale"))
    assert hk.promises("甲") == ["open"] and said


@on_each_database
def test_an_unknown_account_is_linked_by_a_code(hk: World, place: Any) -> None:
    hk.first()
    if place.id == "local":  # its names are the people's own: somebody unknown is nobody, and there is nothing to link
        assert "绑定" in hk.say("nobody", "余额 甲")
        assert "lin" in hk.say("lin", "/whoami")
        return
    place.account("newcomer")
    said = hk.say("newcomer", "余额 甲")
    assert "绑定" in said and "120,000" not in said
    with hk.db() as work:
        code = accounts.issue(work, hk._person_id(work, "lin") or 0)
        work.session.execute(table_of(Account).delete().where(table_of(Account).c.user_id == place._users["lin"]))
    assert "没有" in hk.say("newcomer", "绑定 AAAA-AAAA") or hk.replies[-1][1].outcome == "not_allowed"
    assert "绑定成功" in hk.say("newcomer", f"绑定 {code}")
    assert "lin" in hk.say("newcomer", "/whoami")


# --- in: what goes wrong ---


@pytest.mark.parametrize("how", ["cut", "swallow"])
def test_a_lost_connection_comes_back(hk: World, place: Any, how: str) -> None:
    card = hk.first()
    if place.streams:
        opened = place.opened()
        getattr(place, how)()
        until(lambda: place.opened() > opened)
        if how == "swallow":
            place.swallow(False)
        time.sleep(0.1)
    # Nobody else keeps a connection: local is in this process, signed HTTP and callbacks are called each time anew.
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    forgiven(place)  # an event into the hole had no ack


@pytest.mark.parametrize("raw", NO_FRAMES.values(), ids=NO_FRAMES)
def test_a_frame_that_nobody_can_read_is_one_line(
    hk: World, place: Any, raw: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    card, before = hk.first(), events(hk)
    if not place.streams:  # no frames come there; a body that can't be read is `forge`'s
        return
    opened, known = place.opened(), len(caplog.records)

    def said() -> list[str]:
        return [r.getMessage() for r in caplog.records[known:] if r.name.startswith("bot.") and r.levelno >= logging.WARNING]

    place.bad_frame(raw)
    until(said)
    time.sleep(0.3)
    if place.opened() > opened or "connection" in " ".join(said()):
        until(lambda: place.opened() > opened)  # whoever breaks the protocol is not listened to any longer
    lost = [line for line in said() if "connect" in line]  # that the connection went and came back is two lines at most
    assert len(said()) - len(lost) <= 1 and len(lost) <= 2 and said(), said()
    assert events(hk) == before and WORD not in written(caplog)
    until(hk.app.adapters[place.messenger].connected)  # type: ignore[attr-defined]
    hk.tap("li", card.ref)
    until(lambda: hk.promises("甲") == ["open"])
    forgiven(place)


@on_each_database
def test_a_database_slower_than_the_deadline(hk: World, place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    card, before = hk.first(), events(hk)
    hk.impatient_database(1.0)
    if place.id == "local":  # nobody waits outside: after the lock's own patience the page is told so, as an error
        with hk.locked(), pytest.raises(Unreachable, match="locked"):
            hk.tap("li", card.ref)
    else:
        with monkeypatch.context() as soon, hk.locked():
            hurried(soon)
            said = hk.tap("li", card.ref)
            until(lambda: hk.sees_now("li", NOT_SAVED, said), "not saved is read")
        place.forgive()  # four tries of WeCom without an answer in time
    hk.run(settled(hk))
    assert hk.promises("甲") == [] and events(hk) == before
    hk.tap("li", hk.shown("li")[0].ref)
    until(lambda: hk.promises("甲") == ["open"])


@on_each_database
def test_a_typed_line_while_the_database_is_away(hk: World, place: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    hk.first()
    hk.impatient_database(0.5)
    line, again = "承诺 甲 7-3", place.messenger != "slack"
    if place.id == "local":  # an error of the page, as for a tap
        with hk.locked(), pytest.raises(Unreachable, match="locked"):
            hk.say("li", line)
    else:
        with monkeypatch.context() as soon, hk.locked():
            hurried(soon)
            if again:
                said = hk.say("li", line)
                until(lambda: hk.sees_now("li", LINE_NOT_SAVED, said), "not saved is read")
            else:  # Slack brings a line again by itself, so nobody has to
                place.fake.patience(1.0, (0.3,))
                place.fake.say(place._users["li"], line)
    forgiven(place)
    if again:
        hk.run(settled(hk))
        assert hk.promises("甲") == []
        hk.say("li", line)
    until(lambda: hk.promises("甲") == ["open"])
    forgiven(place)


def test_who_reads_only_text_is_sent_no_card_and_no_change_of_one(hk: World, place: Any) -> None:
    hk.told()
    accounts_ = table_of(Account)
    with hk.db() as work:
        work.session.execute(accounts_.update().values(text_only=True))
    hk.morning("2026-07-02")
    [card] = hk.shown("li")
    before = len(place.fake.calls()) if place.messenger == "dingtalk" else 0
    hk.act("wang", "task.promise", "甲", date=DAY)
    assert hk.promises("甲") == ["open"] and place.trouble() == []
    if place.messenger == "dingtalk":  # every call counts there: nothing is tried that can't work
        assert [c.path for c in place.fake.calls()[before:] if "card" in c.path] == []
    assert card.ref


@on_each_database
def test_the_product_stops_during_a_tap(hk: World, place: Any) -> None:
    card = hk.first()
    said: list[str] = []

    def press() -> None:  # a text asks in a message of its own first: there the line that says it all is one step
        said.append(hk.say("li", "承诺 甲 7-3") if place.id == "dingtalk-text" else hk.tap("li", card.ref))

    with hk.locked():
        tapping = threading.Thread(target=press)
        tapping.start()
        time.sleep(0.4)  # it waits for the database now
        stopping = threading.Thread(target=hk.stop_product)
        stopping.start()
        time.sleep(0.2)
    began = time.monotonic()
    stopping.join(15)
    assert time.monotonic() - began < 10
    tapping.join(15)
    # It was under way, so it is finished, and the person was told.
    assert [reply.outcome for _, reply in hk.replies if not reply.asks] == ["done"] and hk.promises("甲") == ["open"]
    assert said[0] and NOT_SAVED not in said[0]
    forgiven(place)


def test_what_would_leave_after_the_end_waits_for_the_next_start(hk: World, place: Any) -> None:
    hk.begin("2026-07-02 09:00")
    assert isinstance(send(hk, CARD, "k1"), Sent)
    hk.stop_product()
    late = send(hk, CARD, "k2")
    # WeCom's calls stand alone and the local one's are writes: neither has a session that could be left open.
    assert isinstance(late, Retry if place.messenger in ("slack", "dingtalk") or place.id == ROBOT else Sent), late
