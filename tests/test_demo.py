"""The demo: a company that looks lived in, the same one each time, and nobody else's database is touched."""

import asyncio
import json
import logging
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import SecretStr

from bot.app import App
from bot.demo import history, run
from bot.demo.stage import FILE, demo_settings, open_demo, usual_now
from bot.settings import Settings, WebhookSettings
from core import tokens
from core.db import upgrade
from core.errors import ConfigError
from core.ledger import invariants
from core.time import Calendar

ZONE = ZoneInfo("Asia/Shanghai")
WEDNESDAY = datetime(2026, 7, 15, 9, tzinfo=ZONE)


def china(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def made(folder: Path, at: datetime | None = WEDNESDAY, lang: str = "zh") -> App:
    return asyncio.run(open_demo(Settings(lang=lang), folder / FILE, at=at))


class Heard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING or record.name == "bot.demo.story":
            self.said.append(f"{record.levelname} {record.name}: {record.getMessage()}")


@pytest.fixture(scope="module")
def heard() -> Iterator[Heard]:
    """What was logged while the demo was made."""
    handler, story = Heard(), logging.getLogger("bot.demo.story")
    before = story.level
    logging.getLogger().addHandler(handler)
    story.setLevel(logging.INFO)
    yield handler
    story.setLevel(before)
    logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, heard: Heard) -> Iterator[App]:
    app = made(tmp_path_factory.mktemp("demo"))
    logging.getLogger().removeHandler(heard)  # other demos of this module have other stories
    yield app
    asyncio.run(app.stop())


def kinds(app: App, handle: str, *, fresh: bool = False) -> set[str]:
    now = WEDNESDAY.astimezone(UTC).isoformat()
    cards = app.chat(handle)["cards"]
    return {c["kind"] for c in cards if not fresh or datetime.fromisoformat(c["at"]) == datetime.fromisoformat(now)}


def sound(app: App) -> None:
    with app.transactions.look(app.clock()) as work:
        assert invariants.check(work.session) == []


def test_everybody_did_what_the_story_says_and_nothing_was_complained_about(demo: App, heard: Heard) -> None:
    assert heard.said == []
    assert demo.clock() == WEDNESDAY
    sound(demo)


def test_this_morning_lina_finds_four_things_to_do(demo: App) -> None:
    today = [c for c in demo.chat("lina")["cards"] if datetime.fromisoformat(c["at"]) == WEDNESDAY]
    assert {(c["customer"], c["kind"]) for c in today if c["actions"]} == {
        ("C001", "task.overdue"),
        ("C002", "task.due_soon"),
        ("C005", "promise.due"),
        ("C009", "task.overdue"),
    }


def test_her_chat_has_a_past(demo: App) -> None:
    cards = demo.chat("lina")["cards"]
    assert {"digest.daily", "note.rise", "payment.arrived", "letter.final"} <= {c["kind"] for c in cards}
    assert any(c["state"] == "closed" and c["customer"] == "C004" for c in cards), "the promise that was broken"
    assert any(c["state"] == "open" and c["customer"] == "C004" for c in cards), "and what came of it"


@pytest.mark.parametrize(
    ("handle", "expected"),
    [
        ("wangjianguo", {"task.silent", "alert.severe", "reply.balance"}),
        ("sunlihua", {"alert.severe", "promise.approval"}),
        ("zhengkai", {"task.critical", "credit.request"}),
        ("zhoumin", {"claim.review", "receipt.allocate", "task.copy"}),
        ("hejing", {"task.overdue", "dispute.open"}),
        ("wutao", {"alert.severe", "credit.request"}),
        ("chenhao", {"task.overdue", "reply.done"}),
        ("zhaoxue", {"task.overdue", "task.due_soon", "order.held", "order.decided"}),
        ("liuyang", {"task.overdue"}),
        ("linyue", {"task.overdue"}),
    ],
)
def test_what_stands_on_each_phone(demo: App, handle: str, expected: set[str]) -> None:
    assert expected <= kinds(demo, handle)


