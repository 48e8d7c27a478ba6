"""The letter of demand goes along with the card that names it, by Slack's three steps; the card stands without it, too."""

from pathlib import Path

import pytest
from sqlalchemy import select

from core.models import Task
from core.models.base import table_of
from tests.adapters.test_slack_app import Company, hk, rig  # noqa: F401
from tests.fakes.slack import refused

T = table_of(Task)


@pytest.fixture
def demand(hk: Company, tmp_path: Path) -> Company:  # noqa: F811
    """Stages 1 and 2 have gone; the day of the last one is near."""
    hk.app.settings = hk.app.settings.model_copy(update={"letters_dir": tmp_path})
    hk.begin("2026-07-29 08:00", letters="send")
    hk.customer("甲", "li", email="cw@jia.example")
    hk.receivable("甲", "100.00", due="2026-06-29", number="I1", issued="2026-06-01")
    hk.morning("2026-07-31")
    hk.act("li", "task.other", "甲", note="等律师")
    return hk


def test_the_owner_gets_the_letter_with_the_card(demand: Company, tmp_path: Path) -> None:
    demand.morning("2026-08-03")
    assert any("催款函" in shown.text for shown in demand.rig.shown("li"))
    [file] = demand.rig.fake.files
    [written] = tmp_path.glob("*.html")
    assert file.name == file.title == written.name
    assert file.data == written.read_bytes() and "催款函" in written.read_text(encoding="utf-8")
    demand.morning("2026-08-04")
    assert len(demand.rig.fake.files) == 1  # once


def test_the_card_stands_where_the_file_cannot_go(demand: Company, caplog: pytest.LogCaptureFixture) -> None:
    demand.rig.fake.fail("files.completeUploadExternal", refused("file_update_failed"))
    demand.morning("2026-08-03")
    assert any("催款函" in shown.text for shown in demand.rig.shown("li"))
    assert "file_update_failed" in caplog.text
    with demand.look() as work:
        events = work.session.execute(select(T.c.events).where(T.c.kind == "collect", T.c.state == "open")).scalars().all()
    assert any(e.get("file") for event in events for e in event)
