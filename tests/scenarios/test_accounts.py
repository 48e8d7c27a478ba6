"""Accounts: an unknown one learns how to be linked and nothing else; a person chooses where cards go."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select, update

from bot.adapters.base import Envelope, Reply
from bot.inbound import Door, receive
from core import accounts
from core.models import Account, LinkCode, Person
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness
from tests.phones import Card

A, K, P = table_of(Account), table_of(LinkCode), table_of(Person)


@pytest.fixture
def door(hk: Harness) -> Door:
    hk.begin("2026-07-02 08:00")
    hk.customer("甲", "li")
    hk.company(messengers=("local", "slack", "wecom"))
    return Door(hk.app.transactions, {**hk.app.adapters, "slack": hk.app.local, "wecom": hk.app.local})


def say(hk: Harness, door: Door, text: str, user: str = "U1", messenger: str = "slack", event: str = "") -> Reply:
    return receive(door, Envelope(messenger, user, event or f"{text}:{hk.now}", hk.now, text=text))


def words(reply: Reply) -> str:
    return f"{reply.card.title} {reply.card.text}" if reply.card is not None else reply.message


def code_of(hk: Harness, handle: str) -> str:
    with hk.db() as work:
        return accounts.issue(work, hk._person_id(work, handle) or 0)


def linked(hk: Harness) -> list[tuple[str, str]]:
    with hk.look() as work:
        return [(m, u) for m, u in work.session.execute(select(A.c.messenger, A.c.user_id).order_by(A.c.id))]


def test_an_unknown_account_learns_how_to_be_linked_and_nothing_else(hk: Harness, door: Door) -> None:
    for text in ("余额 甲", "待办", "帮助", "绑定", "绑定 a b c d e"):
        reply = say(hk, door, text)
        assert reply.outcome == "not_allowed" and "绑定码" in reply.message and "甲" not in reply.message, text
        assert reply.card is None
    assert linked(hk) == []


@pytest.mark.parametrize("line", ["绑定 {}", "/link {}", "绑定{}", "/hk link {}", "Link {}", "／绑定　{}"])
def test_a_code_links_the_account_once(hk: Harness, door: Door, line: str) -> None:
    code = code_of(hk, "li")
    reply = say(hk, door, line.format(code))
    assert reply.outcome == "done" and "li" in reply.message
    assert linked(hk) == [("slack", "U1")]
    assert "甲" in (say(hk, door, "余额 甲").card or reply).title  # type: ignore[union-attr]
    assert "不对或已过期" in say(hk, door, line.format(code), user="U2").message  # used
    assert linked(hk) == [("slack", "U1")]


def test_a_code_in_small_letters_and_without_the_dash_is_the_same(hk: Harness, door: Door) -> None:
    code = code_of(hk, "li")
    assert say(hk, door, "绑定 " + code.replace("-", "").lower()).outcome == "done"


def test_a_code_ends_after_half_an_hour_and_with_the_next_one(hk: Harness, door: Door) -> None:
    first, second = code_of(hk, "li"), code_of(hk, "li")
    assert "不对或已过期" in say(hk, door, f"绑定 {first}").message
    hk.now += timedelta(minutes=30)
    assert "不对或已过期" in say(hk, door, f"绑定 {second}").message
    assert linked(hk) == []


def test_nobody_guesses_a_code(hk: Harness, door: Door) -> None:
    code = code_of(hk, "li")
    for n in range(accounts.TRIES):
        assert "不对" in say(hk, door, f"绑定 AAAA-AAA{n}").message
    assert "次数太多" in say(hk, door, f"绑定 {code}").message
    assert linked(hk) == []
    assert say(hk, door, f"绑定 {code}", user="U2").outcome == "done"  # somebody else's account
    hk.now += accounts.TRIES_WITHIN
    code = code_of(hk, "lin")
    assert say(hk, door, f"绑定 {code}").outcome == "done"


def test_the_code_is_never_stored(hk: Harness, door: Door) -> None:
    code = code_of(hk, "li")
    with hk.look() as work:
        digests = list(work.session.execute(select(K.c.digest)).scalars())
    assert len(digests) == 1 and code.replace("-", "") not in digests[0]


def test_somebody_who_is_linked_gets_a_code_for_another_account(hk: Harness, door: Door) -> None:
    say(hk, door, f"绑定 {code_of(hk, 'li')}")
    reply = say(hk, door, "绑定")
    assert reply.outcome == "done" and reply.card is not None
    code = str(reply.view["code"])
    assert code in reply.card.text
    assert say(hk, door, f"绑定 {code}", user="W1", messenger="wecom").outcome == "done"
    assert linked(hk) == [("slack", "U1"), ("wecom", "W1")]
    assert "已经绑定" in words(say(hk, door, f"绑定 {code}"))


def test_a_person_chooses_where_cards_go(hk: Harness, door: Door) -> None:
    say(hk, door, f"绑定 {code_of(hk, 'li')}")
    assert "您在企业微信还没有绑定账号 发送“绑定”要一个绑定码" in words(say(hk, door, "推送 企业微信"))
    assert "没有启用钉钉 可选：本地聊天、Slack、企业微信" in words(say(hk, door, "推送 钉钉"))
    assert "不认识飞书 可选：本地聊天、Slack、企业微信" in words(say(hk, door, "推送 飞书"))
    assert say(hk, door, "推送到").outcome == "invalid"
    chosen = say(hk, door, "/notify slack")
    assert chosen.outcome == "done" and words(chosen).strip() == "好的，以后的卡片发到Slack"
    with hk.look() as work:
        assert work.session.execute(select(A.c.messenger).where(A.c.preferred)).scalars().all() == ["slack"]
    assert say(hk, door, "推送 网页").outcome == "done"
    with hk.look() as work:
        assert work.session.execute(select(A.c.messenger).where(A.c.preferred)).scalars().all() == ["local"]


def test_a_line_that_linked_is_answered_alike_when_it_comes_again(hk: Harness, door: Door) -> None:
    line = f"绑定 {code_of(hk, 'li')}"
    first = say(hk, door, line, event="E1")
    assert first.outcome == "done" and say(hk, door, line, event="E1") == first


def test_the_account_of_somebody_who_left_is_linked_anew(hk: Harness, door: Door) -> None:
    """The company gave the account to somebody else, or the person came back under another number."""
    say(hk, door, f"绑定 {code_of(hk, 'li')}")
    say(hk, door, "/notify slack")
    with hk.db() as work:
        work.session.execute(update(P).where(P.c.handle == "li").values(active=False))
    assert "绑定码" in say(hk, door, "待办").message
    assert say(hk, door, f"绑定 {code_of(hk, 'lin')}", event="new").outcome == "done"
    assert linked(hk) == [("slack", "U1")]
    with hk.look() as work:
        assert work.session.execute(select(A.c.person_id, A.c.preferred)).one() == (hk._person_id(work, "lin"), False)


def at_once(*steps: Callable[[], Reply]) -> list[Reply]:
    with ThreadPoolExecutor(len(steps)) as pool:
        return [done.result() for done in [pool.submit(step) for step in steps]]


def test_of_two_accounts_with_one_code_one_is_linked(hk: Harness, door: Door) -> None:
    code = code_of(hk, "li")
    both = at_once(*(partial(say, hk, door, f"绑定 {code}", user=f"U{n}") for n in range(4)))
    assert sorted(reply.outcome for reply in both) == ["done"] + ["not_allowed"] * 3 and len(linked(hk)) == 1


def test_one_account_with_two_codes_is_linked_once(hk: Harness, door: Door) -> None:
    codes = [code_of(hk, "li"), code_of(hk, "lin")]
    both = at_once(*(partial(say, hk, door, f"绑定 {code}") for code in codes))
    assert "done" in [reply.outcome for reply in both] and len(linked(hk)) == 1


def test_guesses_made_at_once_are_counted(hk: Harness, door: Door) -> None:
    guesses = [partial(say, hk, door, f"绑定 AAAA-AAA{n}", event=str(n)) for n in range(12)]
    said = [reply.message for reply in at_once(*guesses)]
    assert sum("次数太多" in message for message in said) == 12 - accounts.TRIES


def test_a_card_that_is_not_ones_own_is_refused_in_words_for_people(hk: Harness, door: Door) -> None:
    """No number of ours, no command line; the same whether there is such a card or not."""
    say(hk, door, f"绑定 {code_of(hk, 'lin')}")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    card = hk.chat("li").expect_card("¥100.00")
    taps = ({"delivery_id": int(card.json["delivery"])}, {"delivery_id": 99}, {"ref": "C1:1.2"})
    said = [
        receive(door, Envelope("slack", "U1", f"t{n}", hk.now, action="task.other", input={"note": "x"}, **tap))
        for n, tap in enumerate(taps)
    ]
    assert {(r.outcome, r.message, r.card) for r in said} == {
        ("invalid", "这张卡片不是发给您的，或已经失效。发送“待办”看您自己的待办", None)
    }


# --- what was not sent for lack of an account ---

REMINDED = ONE_STEP + """
[[ladder.step]]
id = "over3"
at = 3
audience = ["owner"]
action = "task"
severity = "severe"
message = "task.overdue"
"""


def unlinked(hk: Harness, policy: str = ONE_STEP) -> None:
    """li owes an answer and has no account; fm has one, and is told."""
    hk.begin("2026-07-02 08:00")
    hk.policy(policy)
    hk.accounts_of("fm")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")


def begun_again(hk: Harness) -> None:
    hk.run(hk.app.stop())
    hk.run(hk.app.start())
    hk.deliver()


def told(hk: Harness) -> Card:
    return hk.chat("fm").expect_card("li", kind="delivery.failed")


def link(hk: Harness, handle: str) -> None:
    assert hk.says_from_account(handle, f"绑定 {code_of(hk, handle)}").outcome == "done"
    hk.deliver()


def test_whoever_links_an_account_gets_what_they_missed(hk: Harness) -> None:
    unlinked(hk)
    failed = told(hk)
    hk.at("2026-07-03 10:00")
    link(hk, "li")
    hk.chat("li").expect_card("¥100.00", "7月7日 18:00", kind="task.overdue", buttons=("task.promise",))
    failed.expect_update("已完成", state="closed")
    hk.at("2026-07-08 09:00")  # the answer that was asked for has a day now, and the silence is heard
    hk.chat("wang").expect_nothing()
    told_too = hk.chat("fm").expect_card("wang", kind="delivery.failed")
    link(hk, "wang")
    hk.chat("wang").expect_card("li", kind="task.silent")
    told_too.expect_update("已完成", state="closed")


def test_an_import_of_accounts_sends_what_was_missed(hk: Harness) -> None:
    unlinked(hk)
    failed = told(hk)
    messenger, user = hk.account("li")
    unused = "wecom" if messenger != "wecom" else "slack"
    hk.imports("accounts", "person,messenger,user_id", f"li,{unused},li")
    hk.chat("li").expect_nothing()
    hk.imports("accounts", "person,messenger,user_id", f"li,{messenger},{user}")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    failed.expect_update("已完成", state="closed")
    hk.imports("accounts", "person,messenger,user_id", f"li,{messenger},{user}")
    hk.chat("li").expect_nothing()


def test_a_messenger_that_is_switched_on_later_brings_what_was_missed(hk: Harness) -> None:
    unlinked(hk)
    failed = told(hk)
    report = hk.imports("accounts", "person,messenger,user_id", "li,wecom,li")
    assert [each["code"] for each in report["warnings"]] == ["import.messenger_off"]
    hk.tick()
    hk.chat("li").expect_nothing()
    hk.company(messengers=("slack", "wecom"))
    hk.app.adapters["wecom"] = hk.app.local
    begun_again(hk)  # as with the new setting; nothing is imported again
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    failed.expect_update("已完成", state="closed")
    begun_again(hk)
    hk.chat("li").expect_nothing()


def test_of_several_cards_of_one_task_one_comes(hk: Harness) -> None:
    unlinked(hk, REMINDED)
    hk.morning("2026-07-06")
    failed = told(hk)
    link(hk, "li")
    hk.chat("li").expect_card("¥100.00", "逾期 5 天", kind="task.overdue")
    hk.chat("li").expect_nothing()
    failed.expect_update("已完成", state="closed")


def test_what_is_no_longer_true_does_not_come(hk: Harness) -> None:
    unlinked(hk)
    failed = told(hk)
    hk.pay("甲", "100.00", "I1")
    link(hk, "li")
    hk.chat("li").expect_card("到账 ¥100.00", kind="payment.arrived")
    hk.chat("li").expect_nothing()
    failed.expect_update("已完成", state="closed")


def test_outside_the_work_window_what_was_missed_waits(hk: Harness) -> None:
    unlinked(hk)
    failed = told(hk)
    hk.at("2026-07-02 22:30")
    link(hk, "li")
    hk.chat("li").expect_nothing()
    hk.at("2026-07-03 09:00")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    failed.expect_update("已完成", state="closed")


def test_days_of_digests_come_as_one(hk: Harness) -> None:
    unlinked(hk)
    failed = [told(hk)]
    for day, customers in (("2026-07-03", "乙丙丁戊己庚"), ("2026-07-06", "辛壬癸子丑寅")):
        for name in customers:
            hk.customer(name, "li")
            hk.receivable(name, "100.00", due="2026-07-01" if day == "2026-07-03" else "2026-07-02")
        hk.morning(day)
    failed.append(told(hk))
    link(hk, "li")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    hk.chat("li").expect_card("乙", "寅", kind="digest.daily")
    hk.chat("li").expect_nothing()
    for card in failed:
        card.expect_update("已完成", state="closed")


def test_whoever_comes_back_gets_what_they_missed(hk: Harness) -> None:
    unlinked(hk)
    failed = told(hk)
    messenger, user = hk.account("li")
    with hk.db() as work:
        work.session.add(Account(person_id=hk._person_id(work, "li"), messenger=messenger, user_id=user))
        work.session.execute(update(P).where(P.c.handle == "li").values(active=False))
    hk.imports("people", "handle,name,active", "li,li,yes")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    failed.expect_update("已完成", state="closed")
