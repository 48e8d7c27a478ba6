"""What is previewed is what the adapters send: each is built as in a company, and heard just before the network."""

import json
import re
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from bot.adapters.base import Address, Sent
from bot.adapters.build import messenger
from bot.adapters.dingtalk.client import Done
from bot.adapters.pace import Pace
from bot.adapters.slack.client import Answer
from bot.adapters.wecom.frames import plain
from bot.card import LANGS, Lang
from bot.fit import fit
from bot.preview import FORM, LETTERS, MEMBER, TEMPLATE, Face, example, faces, kinds, previews
from bot.preview import ROBOT as ROBOT_CODE
from bot.settings import Settings

ROBOT = "wecom-robot"
SET_UP: dict[str, dict[str, Any]] = {
    "slack": {"slack": {"bot_token": "xoxb-1", "app_token": "xapp-1"}},
    "dingtalk": {"dingtalk": {"client_id": "a", "client_secret": "b", "robot_code": ROBOT_CODE, "card_template": TEMPLATE}},
    "wecom": {
        "public_url": "https://huikuan.example",
        "wecom": {"corp_id": "a", "agent_id": 1_000_001, "secret": "b", "token": "c", "aes_key": "A" * 43},
    },
    ROBOT: {"wecom": {"transport": "aibot", "bot_id": "a", "bot_secret": "b"}},
}
CHAT_KINDS = [kind for kind in kinds() if kind not in LETTERS]
# Names of messages, which an adapter makes from its own keys.
NAMES = re.compile(
    r"hk-[0-9a-f]{40}|hk-[a-z0-9]+-[0-9a-f]{20}|hk-example-1|(?<=\|)(?=\|1\b)|\bexample(?=\||\")|(?<=m=)example"
)

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Network:
    """An adapter whose calls end here."""

    def __init__(self, name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.heard: list[dict[str, Any]] = []
        self.today = date(2026, 7, 8)
        self.adapter: Any = messenger(name.partition("-")[0], Settings(**SET_UP[name]), engine, self.clock)
        getattr(self, f"_{name.replace('-', '_')}")(monkeypatch)

    def clock(self) -> datetime:
        return datetime.combine(self.today, datetime.min.time(), ZoneInfo("Asia/Shanghai")).astimezone(UTC)

    def _slack(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def post(channel: str, content: dict[str, Any], **more: Any) -> Answer:
            self.heard.append(content)
            return Answer({"ok": True, "channel": channel, "ts": "1.1"})

        monkeypatch.setattr(self.adapter, "post", post)
        self.adapter._dms[MEMBER] = "D1"

    def _dingtalk(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def call(method: str, path: str, body: Any = None) -> Done:
            self.heard.append(json.loads(body["msgParam"]) if "msgParam" in body else body)
            return Done({})

        monkeypatch.setattr(self.adapter.client, "call", call)

    def _wecom(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def post(user_id: str, raw: bytes) -> dict[str, Any]:
            self.heard.append(json.loads(raw))
            return {"errcode": 0, "response_code": ""}

        monkeypatch.setattr(self.adapter, "post", post)

    def _wecom_robot(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async def ask(cmd: str, body: dict[str, Any], req_id: str = "") -> None:
            self.heard.append(body)

        async def written(user_id: str) -> bool:
            return True

        monkeypatch.setattr(self.adapter._line, "ask", ask)
        monkeypatch.setattr(self.adapter, "has_written", written)
        self.adapter._member = Pace(0.0, 1)

    async def said(self, to: Address, kind: str, lang: Lang) -> dict[str, Any]:
        card, self.today = example(kind, lang)
        fitted, _ = fit(card, self.adapter.capabilities(to), today=self.today)
        assert isinstance(await self.adapter.send(to, fitted, f"{kind}:{lang}:{to.text_only}"), Sent)
        return self.heard[-1]


def nameless(payload: dict[str, Any]) -> dict[str, Any]:
    """Without what tells one message from the next."""
    bare: dict[str, Any] = json.loads(NAMES.sub("…", json.dumps(payload, ensure_ascii=False)))
    if bare.get("msgtype") == "text":
        bare.pop("duplicate_check_interval")
    return bare | {"touser": "…"} if "touser" in bare else bare


def drawn_by(name: str) -> list[Face]:
    """The faces of one set-up: WeCom's robot is another than its app."""
    return [face for face in faces() if (face.name if ROBOT in (face.name, name) else face.messenger) == name]


@pytest.mark.parametrize("name", SET_UP)
async def test_the_adapter_sends_what_is_previewed(name: str, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(name, engine, monkeypatch)
    for kind in CHAT_KINDS:
        for lang in LANGS:
            shown = previews(kind, lang)
            for face in drawn_by(name):
                to = Address(MEMBER, lang=lang, text_only=face.name.endswith("-text"))
                assert face.capabilities(lang) == network.adapter.capabilities(to), face.name
                sent = await network.said(to, kind, lang)
                assert nameless(sent) == nameless(shown[face.name].payload), (face.name, kind, lang)


@pytest.mark.parametrize("lang", LANGS)
def test_without_a_public_address_wecom_has_no_form_page(engine: Engine, lang: Lang) -> None:
    adapter = messenger("wecom", Settings(**{**SET_UP["wecom"], "public_url": ""}), engine, lambda: None)  # type: ignore[arg-type, return-value]
    for face, bare in zip(faces(), faces(""), strict=True):
        if face.name not in ("wecom", "wecom-text"):
            assert face.capabilities(lang) == bare.capabilities(lang), face.name
            continue
        to = Address(MEMBER, lang=lang, text_only=face.name.endswith("-text"))
        assert bare.capabilities(lang) == adapter.capabilities(to)
        assert face.capabilities(lang).has_form_page and not bare.capabilities(lang).has_form_page


async def test_who_reads_only_text_gets_the_apps_words_from_the_robot(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has no face of its own: the same words, with the signs that Markdown reads in full width."""
    network = Network(ROBOT, engine, monkeypatch)
    for kind in CHAT_KINDS:
        sent = await network.said(Address(MEMBER, text_only=True), kind, "zh")
        words = previews(kind, "zh")["wecom-text"].payload["text"]["content"].replace(f"\n填写详情: {FORM}", "")
        assert sent["markdown"]["content"] == plain(words, "zh"), kind
