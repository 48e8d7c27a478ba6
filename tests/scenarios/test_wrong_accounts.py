"""An account that was wrong: corrected by an import or taken away, it gets no cards any more, and what it got comes anew."""

from typing import Any

import pytest
from sqlalchemy import select

from core import accounts
from core.errors import DomainError
from core.models import Account, Delivery, Person
from core.models.base import table_of
from tests.harness import ONE_STEP, Harness

A, D, P = table_of(Account), table_of(Delivery), table_of(Person)
TABLE = "person,messenger,user_id"


@pytest.fixture
def hk(hk: Harness) -> Harness:
    """li's cards go to lin: the file said so."""
    hk.begin("2026-07-02 08:00")
    hk.policy(ONE_STEP)
    hk.imports("accounts", f"{TABLE},preferred", "li,local,lin,yes")
    hk.customer("甲", "li")
    hk.receivable("甲", "100.00", due="2026-07-01", number="I1")
    hk.morning("2026-07-02")
    return hk


def open_cards(hk: Harness, handle: str = "li") -> list[str]:
    """Where they stand."""
    with hk.look() as work:
        mine = D.c.state == "open", D.c.person_id == P.c.id, P.c.handle == handle
        return list(work.session.execute(select(D.c.address).where(*mine)).scalars())


def held(hk: Harness) -> set[tuple[Any, ...]]:
    with hk.look() as work:
        query = select(P.c.handle, A.c.messenger, A.c.user_id, A.c.preferred).join(P, P.c.id == A.c.person_id)
        return {tuple(row) for row in work.session.execute(query)}


def told_of_accounts(report: dict[str, Any]) -> list[str]:
    return [each["code"].removeprefix("import.") for each in report["warnings"] if "account" in each["code"]]


def test_a_corrected_row_replaces_the_account_and_open_cards_come_to_the_right_one(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    assert open_cards(hk) == ["lin"]
    report = hk.imports("accounts", TABLE, "li,local,li")
    assert told_of_accounts(report) == ["account_replaced"]
    assert "li 的 local 账号由「lin」改为「li」" in report["warnings"][0]["reason"]
    card = hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    assert open_cards(hk) == ["li"] and held(hk) == {("li", "local", "li", True)}
    card.tap("task.promise", date="2026-07-03")
    hk.chat("lin").expect_nothing()  # the card there tells a stranger nothing more
    assert told_of_accounts(hk.imports("accounts", TABLE, "li,local,li")) == []
    hk.chat("li").expect_nothing()


def test_a_stranger_cannot_press_what_came_to_them(hk: Harness) -> None:
    card = hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    hk.imports("accounts", TABLE, "li,local,li")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    card.tap("task.promise", date="2026-07-03", expect="invalid")
    assert hk.promises("甲") == []


def test_what_a_wrong_account_was_refused_comes_to_the_right_one(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    hk.imports("accounts", TABLE, "li,local,nobody-here")
    failed = hk.chat("fm").expect_card("li", kind="delivery.failed")
    hk.imports("accounts", TABLE, "li,local,li")
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    failed.expect_update("已完成", state="closed")


def test_an_account_moves_from_one_to_another_and_takes_no_cards_along(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    report = hk.imports("accounts", TABLE, "lin,local,lin", "li,local,li")
    assert told_of_accounts(report) == ["account_moved", "account_replaced"]
    assert report["warnings"][0]["reason"] == "账号「lin」原属 li，现改属 lin"
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    hk.chat("lin").expect_nothing()
    assert held(hk) == {("lin", "local", "lin", False), ("li", "local", "li", True)}


def test_two_that_were_mixed_up_change_places(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    hk.imports("accounts", TABLE, "li,slack,U1", "lin,slack,U2")
    hk.imports("accounts", TABLE, "li,slack,U2", "lin,slack,U1")
    assert held(hk) == {("li", "local", "lin", True), ("li", "slack", "U2", False), ("lin", "slack", "U1", False)}
    again = hk.imports("accounts", TABLE, "li,slack,U2", "lin,slack,U1")
    assert again["unchanged"] == 2 and told_of_accounts(again) == []


def test_an_account_that_is_taken_away_leaves_its_cards_to_the_others(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    with hk.db() as work:
        person_id = hk._person_id(work, "li") or 0
        with pytest.raises(DomainError, match="none_there"):
            accounts.take_away(work, person_id, "local", "li")
        assert accounts.take_away(work, person_id, "local") == "lin"
    hk.deliver()
    hk.chat("li").expect_card("¥100.00", kind="task.overdue")
    assert open_cards(hk) == ["li"] and held(hk) == set()


def test_without_another_account_somebody_is_told(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    with hk.db() as work:
        accounts.take_away(work, hk._person_id(work, "li") or 0, "local", "lin")
    hk.accounts_of("fm")
    hk.deliver()
    hk.chat("fm").expect_card("li", kind="delivery.failed")
    assert open_cards(hk) == []


def test_who_takes_over_the_account_of_somebody_who_left_sees_no_more_of_their_cards(hk: Harness) -> None:
    hk.chat("lin").expect_card("¥100.00", kind="task.overdue")
    hk.person("li", active=False)
    with hk.db() as work:
        code = accounts.issue(work, hk._person_id(work, "lin") or 0)
        accounts.link(work, "local", "lin", code)
    hk.pay("甲", "100.00", "I1")
    hk.deliver()
    assert open_cards(hk) == [] and held(hk) == {("lin", "local", "lin", False)}
    hk.chat("wang").expect_card("到账 ¥100.00", kind="payment.arrived")
    hk.chat("lin").expect_nothing()
