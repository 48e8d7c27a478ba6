"""Every command explains itself, with an example; every setting is documented; help is quick."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from bot.cli import app
from tests.cli.conftest import ROOT, CommandLine

PROMISED = {
    "demo", "serve", "db upgrade", "db check", "import", "run-once", "chat", "mailbox", "say", "tap", "policy lint",
    "policy show", "policy presets", "policy apply", "policy try", "export", "ledger check", "doctor",
}  # fmt: skip


def commands(group: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in (group or typer.main.get_command(app)).commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{before}{name} ")
        else:
            yield before + name, command


ALL = dict(commands())


def test_the_promised_commands_are_there() -> None:
    assert set(ALL) >= PROMISED


@pytest.mark.parametrize("name", ALL)
def test_help_explains_and_shows_an_example(hk: CommandLine, name: str) -> None:
    said = hk(*name.split(), "--help")
    assert said.err == ""
    assert re.search(rf"^  huikuan {name}\b", said.out, re.MULTILINE) or re.search(rf"    huikuan {name}\b", said.out)
    for parameter in ALL[name].params:
        assert parameter.help or parameter.name == "help", f"{name}: {parameter.name} is not explained"


@pytest.mark.parametrize("name", sorted(set(ALL) - {"demo", "serve", "dingtalk template", "slack manifest"}))
def test_every_command_that_answers_has_json(name: str) -> None:
    assert any("--json" in parameter.opts for parameter in ALL[name].params), name


def test_help_in_english_has_no_chinese(hk: CommandLine) -> None:
    said = hk.process("import", "--help", HUIKUAN_LANG="en")
    assert "Example:" in said.out and not re.search(r"[\u4e00-\u9fff]", said.out)


def test_no_command_at_all_shows_the_help(hk: CommandLine) -> None:
    assert "run-once" in hk().out
    assert "upgrade" in hk("db", code=2).err


def test_every_setting_is_explained() -> None:
    from bot.settings import environment_names

    names = environment_names()
    assert {"HUIKUAN_DATABASE_URL", "HUIKUAN_MESSENGERS", "HUIKUAN_LETTERS", "HUIKUAN_COMPANY_BANK_ACCOUNT"} <= set(names)
    assert all(names.values()), [name for name, text in names.items() if not text]


def test_help_imports_nothing_heavy() -> None:
    """The time of `--help` is that of typer; a clock in a test would only measure the machine."""
    script = "import sys; from bot.cli import app; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"sqlalchemy", "sqlmodel", "pydantic", "fastapi", "alembic", "rich", "holidays", "babel", "core"}


def test_help_takes_no_longer_than_twice_typer() -> None:
    """The best of five each, so that a busy machine does not decide."""

    def best(*words: str) -> float:
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, check=True)
            taken.append(time.perf_counter() - start)
        return min(taken)

    assert best("-m", "bot", "--help") <= 2.0 * best("-c", "import typer") + 0.05


def test_the_example_of_the_settings_names_every_one_with_its_default() -> None:
    import tomllib

    from bot.settings import Settings

    lines = (ROOT / "examples/huikuan.toml").read_text(encoding="utf-8").splitlines()
    bare = re.compile(r"^# (?=[a-z_]+ = )")
    shown = tomllib.loads("\n".join(bare.sub("", line) for line in lines))
    assert set(shown) == set(Settings.model_fields)
    tables = ("company", "calendar_days", "slack", "dingtalk", "wecom", "webhook")
    for table in tables:
        assert set(shown[table]) == set(Settings.model_fields[table].default_factory().__class__.model_fields)  # type: ignore[misc, call-arg, union-attr]
    defaults = Settings.model_construct()
    for name, value in shown.items():
        if name not in (*tables, "letters", "messengers", "database_url", "smtp_url", "imap_url"):
            assert type(getattr(defaults, name))(value) == getattr(defaults, name), name
    assert Settings(**shown).lang == "zh"
