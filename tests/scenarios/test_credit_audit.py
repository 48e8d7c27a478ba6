"""The whole trail of an order: who did what to it, when, through which channel, and on what facts. Read from the audit."""

from typing import Any

from sqlalchemy import select

from core.credit import orders
from core.dunning.stored import active
from core.models import Audit
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.approving import BOTH
from tests.scenarios.ordering import opened, place, put, state

U = table_of(Audit)
FAMILIES = ("order.", "credit.", "hold.")


def trail(hk: Harness, since: int = 0) -> list[Audit]:
    with hk.look() as work:
        query = select(Audit).where(U.c.customer_id == 1, U.c.id > since).order_by(U.c.id)
        return [row for row in work.session.execute(query).scalars() if row.action.startswith(FAMILIES)]


def said(row: Audit) -> tuple[str, str, str]:
    """(what, who, through which channel); from this machine "cli:somebody as zhou", as zhou."""
    return row.action, row.actor.rpartition(" as ")[2], row.channel


def person(hk: Harness, handle: str) -> int | None:
    with hk.look() as work:
        return hk._person_id(work, handle)


def read_all(hk: Harness) -> None:
    for handle in ("li", "wang", "zhao", "zhou", "cai", "fm", "boss"):
        for card in hk.chat(handle).unread():
            hk.read(card.id)


def test_held_asked_voted_approved_released(hk: Harness) -> None:
    opened(hk)
    hk.policy(BOTH)
    place(hk, "甲", "2000.00", "SO1", note="老客户")
    asked_at = hk.now
    held, asked = trail(hk)
    assert [said(held), said(asked)] == [("order.held", "system", "system"), ("credit.asked", "system", "system")]
    over = [{"code": "over_limit", "amount": [100_000, "CNY"]}]
    facts = {"amount_minor": 200_000, "currency": "CNY", "used_minor": 0, "over_minor": 100_000}
    assert held.data == facts | {"reasons": held.data["reasons"]}
    assert [reason["code"] for reason in held.data["reasons"]] == [reason["code"] for reason in over]
    assert asked.data == {"order": "SO1", "route": "both"} and held.at == asked.at == asked_at
    assert (held.subject, asked.subject, held.subject_id, held.customer_id) == ("order", "credit", 1, 1)

    hk.at("2026-07-06 11:00")
    hk.chat("zhao").expect_card("SO1", kind="credit.request").tap("credit.approve_with", terms="20", note="先看看")
    [voted] = trail(hk, asked.id or 0)
    assert said(voted) == ("credit.voted", "zhao", "local") and voted.person_id == person(hk, "zhao")
    assert voted.data == {"approve": True, "rung": 0, "rev": 1, "conditions": {"terms": 20}, "reason": "先看看"}
    assert voted.at == hk.now and voted.subject_id == asked.subject_id

    hk.at("2026-07-06 13:30")
    hk.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.approve_with", terms="10", note="短账期")
    second, approved, released = trail(hk, voted.id or 0)
    assert [said(row) for row in (second, approved, released)] == [
        ("credit.voted", "zhou", "local"), ("credit.approved", "zhou", "local"), ("order.released", "zhou", "local"),
    ]  # fmt: skip
    assert second.data["conditions"] == {"terms": 10}
    assert {row.person_id for row in (second, approved, released)} == {person(hk, "zhou")}
    assert {row.at for row in (second, approved, released)} == {hk.now}
    assert (approved.data["conditions"], approved.data["reason"]) == ({"terms": 10}, "短账期")
    shown = approved.data["facts"]
    assert (shown["used_minor"], shown["over_minor"]) == (0, 100_000)
    assert released.data == {
        "by": "request", "conditions": {"terms_days": 10}, "reasons": held.data["reasons"], "used_minor": 0,
        "over_minor": 100_000,
    }  # fmt: skip
    read_all(hk)


