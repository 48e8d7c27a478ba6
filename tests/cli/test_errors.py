"""Whatever goes wrong: an exit code, one sentence or one JSON document, never a traceback."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from bot import words
from core.errors import DomainError
from tests.cli.conftest import ROOT, CommandLine


@pytest.fixture
def database(hk: CommandLine) -> Path:
    hk("db", "upgrade")
    return hk.folder / "var/huikuan.db"


def set_revision(database: Path, revision: str) -> None:
    connection = sqlite3.connect(database)
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "words_",
    [["nope"], ["tap", "1", "task.log"], ["run-once", "--bad"], ["import", "cats", "x.csv"], ["policy"], ["import"]],
)
def test_wrong_usage(hk: CommandLine, words_: list[str]) -> None:
    assert hk(*words_, code=2).err
    assert hk(*words_, "--json", code=2).json["error"]["code"] == "usage.wrong"


def test_an_instant_that_is_none(hk: CommandLine) -> None:
    error = hk.refused("run-once", "--at", "tomorrow")
    assert error["code"] == "time.bad_instant" and "tomorrow" in error["message"]


def test_an_hour_that_the_clocks_skip(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_TIMEZONE", "Europe/Berlin")
    assert hk.refused("run-once", "--at", "2026-03-29T02:30")["code"] == "time.dst_gap"


@pytest.mark.parametrize(
    "words_", [["run-once"], ["say", "li", "hi"], ["tap", "1", "task.log", "--as", "li"], ["import", "people", "p.csv"]]
)
def test_a_real_messenger_and_a_made_up_time(hk: CommandLine, monkeypatch: pytest.MonkeyPatch, words_: list[str]) -> None:
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "slack,local")
    assert hk.refused(*words_, "--at", "2026-07-01T09:00")["code"] == "time.at_refused"


def test_without_the_local_messenger_nobody_speaks_for_others(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_MESSENGERS", "slack")
    for words_ in (["chat", "li"], ["say", "li", "hi"], ["tap", "1", "task.log", "--as", "li"]):
        assert hk.refused(*words_)["code"] == "local.off"


@pytest.mark.usefixtures("impatient")
def test_a_locked_database(hk: CommandLine, database: Path) -> None:
    holder = sqlite3.connect(database, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    said = hk("import", "people", hk.file("p.csv", "handle,name\nli,小李\n"), "--json", code=3)
    assert said.json["error"]["code"] == "db.locked"
    holder.execute("ROLLBACK")
    holder.close()


def test_a_read_only_database(hk: CommandLine, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", "sqlite:///file:var/huikuan.db?mode=ro&uri=true")
    error = hk.refused("import", "people", hk.file("p.csv", "handle,name\nli,小李\n"), code=3)
    assert error["code"] == "db.read_only"
    assert hk("ledger", "check").code == 0, "reading is allowed"


@pytest.mark.parametrize(("revision", "state"), [("9999_from_the_future", "newer")])
def test_a_database_of_another_version(hk: CommandLine, database: Path, revision: str, state: str) -> None:
    set_revision(database, revision)
    assert hk("db", "check", "--json", code=1).json == {"state": state}
    assert hk.refused("ledger", "check", code=3)["code"] == f"db.{state}"
    assert hk.refused("db", "upgrade", code=3)["code"] == f"db.{state}"


def test_an_older_database_says_what_to_do(hk: CommandLine, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.db.schema_state", lambda engine: "older")
    error = hk.refused("ledger", "check", code=3)
    assert error["code"] == "db.older" and "db upgrade" in error["hint"]
    assert "db upgrade" in hk("db", "check", code=1).out


def test_a_file_that_is_no_database(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    hk.file("letter.txt", "Dear customer, this is no database at all. " * 50)
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", "sqlite:///letter.txt")
    assert hk.refused("ledger", "check", code=3)["code"] == "db.not_a_database"


def test_somebody_elses_database_is_left_alone(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    connection = sqlite3.connect(hk.folder / "other.db")
    connection.execute("CREATE TABLE notes (words TEXT)")
    connection.close()
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", "sqlite:///other.db")
    file = hk.file("p.csv", "handle,name\nli,小李\n")
    assert hk.refused("import", "people", file, code=3)["code"] == "db.foreign"


def test_no_server_there(hk: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUIKUAN_DATABASE_URL", "postgresql://me:sesame@127.0.0.1:1/nowhere")
    answer = hk("ledger", "check", "--json", code=3)
    assert answer.json["error"]["code"] == "db.unreachable"
    assert "sesame" not in answer.out + answer.err


def test_a_bug_is_a_sentence_and_stands_in_the_log(hk: CommandLine, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(engine: object) -> str:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("core.db.schema_state", broken)
    assert hk.refused("db", "check", code=1)["code"] == "internal"
    assert "ZeroDivisionError" in (hk.folder / "var/error.log").read_text(encoding="utf-8")


def test_reading_makes_no_database(hk: CommandLine) -> None:
    assert hk.refused("ledger", "check", code=3)["code"] == "db.empty"
    assert hk("db", "check", "--json", code=1).json == {"state": "empty"}
    assert not (hk.folder / "var").exists()


def test_a_closed_pipe_is_quiet(hk: CommandLine, company: Callable[[], None]) -> None:
    import os
    import subprocess
    import sys

    company()
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    reader, writer = os.pipe()
    os.close(reader)
    export = [sys.executable, "-m", "bot", "export", "receivables"]
    done = subprocess.run(export, cwd=hk.folder, stdout=writer, stderr=subprocess.PIPE, text=True, env=environ)
    os.close(writer)
    assert done.stderr == ""


def test_every_code_that_is_raised_has_words() -> None:
    """Codes of `import.*` bring their own; whoever adds another writes a line in bot/words.toml."""
    raised = re.compile(r"(?:DomainError|ConfigError|Unreachable)\(\s*\"([a-z_]+\.[a-z_]+)\"")
    missing: dict[str, str] = {}
    for path in [*(ROOT / "core").rglob("*.py"), *(ROOT / "bot").rglob("*.py")]:
        for code in raised.findall(path.read_text(encoding="utf-8")):
            if not code.startswith("import.") and not words.known(code):
                missing[code] = str(path.relative_to(ROOT))
    assert not missing, f"no words in bot/words.toml: {missing}"


def test_every_outcome_of_an_action_has_words() -> None:
    """`outcome.<code>` for what was done, or had been done; states are part of some codes."""
    from core import models

    source = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "core/actions").glob("*.py")))
    codes = set(re.findall(r'Outcome\(\s*Result\.(?:done|already|stale), "([a-z_.]+)"', source))
    for family in re.findall(r'Outcome\(\s*Result\.(?:done|already), f"([a-z]+)\.\{', source):
        states = {"credit": "RequestState"}.get(family, f"{family.title()}State")
        codes |= {f"{family}.{state}" for state in getattr(models, states)}
    assert len(codes) > 30
    assert not [code for code in sorted(codes) if not words.known(f"outcome.{code}")]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_code_without_words_still_makes_a_sentence(lang: str) -> None:
    assert "no.such_code" in words.one_line(DomainError("no.such_code", n=1), lang)
    for code in words._catalogue():
        message, _ = words.sentence(code, {}, lang)
        assert message and "{" not in message
        assert lang == "zh" or not re.search(r"[\u4e00-\u9fff]", " ".join(words.sentence(code, {}, lang)))
