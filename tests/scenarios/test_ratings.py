"""Ratings follow how customers pay, once a day; what they say about orders follows them."""

from datetime import date, timedelta

import pytest
from sqlmodel import select

from bot import engine
from core.credit import rating
from core.models import Customer, JobSlot
from core.models.credit import Rating
from tests.harness import Harness, instant
from tests.scenarios.ordering import codes, opened, place, state, told


@pytest.fixture
def shop(hk: Harness) -> Harness:
    """A Monday at ten; customer 甲 of li may owe 1,000."""
    return opened(hk)


def paid(hk: Harness, days_late: int, *dues: str) -> None:
    """A receivable of 100 for each due date, paid so many days late."""
    for due in dues:
        on = date.fromisoformat(due) + timedelta(days=days_late)
        hk.receivable("甲", "100.00", due=due, issued="2026-01-05", number=f"P{due}")
        hk.pay("甲", "100.00", f"P{due}", on=on.isoformat(), number=f"R{due}")


def rated(hk: Harness) -> str:
    with hk.look() as work:
        return work.session.exec(select(Customer.rating).where(Customer.code == "甲")).one()


def versions(hk: Harness) -> list[tuple[str, str, date]]:
    with hk.look() as work:
        rows = work.session.exec(select(Rating).order_by(Rating.version)).all()
        return [(row.value, row.source, row.from_on) for row in rows]


def cards(hk: Harness, *people: str) -> None:
    """Whatever else they were sent is read."""
    for person in people:
        for card in hk.chat(person).unread():
            hk.read(card.id)


def test_everybody_is_rated_by_the_first_cycle_of_a_day(shop: Harness) -> None:
    paid(shop, 20, "2026-03-02", "2026-03-09", "2026-03-16")
    assert rated(shop) == ""
    shop.at("2026-07-06 11:00")
    assert rated(shop) == "C" and versions(shop) == [("C", "computed", date(2026, 7, 6))]
    paid(shop, 0, "2026-04-06", "2026-04-13", "2026-04-20")
    shop.at("2026-07-06 18:00")
    assert rated(shop) == "C", "once a day"
    shop.morning("2026-07-07")
    assert rated(shop) == "A" and versions(shop)[1:] == [("A", "computed", date(2026, 7, 7))]
    shop.morning("2026-07-09")
    assert len(versions(shop)) == 2, "nothing changed"


def test_three_payments_on_time_lift_by_a_step(shop: Harness) -> None:
    paid(shop, 70, "2026-02-02", "2026-02-09", "2026-02-16")
    paid(shop, 0, "2026-05-04", "2026-05-11")
    shop.at("2026-07-06 11:00")
    assert rated(shop) == "D"  # 210 days late, of five: 42
    paid(shop, 0, "2026-05-18")
    shop.morning("2026-07-07")
    assert rated(shop) == "C"  # 35 on average is D still, but three in a row
    view = shop.type("li", "评级 甲").view
    assert [(part["code"], part["rating"]) for part in view["parts"]] == [("average_days_late", "D"), ("on_time", "C")]
    shop.chat("li").expect_card("连续 3 笔按期付款（需 3 笔），上调一级", kind="reply.rating")


def test_overdue_for_more_than_thirty_days_is_d_and_holds_orders(shop: Harness) -> None:
    paid(shop, 0, "2026-03-02", "2026-03-09", "2026-03-16")
    shop.receivable("甲", "10.00", due="2026-06-07", number="OLD")
    shop.morning("2026-07-07")
    assert rated(shop) == "A"  # 30 days overdue is not more than 30
    shop.morning("2026-07-08")
    assert rated(shop) == "D"
    assert [part.code for part in explained(shop).rated.parts][-1] == "overdue"
    answer = place(shop, "甲", "100.00", "SO1")
    assert answer["verdict"] == "held" and {"no_credit", "frozen"} <= set(codes(answer))
    shop.pay("甲", "10.00", "OLD", number="LATE")
    shop.morning("2026-07-09")
    assert rated(shop) != "D" and state(shop, "SO1") == "released"
    cards(shop, "li", "wang", "zhao", "zhou", "cai", "fm")


def explained(hk: Harness) -> rating.Explained:
    from core.dunning.stored import active

    with hk.look() as work:
        [customer_id] = work.session.exec(select(Customer.id).where(Customer.code == "甲")).all()
        assert customer_id is not None
        return rating.explain(work, active(work)[1], customer_id)


def test_a_rating_set_by_hand_releases_at_once_and_ends(shop: Harness) -> None:
    paid(shop, 70, "2026-02-02", "2026-02-09", "2026-02-16")
    shop.at("2026-07-06 11:00")
    assert rated(shop) == "D"
    answer = place(shop, "甲", "100.00", "SO1")
    assert (answer["verdict"], codes(answer)) == ("held", ["no_credit"])
    told(shop)
    shop.type("fm", "评级 甲 B 到 2026-07-08 有担保")
    cards(shop, "fm")
    assert rated(shop) == "B" and state(shop, "SO1") == "released"
    shop.deliver()
    told(shop)
    shop.morning("2026-07-08")
    assert rated(shop) == "B", "its last day counts"
    shop.morning("2026-07-09")
    assert rated(shop) == "D"
    assert [version[:2] for version in versions(shop)] == [("D", "computed"), ("B", "override"), ("D", "computed")]
    answer = place(shop, "甲", "100.00", "SO2")
    assert (answer["verdict"], codes(answer)) == ("held", ["no_credit"])
    told(shop)


def test_a_card_shows_the_new_rating_and_never_the_word_new(shop: Harness) -> None:
    shop.receivable("甲", "100.00", due="2026-07-01", number="I1")
    shop.morning("2026-07-07")
    card = shop.chat("li").expect_card(kind="task.overdue")
    assert rated(shop) == "new" and "评级" not in card.text and "new" not in card.text
    paid(shop, 20, "2026-03-02", "2026-03-09", "2026-03-16")
    cards(shop, "li", "cai")
    shop.morning("2026-07-08")
    card = shop.chat("li").expect_card(kind="task.overdue")
    assert rated(shop) == "C" and "评级：C" in card.text.replace(" ", "：")


def test_an_imported_rating_stands_until_there_is_history(shop: Harness) -> None:
    shop.set_customer("甲", rating="A")
    shop.at("2026-07-06 11:00")
    assert rated(shop) == "A"
    paid(shop, 20, "2026-03-02", "2026-03-09", "2026-03-16")
    shop.morning("2026-07-07")
    assert rated(shop) == "C"


def test_after_a_crash_the_rest_is_rated_by_the_next_cycle(shop: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    for code in ("乙", "丙"):
        shop.customer(code, "li")
    monkeypatch.setattr("core.credit.inputs.CHUNK", 1)
    refresh, calls = rating.refresh, []

    def crashing(*given: object) -> int:
        calls.append(given)
        if len(calls) == 2:
            raise RuntimeError("out of power")
        return refresh(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(rating, "refresh", crashing)
        with pytest.raises(RuntimeError):
            engine.refresh_ratings(shop.app.transactions, shop.now)
    assert len(versions(shop)) == 1
    assert engine.refresh_ratings(shop.app.transactions, shop.now) == 0, "somebody may still be at it"
    assert engine.refresh_ratings(shop.app.transactions, instant("2026-07-06 11:00")) == 2
    assert len(versions(shop)) == 3
    with shop.look() as work:
        slot = work.session.get_one(JobSlot, (engine.RATING, "2026-07-06"))
        assert slot.done_at is not None
    assert engine.refresh_ratings(shop.app.transactions, instant("2026-07-06 12:00")) == 0
