"""Credit in any messenger, beside the yes and the no: a tap that comes too late, and what is typed about a customer."""

from sqlmodel import select

from core.models import CreditVote, Customer
from core.models.credit import Rating
from tests.harness import Harness
from tests.scenarios.approving import REQUEST
from tests.scenarios.ordering import codes, opened, place, state


def test_a_tap_on_figures_that_got_worse_is_refused_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    place(hk, "甲", "1250.00", "SO1")
    hk.chat("li").expect_card("SO1", kind="order.held")
    card = hk.chat("zhou").expect_card("SO1", "¥250.00", kind=REQUEST)
    hk.receivable("甲", "300.00", due="2026-08-01", number="I9")
    card.tap("credit.approve", expect="stale")
    assert state(hk, "SO1") == "held"
    hk.deliver()
    card.tap("credit.approve")
    assert state(hk, "SO1") == "released"
    for person in ("li", "cai"):
        hk.chat(person).expect_card("SO1", "已放行", kind="order.decided")


def test_who_comes_too_late_changes_nothing_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.people(fd2="finance_director")
    place(hk, "甲", "1000.01", "SO1")
    first, second = (hk.chat(who).expect_card("SO1", kind=REQUEST) for who in ("zhou", "fd2"))
    first.tap("credit.approve")
    late = hk.press("fd2", second, "credit.approve", None, {})
    assert late.outcome == "already" or "订单编号" in late.message, "typed alone, it may be about any order"
    typed = hk.chat("fd2").say("批准 SO1")
    assert typed["outcome"] in ("already", "invalid") and "SO1" in typed["message"], typed
    assert state(hk, "SO1") == "released" and second.json["state"] == "closed" and "zhou 已批准" in second.text
    with hk.look() as work:
        assert len(work.session.exec(select(CreditVote)).all()) == 1
    hk.chat("li").expect_card("SO1", kind="order.held")
    for person in ("li", "cai"):
        hk.chat(person).expect_card("SO1", "已放行", "zhou", kind="order.decided")


def test_a_hold_is_typed_and_lifted_by_somebody_else_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.chat("fm").say("冻结 甲 到 7月20日 等对账")
    assert hk.holds("甲") == ["manual"] and codes(place(hk, "甲", "1.00", "SO1")) == ["hold"]
    hk.chat("li").expect_card("已停单", kind="order.held")
    hk.chat("zhou").expect_card("SO1", kind=REQUEST)
    hk.chat("fm").say("解冻 甲 已对清")
    assert hk.holds("甲") == ["manual"], "not by whoever set it"
    hk.chat("zhou").say("解冻 甲 已对清")
    assert hk.holds("甲") == [] and state(hk, "SO1") == "released"
    hk.chat("li").expect_card("SO1", "已放行", kind="order.decided")
    hk.chat("cai").expect_card("SO1", kind="order.decided")


def test_the_blacklist_is_typed_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    place(hk, "甲", "800.00", "SO0")
    hk.chat("fm").say("黑名单 甲 失信被执行人")
    assert hk.holds("甲") == ["blacklist"] and place(hk, "甲", "1.00", "SO1")["verdict"] == "refused"
    for person in ("li", "cai"):
        hk.chat(person).expect_card("停止发货", "SO0 未发 ¥800.00", kind="orders.stopped")
    hk.chat("zhou").say("移出黑名单 甲 已和解")
    assert hk.holds("甲") == [] and place(hk, "甲", "1.00", "SO2")["verdict"] == "released"


def test_a_limit_is_typed_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.chat("fm").say("额度 甲 1500 到 7月20日 旺季备货")
    assert place(hk, "甲", "1400.00", "SO1")["verdict"] == "released"
    hk.chat("fm").say("额度 甲 1200 年度授信")
    with hk.look() as work:
        assert work.session.exec(select(Customer.credit_limit_minor)).one() == 120_000


def test_a_rating_is_typed_in_any_messenger(hk: Harness) -> None:
    opened(hk)
    hk.chat("fm").say("评级 甲 C 到 2026-12-31 年报亏损")
    with hk.look() as work:
        [row] = work.session.exec(select(Rating).where(Rating.source == "override"))
    assert (row.value, row.reason) == ("C", "年报亏损")
