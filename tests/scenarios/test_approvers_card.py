"""What the approver's card says of a customer is in the books: how it pays, what it promised, whose limits it breaks."""

from core.models import Delivery
from tests.harness import Harness
from tests.scenarios.ordering import opened, place
from tests.scenarios.test_groups import shares
from tests.scenarios.test_ratings import cards, paid, rated

ALL = ("li", "wang", "zhao", "zhou", "cai", "fm")


def asked(hk: Harness, number: str) -> dict[str, str]:
    """The fields of the card about this order, whoever is asked first."""
    for person in ("zhao", "zhou"):
        for card in hk.chat(person).unread():
            if card.json["kind"] == "credit.request" and number in card.text:
                return {field["label"]: field["value"] for field in card.json["fields"]}
    raise AssertionError(f"nobody is asked about {number}")


def test_how_it_pays_and_the_last_of_its_promises(hk: Harness) -> None:
    opened(hk)
    paid(hk, 20, "2026-03-02", "2026-03-09", "2026-03-16")
    hk.receivable("甲", "100.00", due="2026-06-30", number="I1")
    hk.receivable("甲", "200.00", due="2026-07-01", number="I2", currency="USD")
    hk.morning("2026-07-07")
    hk.act("li", "task.promise", "甲", date="2026-07-08", amount="100", currency="CNY")
    hk.morning("2026-07-10")
    assert hk.promises("甲") == ["broken"]
    for day, amount, currency in (("2026-07-20", "100", "CNY"), ("2026-07-15", "150", "USD")):
        hk.act("li", "task.promise", "甲", date=day, amount=amount, currency=currency)
    assert hk.promises("甲") == ["broken", "open", "open"]
    place(hk, "甲", "2000.00", "SO1")
    said = asked(hk, "SO1")
    assert rated(hk) == "C" and said["评级"] == "C级，平均逾期 17.5 天付款"  # 20 days three times, and 10 so far
    assert said["最近承诺"] == "7月15日 US$150.00，连续失约1次"
    cards(hk, *ALL)


def test_whoever_has_no_history_is_a_new_customer(hk: Harness) -> None:
    opened(hk)
    place(hk, "甲", "2000.00", "SO1")
    assert asked(hk, "SO1")["评级"] == "新客户，暂无评级"
    hk.morning("2026-07-07")
    place(hk, "甲", "3000.00", "SO2")
    assert rated(hk) == "new" and asked(hk, "SO2")["评级"] == "新客户，暂无评级"
    cards(hk, *ALL)


def test_a_yes_to_what_passes_both_limits_repeats_both(hk: Harness) -> None:
    """甲 may owe 1,000; with 乙, who uses up 800, together 1,500."""
    hk.begin("2026-07-06 10:00")
    for code in ("甲", "乙"):
        hk.customer(code, "li", credit_limit_minor=100_000, group_name="华兴")
    shares(hk, amount="1500")
    place(hk, "乙", "800.00", "SO1")
    place(hk, "甲", "1900.00", "SO2")
    card = hk.chat("zhou").expect_card("SO2", kind="credit.request")
    with hk.look() as work:
        drawn = work.session.get_one(Delivery, card.delivery).card["dump"]
    [approve] = [action for action in drawn["actions"] if action["id"] == "credit.approve"]
    assert "超额 ¥900.00，超集团额度 ¥1,200.00" in approve["confirm"]
    assert "超集团额度 ¥1,200.00（华兴）" in card.text and "超信用 ¥900.00" in card.text
    cards(hk, *ALL)