def test_rejected_and_expired(hk: Harness) -> None:
    opened(hk)
    place(hk, "甲", "2000.00", "SO1")
    last = trail(hk)[-1].id or 0
    hk.chat("zhou").expect_card("SO1", kind="credit.request").tap("credit.reject", reason="先收款")
    voted, rejected, order = trail(hk, last)
    assert [said(row) for row in (voted, rejected, order)] == [
        ("credit.voted", "zhou", "local"), ("credit.rejected", "zhou", "local"), ("order.rejected", "zhou", "local"),
    ]  # fmt: skip
    assert voted.data["approve"] is False and voted.data["reason"] == rejected.data["reason"] == "先收款"
    assert rejected.data["facts"]["over_minor"] == 100_000 and order.data["by"] == "request"
    place(hk, "甲", "2000.00", "SO2")
    last = trail(hk)[-1].id or 0
    hk.at("2026-07-13 10:00")
    expired = next(row for row in trail(hk, last) if row.action == "credit.expired")
    assert (expired.actor, expired.person_id) == ("system", None) and expired.data["facts"]["over_minor"] == 100_000
    read_all(hk)


def test_refused_held_freed_and_cancelled(hk: Harness) -> None:
    """What a hold, the blacklist and money do to an order is by the rules, and says on what figures."""
    opened(hk)
    hk.people(boss="management")
    hk.type("zhou", "冻结 甲 对账不清")
    place(hk, "甲", "600.00", "SO1")
    place(hk, "甲", "700.00", "SO2")
    last = trail(hk)[-1].id or 0
    hk.type("boss", "解冻 甲 已对清")
    rows = trail(hk, last)
    assert [said(row) for row in rows if row.action == "hold.manual_ended"] == [("hold.manual_ended", "boss", "local")]
    [released] = [row for row in rows if row.action == "order.released"]
    assert (released.subject_id, released.data["by"], released.data["over_minor"]) == (1, "check", 0)
    assert (said(released)[1], released.data["reasons"]) == ("boss", [])  # whose word it was that freed it
    [obsolete] = [row for row in rows if row.action == "credit.obsolete"]
    assert [reason["code"] for reason in obsolete.data["facts"]["reasons"]] == ["hold"]
    last = trail(hk)[-1].id or 0
    hk.type("zhou", "黑名单 甲 失信被执行人")
    rows = trail(hk, last)
    [black] = [row for row in rows if row.action == "hold.blacklist"]
    assert said(black) == ("hold.blacklist", "zhou", "local") and black.data["reason"] == "失信被执行人"
    [refused] = [row for row in rows if row.action == "order.refused"]
    assert (refused.subject_id, refused.data["by"]) == (2, "check")
    assert refused.data["reasons"][0]["code"] == "blacklist"
    place(hk, "甲", "1.00", "SO3")
    [born] = [row for row in trail(hk, rows[-1].id or 0) if row.action == "order.refused"]
    assert born.data["amount_minor"] == 100 and born.data["reasons"][0]["code"] == "blacklist"
    last = born.id or 0
    with hk.db() as work:
        [order] = orders.find(work, "SO1")
        orders.cancel(work, active(work)[1], order)
    [cancelled] = trail(hk, last)
    assert cancelled.action == "order.cancelled" and cancelled.subject_id == 1 and cancelled.at == hk.now
    read_all(hk)


def test_changed_withdrawn_and_asked_again(hk: Harness) -> None:
    opened(hk)
    place(hk, "甲", "2000.00", "SO1")
    last = trail(hk)[-1].id or 0
    put(hk, "SO1", "3000.00")
    changed = next(row for row in trail(hk, last) if row.action == "order.changed")
    before, after = changed.data["before"], changed.data["after"]
    assert _amounts(before, after) == (200_000, 300_000)
    last = trail(hk)[-1].id or 0
    hk.chat("li").expect_card("SO1", kind="order.held").tap("credit.withdraw", reason="客户改单")
    withdrawn = next(row for row in trail(hk, last) if row.action == "credit.withdrawn")
    assert said(withdrawn) == ("credit.withdrawn", "li", "local") and withdrawn.data["facts"]["over_minor"] == 200_000
    assert state(hk, "SO1") == "held"
    read_all(hk)


def _amounts(before: dict[str, Any], after: dict[str, Any]) -> tuple[Any, Any]:
    return before["amount_minor"], after["amount_minor"]