def test_silence_has_climbed_to_the_manager(demo: App) -> None:
    silent = [c for c in demo.chat("wangjianguo")["cards"] if c["kind"] == "task.silent"]
    assert [(c["customer"], c["state"]) for c in silent] == [("C003", "open")]
    assert "李娜" in silent[0]["title"]


def test_no_order_system_hears_of_it() -> None:
    hook = WebhookSettings(url="https://shop.example/hook", secret=SecretStr("of the real order system"))
    own = demo_settings(Settings(webhook=hook), Path("var/demo.db"))
    assert own.webhook == WebhookSettings()


def test_letters_went_out_in_both_stages_to_invented_addresses_only(demo: App) -> None:
    letters = demo.mailbox()["letters"]
    assert {1, 2} <= {letter["stage"] for letter in letters}
    assert all(letter["to"].endswith(".example") for letter in letters)


def test_finance_asks_for_a_balance(demo: App) -> None:
    asyncio.run(demo.start())
    view: Any = asyncio.run(demo.local.say("zhoumin", "余额 C038")).view
    assert (view["currency"], view["overdue"]) == ("EUR", "27500.00")
    assert [(other["currency"], other["overdue"]) for other in view["others"]] == [("USD", "18200.00")]


def test_an_order_waits_for_the_finance_director_and_others_were_decided(demo: App) -> None:
    asyncio.run(demo.start())
    view: Any = asyncio.run(demo.local.say("wutao", "审批")).view
    [waiting] = view["approvals"]
    assert (waiting["customer"], waiting["order"], waiting["over"]) == ("C008", "SO-260714-02", "45800.00")
    path = demo.engine.url.database
    assert path is not None
    with sqlite3.connect(path) as raw:
        states = dict(raw.execute("select number, state from sales_order"))
    assert states == {
        "SO-260709-01": "released", "SO-260710-01": "released", "SO-260710-02": "refused", "SO-260713-01": "released",
        "SO-260714-01": "rejected", "SO-260714-02": "held",
    }  # fmt: skip


def test_the_order_system_has_a_token_that_the_next_opening_ends(demo: App, tmp_path: Path) -> None:
    app = made(tmp_path)
    assert app.shop is not None
    first = app.shop.token
    asyncio.run(app.stop())
    again = made(tmp_path, None)
    try:
        with again.transactions.look(again.clock()) as work:
            assert again.shop is not None and tokens.find(work, again.shop.token) is not None
            assert tokens.find(work, first) is None
    finally:
        asyncio.run(again.stop())


def test_there_is_something_of_everything(demo: App) -> None:
    path = demo.engine.url.database
    assert path is not None
    with sqlite3.connect(path) as raw:

        def count(query: str) -> int:
            return int(raw.execute(f"select count(*) from {query}").fetchone()[0])

        assert count("customer") == 40
        assert 480 <= count("receivable") <= 600
        assert (
            raw.execute("select julianday(max(issued_on)) - julianday(min(issued_on)) from receivable").fetchone()[0] > 350
        )
        assert count("receivable where due_on is null and open_minor > 0") == 2
        assert count("receivable where open_minor > 0 and open_minor < amount_minor") >= 2
        assert count("receivable where open_minor > 0 and julianday('2026-07-15') - julianday(due_on) > 90") >= 1
        assert count("receipt where open_minor > 0") >= 1
        assert count("credit_note") >= 3
        assert count("customer where owner_id is null") == 1
        assert count("promise where state = 'open' and due_on = '2026-07-15'") == 1
        assert count("promise where state = 'broken'") == 1
        assert count("promise where state = 'proposed'") == 1
        assert count("dispute where state = 'open'") == 1
        assert count("claim where state = 'pending'") == 1
        assert count("pause where state = 'active'") == 1
        assert count("outbox where state in ('dead', 'unsure')") == 0


