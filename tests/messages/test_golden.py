"""Golden cards: every kind of message as every messenger would get it, under golden/<messenger>/<kind>.<lang>.json.

A change of a template, of bot.fit or of an adapter shows as a diff of these files. `make cards` writes them anew.
They hold the payload as it is, but for what makes a diff unreadable: text of several lines stands as a list of lines
(not for Slack, whose payloads a compiler reads), and DingTalk's JSON within text stands as JSON.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from bot.card import LANGS, Lang
from bot.preview import LETTERS, Preview, faces, kinds, previews
from tests.messages.accepted import CHECKS

GOLDEN = Path(__file__).parent / "golden"
UPDATE = bool(os.environ.get("HUIKUAN_UPDATE_CARDS"))
ANEW = "`make cards` writes the golden cards anew; read the diff before you commit it"
EVERY = [(kind, lang) for kind in kinds() for lang in LANGS]


def path_of(face: str, kind: str, lang: str) -> Path:
    return GOLDEN / face / f"{kind}.{lang}.json"


def written(made: Preview) -> str:
    """What stands in the file."""
    payload = made.payload if made.face.name == "slack" else _readable(made.payload)
    content = {"lost": list(made.lost), "payload": payload}
    return json.dumps(content, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _readable(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_readable(inner) for inner in value]
    if isinstance(value, str) and value.startswith(('{"', "[{", "[]")):
        return json.loads(value)
    return value.split("\n") if isinstance(value, str) and "\n" in value else value


@pytest.mark.parametrize(("kind", "lang"), EVERY)
def test_it_is_drawn_as_before(kind: str, lang: Lang) -> None:
    for made in previews(kind, lang).values():
        path = path_of(made.face.name, kind, lang)
        now = written(made)
        if UPDATE:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(now, encoding="utf-8")
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        assert now.splitlines() == before.splitlines(), f"{path.relative_to(GOLDEN)} differs: {ANEW}"
        assert now == before, f"{path.relative_to(GOLDEN)} ends otherwise: {ANEW}"


@pytest.mark.parametrize(("kind", "lang"), EVERY)
def test_the_messenger_would_take_it(kind: str, lang: Lang) -> None:
    for name, made in previews(kind, lang).items():
        CHECKS[name](made.payload)


@pytest.mark.parametrize(("kind", "lang"), EVERY)
def test_it_is_the_same_every_time(kind: str, lang: Lang) -> None:
    first, second = ({name: written(made) for name, made in previews(kind, lang).items()} for _ in range(2))
    assert first == second


def test_no_file_is_left_over() -> None:
    wanted = {path_of(name, kind, lang) for kind, lang in EVERY for name in previews(kind, lang)}
    left = {path for path in GOLDEN.rglob("*") if path.is_file()} - wanted
    if UPDATE:
        for path in left:
            path.unlink()
        left = set()
    assert sorted(str(path.relative_to(GOLDEN)) for path in left) == [], f"no such message: {ANEW}"


def test_everything_but_letters_is_drawn_for_every_messenger() -> None:
    for kind, lang in EVERY:
        expected = [LETTERS[kind]] if kind in LETTERS else [face.name for face in faces()]
        assert list(previews(kind, lang)) == expected
