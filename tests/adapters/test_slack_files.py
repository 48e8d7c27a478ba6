"""The letter of demand goes along with the card that names it, by Slack's three steps; the card stands without it, too."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select

from bot.adapters.base import Refused, Sent
from bot.adapters.slack.client import Answer, Api
from bot.adapters.slack.files import upload
from core.models import Task
from core.models.base import table_of
from tests.adapters.test_slack_app import Company, hk, rig  # noqa: F401
from tests.fakes.slack import refused
from tests.fakes.slack.faults import Fault

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


@pytest.mark.parametrize("body", ['{"ok": true}', '{"ok": true, "upload_url": "http://["}', '{"ok": true, "upload_url": 7}'])
def test_the_card_stands_where_slack_names_no_address(demand: Company, caplog: pytest.LogCaptureFixture, body: str) -> None:
    demand.rig.fake.fail("files.getUploadURLExternal", Fault("answer", 200, body))
    demand.morning("2026-08-03")
    assert any("催款函" in shown.text for shown in demand.rig.shown("li"))
    assert "none of Slack's" in caplog.text
    assert {row.state for row in demand.outbox()} <= {"sent", "cancelled"}  # and whatever came after it went out, too


class Told(Api):
    """A Slack that says where to upload to, and a wire that shows where the bytes go."""

    def __init__(self, address: str) -> None:
        super().__init__("xoxb-1", "https://slack.com/api/")
        self.address, self.went = address, []

    async def __call__(self, method: str, **args: Any) -> Answer:
        return Answer({"upload_url": self.address, "file_id": "F1"})

    client = SimpleNamespace(proxy=None)  # type: ignore[assignment]

    @property
    def session(self) -> Any:
        return SimpleNamespace(post=self._post)

    @asynccontextmanager
    async def _post(self, where: str, **_: Any) -> AsyncIterator[Any]:
        async def read() -> bytes:
            return b"OK"

        self.went.append(where)
        yield SimpleNamespace(status=200, read=read)


@pytest.mark.parametrize("address", ["https://files.slack.com/upload/v1/ABC", "https://slack.com/upload/1"])
async def test_a_letter_goes_where_slack_says(address: str) -> None:
    api = Told(address)
    assert await upload(api, "D1", "催款函.html", b"x") == Sent("F1") and api.went == [address]


@pytest.mark.parametrize("address", [
    "https://evil.example/upload", "https://evil.example/files.slack.com", "https://files.slack.com.evil.example/",
    "https://notslack.com/", "https://evil.example?.slack.com", "https://evil.example#.slack.com", "",
    "https://evil.example\\.slack.com/", "http://files.slack.com/upload", "https://x@files.slack.com/", "ftp://files.slack.com/",
    "https://files.slack.com:8443/", "http://169.254.169.254/", "https://[::1", "file:///etc/passwd", ".slack.com",
])  # fmt: skip
async def test_a_letter_goes_to_nobody_but_slack(address: str) -> None:
    """It is a customer's, with what they owe."""
    api = Told(address)
    assert isinstance(await upload(api, "D1", "催款函.html", b"x"), Refused) and api.went == []
