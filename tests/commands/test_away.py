"""/away and /back: until when, and who decides about credit meanwhile; as a person types it, and as a file brings it."""

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import select

from core.models import Audit, Person
from core.models.base import table_of
from tests.harness import Harness
from tests.scenarios.ordering import opened

A, P = table_of(Audit), table_of(Person)


@pytest.fixture
def hk(database_url: str) -> Iterator[Harness]:
    """Today is Monday, 6 July 2026."""
    story = Harness(database_url)
    yield opened(story)
    story.stop()


def somebody(hk: Harness, handle: str) -> Person:
    with hk.look() as work:
        return work.session.execute(select(Person).where(P.c.handle == handle)).scalar_one()


def named(hk: Harness, deputy_id: int | None) -> str:
    with hk.look() as work:
        found = work.session.get(Person, deputy_id or 0)
        return found.handle if found is not None else ""


@pytest.mark.parametrize(
    ("typed", "start", "until", "deputy"),
    [
        ("外出 到 7月15日 代理 @cai", date(2026, 7, 6), date(2026, 7, 15), "cai"),
        ("外出到7月15日 代理cai", date(2026, 7, 6), date(2026, 7, 15), "cai"),
        ("请假 从 7月10日 到 7月15日 由 @cai 代理", date(2026, 7, 10), date(2026, 7, 15), "cai"),
        ("休假 至周五", date(2026, 7, 6), date(2026, 7, 10), ""),
        ("/away until 15 July deputy @cai", date(2026, 7, 6), date(2026, 7, 15), "cai"),
        ("/away from 2026-07-10 to 2026-07-15 deputy cai", date(2026, 7, 10), date(2026, 7, 15), "cai"),
        ("/away until tomorrow", date(2026, 7, 6), date(2026, 7, 7), ""),
        ("/away 2026-07-31", date(2026, 7, 6), date(2026, 7, 31), ""),
    ],
)
def test_what_may_be_typed(hk: Harness, typed: str, start: date, until: date, deputy: str) -> None:
    assert hk.type("zhou", typed).outcome == "done"
    found = somebody(hk, "zhou")
    assert (found.away_from, found.away_until, named(hk, found.deputy_id)) == (start, until, deputy)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("外出", "command.usage"),
        ("外出 到 2025-07-01", "date.past"),
        ("外出 从 7月15日 到 7月10日", "period.backwards"),
        ("外出 到 2028-07-01", "away.too_long"),
        ("外出 到 哪天", "date.unknown"),
        ("外出 到 7月15日 代理 @zhou", "away.own_deputy"),
        ("外出 到 7月15日 代理 @nobody", "person.unknown"),
        ("外出 @nobody 到 7月15日", "person.unknown"),
        ("外出 @zhao 到 7月15日", "action.not_allowed"),
    ],
)
def test_what_is_wrong_is_said_and_changes_nothing(hk: Harness, typed: str, code: str) -> None:
    reply = hk.type("zhou", typed)
    assert reply.outcome in ("invalid", "not_allowed") and reply.view["error"]["code"] == code, reply.view
    assert reply.view["error"]["message"] != code and "…" not in reply.view["error"]["message"]
    assert somebody(hk, "zhou").away_until is None and somebody(hk, "zhao").away_until is None


def test_without_a_deputy_it_says_so(hk: Harness) -> None:
    reply = hk.type("zhou", "外出 到 7月8日")
    assert reply.card is not None and "审批仍发给您" in reply.card.text


def test_the_answer_names_the_deputy_whom_somebody_named_before(hk: Harness) -> None:
    hk.type("zhou", "外出 到 7月8日 代理 @fm")
    reply = hk.type("zhou", "外出 到 7月10日")
    assert reply.card is not None and [(f.label, f.value) for f in reply.card.fields][-1] == ("代理人", "fm")


def test_a_deputy_who_is_away_as_well_has_one_or_it_stays_with_who_leaves(hk: Harness) -> None:
    hk.type("fm", "外出 到 7月9日 代理 @zhao")
    said = hk.type("zhou", "外出 到 7月10日 代理 @fm").card
    assert said is not None and "fm在此期间也外出（至7月9日），其间由zhao代理" in said.text
    hk.type("zhao", "外出 到 7月10日 代理 @zhou")
    said = hk.type("zhou", "外出 到 7月10日").card
    assert said is not None and "fm在此期间也外出（至7月9日），代理人互相指向：审批仍发给本人" in said.text
    assert "外出 到 日期 代理 @同事" in said.text
    hk.person("zhao", deputy_id=None)
    said = hk.type("zhou", "外出 到 7月10日").card
    assert said is not None and "无人可代理：审批仍发给本人" in said.text


def test_a_deputy_who_is_away_later_stands_in_now(hk: Harness) -> None:
    hk.type("fm", "外出 从 7月20日 到 7月24日 代理 @zhao")
    said = hk.type("zhou", "外出 到 7月10日 代理 @fm").card
    assert said is not None and said.text == ""


def test_back_again_and_who_am_i(hk: Harness) -> None:
    assert hk.type("zhou", "/back").outcome == "already"
    hk.type("zhou", "外出 到 7月15日 代理 @cai")
    view = hk.type("zhou", "/whoami").view
    assert view["deputy"] == "cai" and view["away"] == {"from": "2026-07-06", "until": "2026-07-15"}
    assert hk.type("zhou", "回来").outcome == "done"
    view = hk.type("zhou", "/whoami").view
    assert view["deputy"] == "cai" and view["away"] is None
    with hk.look() as work:
        said = list(work.session.execute(select(A.c.action).where(A.c.subject == "person").order_by(A.c.id)).scalars())
    assert said == ["person.away", "person.back"]


def test_a_manager_says_it_for_their_people(hk: Harness) -> None:
    assert hk.type("wang", "外出 @li 到 7月8日 代理 @lin").outcome == "done"
    assert somebody(hk, "li").away_until == date(2026, 7, 8)
    assert hk.type("ada", "回来 @li").outcome == "done"
    assert somebody(hk, "li").away_until is None


def test_whoever_keeps_the_accounts_doesnt_appoint_themselves(hk: Harness) -> None:
    reply = hk.type("ada", "外出 @zhou 到 7月8日 代理 @ada")
    assert reply.view["error"]["code"] == "away.self_appointed" and somebody(hk, "zhou").away_until is None
    assert hk.type("ada", "外出 @zhou 到 7月8日 代理 @fm").outcome == "done"
    assert hk.type("zhao", "外出 @wang 到 7月8日 代理 @zhao").outcome == "done"  # above them anyway


def test_a_file_brings_absences_too_and_keeps_the_deputy_one_has_named(hk: Harness) -> None:
    hk.type("zhou", "外出 到 7月15日 代理 @cai")
    report = hk.imports(
        "people", "handle,name,deputy,away_from,away_until", "zhou,zhou,fm,2026-08-03,2026-08-14",
        "li,li,lin,2026-07-20,2026-07-01", "lin,lin,,,",
    )  # fmt: skip
    assert report["updated"] == 1 and [row["code"] for row in report["rejected"]] == ["import.away_backwards"], report
    found = somebody(hk, "zhou")
    assert (found.away_from, found.away_until) == (date(2026, 8, 3), date(2026, 8, 14))
    assert named(hk, found.deputy_id) == "cai" and somebody(hk, "li").away_until is None
