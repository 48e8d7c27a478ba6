"""`hk(...)` runs the command line in this process, in a folder of its own; `hk.process(...)` as a user would."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Fails unless standard output is one JSON document and nothing else."""
        return json.loads(self.out)


class CommandLine:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    def __call__(self, *words: str, code: int | None = 0) -> Answer:
        from bot.cli import app
        from bot.cli.frame import run

        self._capsys.readouterr()
        got = run(app, list(words))
        printed = self._capsys.readouterr()
        return self._judged(Answer(got, printed.out, printed.err), code)

    def process(self, *words: str, code: int | None = 0, **environ: str) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "bot", *words], cwd=self.folder, capture_output=True, text=True, timeout=60,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
        )  # fmt: skip
        return self._judged(Answer(done.returncode, done.stdout, done.stderr), code)

    def _judged(self, answer: Answer, code: int | None) -> Answer:
        assert "Traceback" not in answer.out + answer.err, answer.err
        assert code is None or answer.code == code, (answer.code, answer.out, answer.err)
        return answer

    def file(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def refused(self, *words: str, code: int = 2) -> dict[str, str]:
        """The error of a command that must not work, as JSON and as one sentence."""
        said = self(*words, code=code)
        assert said.out == "" and said.err.count("\n") == 1, (said.out, said.err)
        answer = self(*words, "--json", code=code).json
        assert set(answer) == {"error"} and set(answer["error"]) == {"code", "message", "where", "hint"}
        assert answer["error"]["message"]
        return dict(answer["error"])


@pytest.fixture
def hk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HUIKUAN_")]:
        monkeypatch.delenv(name)
    return CommandLine(tmp_path, capsys)


PEOPLE = "handle,name,roles,manager\nli,小李,rep,wang\nwang,王总,sales_manager,\nzhou,周总,finance_director,\n"
CUSTOMERS = "code,name,owner,finance_contact,finance_email\nC001,华兴商贸,li,张会计,a@x.example\nC002,乙公司,,,\n"
HEAD = "number,customer,issued_on,due_on,amount\n"
RECEIVABLES = HEAD + "I1,C001,2026-06-01,2026-07-01,120000.00\nI2,C002,2026-06-01,,500.50\n"


@pytest.fixture
def company(hk: CommandLine) -> Callable[[], None]:
    """Two customers, one with an owner, each with a receivable."""

    def fill() -> None:
        for kind, text in (("people", PEOPLE), ("customers", CUSTOMERS), ("receivables", RECEIVABLES)):
            hk("import", kind, hk.file(f"{kind}.csv", text), "--at", "2026-06-02T09:00")

    return fill
