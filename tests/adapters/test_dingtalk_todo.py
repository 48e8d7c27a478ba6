"""Tasks as DingTalk to-dos: whatever happens to a call, the to-do is closed when the task is."""

import logging
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from bot.adapters.base import DeliveryRef, Refused, Reply, Retry, Sent
from bot.adapters.dingtalk import todo
from core.errors import Unreachable
from tests.adapters.dingtalk_product import APPROVE, LI, Product, card, played, products, sqlite
from tests.databases import Databases
from tests.fakes.dingtalk import FakeDingTalk

TODOS, ONE = "POST /v1.0/todo/*", "PUT /v1.0/todo/*"
QUOTA = "Forbidden.AccessDenied.ApiCountLimitForOrg"
DENIED = "Forbidden.AccessDenied.AccessTokenPermissionDenied"
CLOSED = card(APPROVE, closed=True)


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    yield from sqlite(databases)


@pytest.fixture
def fake() -> Iterator[FakeDingTalk]:
    with played() as running:
        yield running


@pytest.fixture
def product(fake: FakeDingTalk, engine: Engine) -> Iterator[Callable[..., Product]]:
    yield from products(fake, engine)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other within a second."""
    monkeypatch.setattr(todo, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(todo, "LONGEST", 0.1)


@pytest.fixture
def mirrored(product: Callable[..., Product]) -> Callable[[], Product]:
    return lambda: product(todo_creator="u-wang")


def close(hk: Product, ref: str) -> object:
    return hk.run(hk.adapter.update(DeliveryRef(LI, ref, 1, 2), CLOSED))


def done(fake: FakeDingTalk) -> list[bool]:
    return [each.done for each in fake.todos("li")]


def kept(hk: Product) -> list[str]:
    return sorted(hk.adapter.client.memory.every("todo"))


TROUBLE = {
    "too fast": {"status": 403, "code": "QpsLimit"},
    "broken": {"status": 500},
    "away": {"status": 503},
    "the month is used up": {"status": 403, "code": QUOTA},
    "no permission": {"status": 403, "code": DENIED},
}


@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_a_todo_is_closed_when_its_task_is_whatever_goes_wrong_first(
    mirrored: Callable[[], Product], fake: FakeDingTalk, trouble: dict[str, object]
) -> None:
    hk = mirrored()
    ref = hk.send().ref
    fake.wait_for(lambda: fake.todos("li"))
    fake.fail(ONE, times=3, **trouble)  # type: ignore[arg-type]
    assert close(hk, ref) == Sent(ref)
    fake.wait_for(lambda: done(fake) == [True])
    hk.stop()
    assert kept(hk) == []


def test_a_lost_answer_to_the_closing_call(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored()
    ref = hk.send().ref
    fake.wait_for(lambda: fake.todos("li"))
    fake.drop(ONE, acted=False)
    close(hk, ref)
    fake.wait_for(lambda: done(fake) == [True])


@pytest.mark.parametrize("trouble", [*TROUBLE.values(), None], ids=[*TROUBLE, "the answer is lost"])
def test_a_todo_is_made_and_closed_though_making_it_fails(
    mirrored: Callable[[], Product], fake: FakeDingTalk, trouble: dict[str, object] | None
) -> None:
    hk = mirrored()
    if trouble is None:
        fake.drop(TODOS)
    else:
        fake.fail(TODOS, times=2, **trouble)  # type: ignore[arg-type]
    ref = hk.send().ref
    fake.wait_for(lambda: done(fake) == [False])
    close(hk, ref)
    fake.wait_for(lambda: done(fake) == [True])
    assert len(fake.todos("li")) == 1


def test_a_todo_whose_id_nobody_learned_is_found_by_its_source(
    mirrored: Callable[[], Product], fake: FakeDingTalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hk = mirrored()
    fake.drop(TODOS)
    fake.fail("GET /v1.0/todo/*", status=500, times=1)
    monkeypatch.setattr(todo, "FIRST_PAUSE", 60.0)  # the next try would be far away
    monkeypatch.setattr(todo, "LONGEST", 60.0)
    ref = hk.send().ref
    fake.wait_for(lambda: fake.todos("li"))
    hk.stop()
    monkeypatch.setattr(todo, "FIRST_PAUSE", 0.05)
    later = mirrored().start(connected=False)
    close(later, ref)
    fake.wait_for(lambda: done(fake) == [True])
    assert len(fake.todos("li")) == 1


def test_what_is_left_at_the_end_is_done_after_the_next_start(
    mirrored: Callable[[], Product], fake: FakeDingTalk, caplog: pytest.LogCaptureFixture
) -> None:
    hk = mirrored()
    first = hk.send(key="task:1").ref
    fake.wait_for(lambda: fake.todos("li"))
    fake.fail("/v1.0/todo/*", status=503, times=10_000)
    close(hk, first)
    hk.send(key="task:2")
    hk.stop()
    assert done(fake) == [False] and len(kept(hk)) == 3
    fake.clear_troubles()
    later = mirrored().start(connected=False)
    fake.wait_for(lambda: sorted(done(fake)) == [False, True])
    fake.wait_for(lambda: len(kept(later)) == 1)  # the one that stands
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


def test_a_mirror_that_fails_fails_no_card_and_makes_few_calls(
    mirrored: Callable[[], Product], fake: FakeDingTalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(todo, "FIRST_PAUSE", 0.2)
    monkeypatch.setattr(todo, "LONGEST", 60.0)
    hk = mirrored()
    fake.fail("/v1.0/todo/*", status=500, times=10_000)
    assert all(isinstance(hk.send(key=f"task:{n}"), Sent) for n in range(30))
    fake.wait_for(lambda: len(_made(fake)) >= 3)
    assert len(fake.screen("li")) == 30
    assert len(_made(fake)) <= 5, "each pause is longer than the last, whichever to-do it is about"


def _made(fake: FakeDingTalk) -> list[object]:
    return [each for each in fake.calls() if each.path.startswith("/v1.0/todo/")]


def test_one_that_will_never_do_holds_up_no_other(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored()
    fake.fail("/topapi/*", status=200, code="60121", times=1)  # nobody by that name
    hk.send(key="task:1")
    hk.send(key="task:2")
    fake.wait_for(lambda: len(fake.todos("li")) == 1)
    hk.stop()
    assert len(kept(hk)) == 1


@pytest.mark.parametrize("code", ["-1", "60011"])  # busy; a permission that an administrator gives later
def test_its_owner_is_looked_up_again(mirrored: Callable[[], Product], fake: FakeDingTalk, code: str) -> None:
    hk = mirrored()
    fake.fail("/topapi/*", status=200, code=code, times=2)
    hk.send()
    fake.wait_for(lambda: done(fake) == [False])


def test_a_todo_that_its_owner_deleted_is_forgotten(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored()
    ref = hk.send().ref
    fake.wait_for(lambda: kept(hk) == [f"todo:{ref}"])
    fake.call(fake.world.todos.clear)
    close(hk, ref)
    fake.wait_for(lambda: kept(hk) == [])


def test_a_closing_that_cannot_be_noted_is_sent_again(
    mirrored: Callable[[], Product], fake: FakeDingTalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    hk = mirrored()
    ref = hk.send().ref
    fake.wait_for(lambda: fake.todos("li"))

    def away(*_: object) -> None:
        raise Unreachable("database")

    with monkeypatch.context() as patch:
        patch.setattr(hk.adapter.mirror.memory, "put", away)
        assert isinstance(close(hk, ref), Retry)
        assert fake.card("li", ref).variables["status_text"] == ""  # the card's change says whether it was noted
    close(hk, ref)
    fake.wait_for(lambda: done(fake) == [True])


def test_what_is_no_task_and_what_had_no_todo_costs_no_call(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored()
    ref = hk.send(card(APPROVE, kind="promise.request")).ref
    close(hk, ref)
    hk.stop()
    assert _made(fake) == [] and kept(hk) == []


def test_one_that_fails_for_ever_holds_up_no_other(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored()
    refs = [hk.send(key=f"task:{n}").ref for n in range(4)]
    fake.wait_for(lambda: len(fake.todos("li")) == 4)
    fake.fail(ONE, times=10_000, status=503)
    for ref in refs:
        close(hk, ref)
    first = hk.adapter.mirror._left()[0]
    hk.stop()
    fake.clear_troubles()
    [stuck] = [each.todo_id for each in fake.todos("li") if each.source_id == first]
    fake.fail(f"PUT /v1.0/todo/users/u-wang/tasks/{stuck}", times=10_000)
    mirrored().start(connected=False)
    fake.wait_for(lambda: sum(done(fake)) == 3)


def test_where_the_month_is_used_up_nothing_is_asked_for_hours(
    mirrored: Callable[[], Product], fake: FakeDingTalk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(todo, "LONGEST", 3 * 3600.0)
    hk = mirrored()
    fake.fail(TODOS, times=10_000, status=403, code=QUOTA)
    hk.send(key="task:1")
    fake.wait_for(lambda: _made(fake))
    hk.send(key="task:2")
    time.sleep(0.5)
    assert len(_made(fake)) == 1


def test_a_task_that_is_closed_before_becomes_no_todo(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored()
    fake.fail(TODOS, times=10_000, status=503)
    close(hk, hk.send().ref)
    fake.wait_for(lambda: kept(hk) == [])
    fake.clear_troubles()
    assert fake.todos("li") == []


def test_a_tap_that_closes_its_card_closes_its_todo(mirrored: Callable[[], Product], fake: FakeDingTalk) -> None:
    hk = mirrored().start()
    ref = hk.deliver()
    fake.wait_for(lambda: fake.todos("li"))
    noted = threading.Event()

    async def shown() -> None:
        noted.set()

    hk.answers(Reply("done", "已批准", hk.fitted(CLOSED), {}, 7, 2, shown=shown))
    fake.tap("li", ref, "批准")
    fake.wait_for(lambda: done(fake) == [True])
    assert noted.wait(5)


def test_a_tap_whose_closing_cannot_be_noted_is_not_said_to_be_shown(
    mirrored: Callable[[], Product], fake: FakeDingTalk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """So the product sends the card's change once more, and that closes the to-do."""
    hk = mirrored().start()
    ref = hk.deliver()
    fake.wait_for(lambda: fake.todos("li"))
    noted = threading.Event()

    async def shown() -> None:
        noted.set()

    def away(*_: object) -> None:
        raise Unreachable("database")

    hk.answers(Reply("done", "已批准", hk.fitted(CLOSED), {}, 7, 2, shown=shown))
    with monkeypatch.context() as patch:
        patch.setattr(hk.adapter.mirror.memory, "put", away)
        fake.tap("li", ref, "批准")
        fake.wait_for(lambda: "was not noted" in caplog.text)
    assert not noted.is_set() and done(fake) == [False]
    close(hk, ref)
    fake.wait_for(lambda: done(fake) == [True])


def test_where_cards_are_text_their_todos_are_closed_as_well(product: Callable[..., Product], fake: FakeDingTalk) -> None:
    hk = product(cards=False, todo_creator="u-wang")
    ref = hk.send().ref
    fake.wait_for(lambda: fake.todos("li"))
    assert isinstance(close(hk, ref), Refused)  # the message stays as it is
    fake.wait_for(lambda: done(fake) == [True])
