"""DingTalk from text to cards and back: what stands on screens stays what it was sent as, whatever is sent now."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from core.actions import ActionRequest, Result, execute
from core.models import Account, Delivery, OutboxMessage, Person
from core.models.base import table_of
from tests.adapters.dingtalk_product import played
from tests.adapters.test_dingtalk_app import Whole
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk

A, D, O, P = (table_of(m) for m in (Account, Delivery, OutboxMessage, Person))  # noqa: E741


@pytest.fixture
def fake() -> Iterator[FakeDingTalk]:
    with played() as running:
        yield running


@pytest.fixture
def begun(fake: FakeDingTalk, databases: Databases, tmp_path: Path) -> Iterator[Callable[..., Whole]]:
    """The product, begun (again) on the same database, with cards or without."""
    url, running = databases.create("sqlite"), []

    def begin(*, cards: bool) -> Whole:
        if running:
            running.pop().end()
        running.append(Whole(fake, url, tmp_path, cards=cards))
        return running[-1]

    yield begin
    for each in running:
        each.end()
    databases.drop(url)


def promised_elsewhere(hk: Whole) -> None:
    """The manager logs it on a card of another place; li's message is no longer true."""
    with hk.app.work(hk.now, actor="wang") as work:
        wang = work.session.execute(select(P.c.id).where(P.c.handle == "wang")).scalar_one()
        card = work.session.execute(select(D.c.id).where(D.c.kind == "task.overdue")).scalar_one()
        outcome = execute(work, ActionRequest(wang, "task.promise", {"date": "2026-07-03"}, delivery_id=card))
        assert outcome.result == Result.done, outcome
    hk.run(hk.app.deliver(hk.now))


def updates(hk: Whole) -> list[tuple[str, str]]:
    with hk.app.transactions.look(hk.now) as work:
        return [tuple(row) for row in work.session.execute(select(O.c.state, O.c.reason).where(O.c.op == "update"))]


def puts(fake: FakeDingTalk) -> list[Any]:
    return [call for call in fake.calls("/v1.0/card/instances") if call.method == "PUT"]


@pytest.mark.parametrize("later", [False, True], ids=["text stays", "text to cards"])
def test_a_text_stays_as_it_is_and_its_end_is_told(
    begun: Callable[..., Whole], fake: FakeDingTalk, later: bool
) -> None:
    hk = begun(cards=False)
    hk.link(li="li")
    old = hk.morning()
    hk = begun(cards=later)
    promised_elsewhere(hk)
    assert puts(fake) == [] and updates(hk) == [("cancelled", "never_changes")]
    note = fake.screen("li")[-1]
    said = note.text + "".join(note.variables.values())
    assert note.kind == ("card" if later else "markdown") and "原卡片已结束" in said
    [question] = fake.follow("li", old, next(iter(old.links)), replies=1).messages  # its links can still be followed
    [told] = fake.follow("li", question, next(iter(question.links)), replies=1).messages
    assert "已经登记过结果" in told.text and len(hk.promises()) == 1


def test_an_old_text_is_answered_by_its_links_after_cards_came(begun: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = begun(cards=False)
    hk.link(li="li")
    old = hk.morning()
    hk = begun(cards=True)
    [question] = fake.follow("li", old, next(iter(old.links)), replies=1).messages
    assert question.kind == "markdown"  # a link asks by links, a card by its form
    day = next(label for label in question.links if "明天" in label)
    fake.follow("li", question, day, replies=1)
    assert hk.promises() == [("2026-07-03", 12_000_000)]
    hk.run(hk.app.deliver(hk.now))
    assert puts(fake) == [] and {state for state, _ in updates(hk)} == {"cancelled"}


def test_an_old_card_still_changes_where_only_text_is_sent_now(
    begun: Callable[..., Whole], fake: FakeDingTalk
) -> None:
    hk = begun(cards=True)
    hk.link(li="li")
    old = hk.morning()
    hk = begun(cards=False)
    promised_elsewhere(hk)
    seen = fake.card("li", old.card)
    assert seen.variables["status_text"] == "已结束" and seen.buttons == ()
    assert [state for state, _ in updates(hk)] == ["sent"]
    assert [each.card for each in fake.screen("li") if each.sender == "robot"] == [old.card]  # and no note beside it


def test_an_old_card_keeps_its_form_where_only_text_is_sent_now(
    begun: Callable[..., Whole], fake: FakeDingTalk
) -> None:
    hk = begun(cards=True)
    hk.link(li="li")
    old = hk.morning()
    hk = begun(cards=False)
    fake.tap("li", old.card, "登记结果")
    fake.submit("li", old.card, {"result": "promise"})
    assert [field["name"] for field in fake.card("li", old.card).form if not field.get("hidden")][:1] == ["date"]
    fake.submit("li", old.card, {"date": "2026-07-08"})
    assert hk.promises() == [("2026-07-08", 12_000_000)]
    hk.run(hk.app.deliver(hk.now))
    after = fake.card("li", old.card)
    assert after.form == () and "7月8日" in "".join(after.variables.values())
    assert not [state for state, _ in updates(hk) if state == "dead"]


def test_whoever_reads_text_only_is_answered_in_text(begun: Callable[..., Whole], fake: FakeDingTalk) -> None:
    hk = begun(cards=True)
    hk.link(li="li")
    [card] = fake.say("li", "/balance 公司", replies=1).messages
    assert card.kind == "card"
    with hk.app.work(hk.now) as work:
        work.session.execute(update(A).values(text_only=True))
    [answer] = fake.say("li", "/balance 公司", replies=1).messages
    assert answer.kind == "markdown" and answer.links
    [balance] = fake.follow("li", answer, next(iter(answer.links)), replies=1).messages
    assert balance.kind == "markdown" and "余额" in balance.title