def test_the_same_now_makes_the_same_company(demo: App, tmp_path: Path) -> None:
    again = made(tmp_path)
    asyncio.run(again.stop())
    path = demo.engine.url.database
    assert path is not None
    unlike = {"inbound_event": "event_id", "local_message": "key"}  # ids of taps are random

    def rows(file: str, table: str) -> list[dict[str, Any]]:
        with sqlite3.connect(file) as raw:
            raw.row_factory = sqlite3.Row
            found = [dict(row) for row in raw.execute(f"select * from {table} order by 1")]
        return [{name: value for name, value in row.items() if name != unlike.get(table)} for row in found]

    told = ("firing", "promise", "sales_order", "credit_request")
    for table in ("person", "customer", "receivable", "entry", "allocation", *told):
        assert rows(path, table) == rows(str(tmp_path / FILE), table), table


@pytest.mark.parametrize("at", ["2026-10-09T09:00", "2026-07-11T12:00"], ids=["after the long holidays", "on a Saturday"])
def test_any_day_will_do(tmp_path: Path, at: str) -> None:
    app = made(tmp_path, china(at), lang="en")
    try:
        sound(app)
        assert app.clock() == china(at)
        assert len(app.chat("lina")["cards"]) > 5
    finally:
        asyncio.run(app.stop())


def test_a_kept_demo_goes_on_where_it_stopped(tmp_path: Path, heard: Heard) -> None:
    app = made(tmp_path)
    before = len(app.chat("lina")["cards"])
    said = len(heard.said)
    asyncio.run(app.advance(china("2026-07-16T09:00"), lambda at: None))
    assert len(app.chat("lina")["cards"]) > before
    sound(app)
    asyncio.run(app.stop())

    again = made(tmp_path, None)
    assert again.clock() == china("2026-07-16T09:00")
    asyncio.run(again.stop())
    with pytest.raises(ConfigError) as refused:
        made(tmp_path, china("2026-07-15T09:00"))
    assert refused.value.code == "demo.backwards"
    assert heard.said[said:] == []


@pytest.mark.parametrize("what", ["another program's", "a real company's", "no database"])
def test_a_database_that_is_no_demo_is_left_alone(tmp_path: Path, what: str) -> None:
    file = tmp_path / FILE
    if what == "no database":
        file.write_text("Kundenliste 2026, bitte nicht löschen\n" * 100, encoding="utf-8")
    elif what == "a real company's":
        upgrade(f"sqlite:///{file}")
    else:
        with sqlite3.connect(file) as raw:
            raw.execute("create table recipes (name text)")
    before = file.read_bytes()
    with pytest.raises(ConfigError) as refused:
        run(Settings(), port=0, data=tmp_path, at=None, browser=False)
    assert refused.value.code == "demo.foreign"
    assert file.read_bytes() == before


def test_a_demo_that_could_not_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(history, "write", broken)
    with pytest.raises(RuntimeError):
        made(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("real", "expected"),
    [
        ("2026-07-15T14:30", "2026-07-15T09:00"),
        ("2026-07-15T08:59", "2026-07-14T09:00"),
        ("2026-07-12T12:00", "2026-07-10T09:00"),
        ("2026-10-05T12:00", "2026-09-30T09:00"),
    ],
)
def test_now_is_the_latest_morning_of_work(real: str, expected: str) -> None:
    assert usual_now(Calendar(ZONE), china(real)) == china(expected)


@pytest.mark.timeout(120)
def test_one_command_opens_the_page_and_ctrl_c_ends_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bot", "demo", "--no-browser", "--port", "0"]
    root = Path(__file__).parents[1]
    with subprocess.Popen(
        command, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": "", "HUIKUAN_LANG": "en", "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stderr is not None
        try:
            said = []
            for line in process.stdout:
                said.append(line)
                if "http://" in line:
                    break
            assert "http://" in said[-1], process.stderr.read()
            address = said[-1].split()[-1]
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            assert browser.open(address, timeout=10).status == 200
            people = json.load(browser.open(address.partition("enter?")[0] + "api/people", timeout=10))
            assert people["first"] == ["lina", "wangjianguo", "zhoumin"]
            assert people["demo"] is True
            assert any("lina" in line for line in said), "who is who"
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
            assert process.stderr.read() == ""
        finally:
            process.kill()
    assert list(tmp_path.iterdir()) == [], "the temporary database is gone"
