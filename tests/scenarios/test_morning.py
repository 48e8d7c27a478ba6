"""The sender beats often, the engine once an hour: whoever comes first at nine, many cards are one digest."""

from tests.harness import Harness
from tests.scenarios.replaying import LADDER


def weekend(hk: Harness, customers: int) -> None:
    hk.sleep_until("2026-07-03 08:00")
    hk.people(fin="finance", li="rep")
    hk.policy(LADDER.read_text(encoding="utf-8"))
    for number in range(customers):
        hk.customer(f"K{number}", "li")
        hk.receivable(f"K{number}", "100.00", due="2026-07-03", number=f"I{number}")
    hk.at("2026-07-05 18:00")  # their alerts of Saturday wait
    hk.sleep_until("2026-07-06 09:00")


def test_the_sender_does_not_run_ahead_of_the_digest(hk: Harness) -> None:
    weekend(hk, 7)
    assert hk.deliver().sent == 0
    hk.tick()
    card = hk.chat("fin").expect_card("K0", "K6", kind="digest.daily")
    hk.chat("fin").expect_nothing()
    assert len(card.json["receivables"]) == 7


def test_few_cards_come_with_the_first_cycle(hk: Harness) -> None:
    weekend(hk, 2)
    assert hk.deliver().sent == 0
    hk.tick()
    for _ in range(2):
        hk.chat("fin").expect_card(kind="alert.severe")
    hk.chat("fin").expect_nothing()
