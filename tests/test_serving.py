"""What `huikuan serve` says while it begins."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from bot import server


class Line:
    def __init__(self) -> None:
        self.up = False

    def connected(self) -> bool:
        return self.up


async def test_a_line_for_each_messenger_when_it_is_connected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_SECONDS", 0.01)
    line = Line()
    app: Any = SimpleNamespace(
        company=SimpleNamespace(lang="zh"), settings=SimpleNamespace(real_messengers=("dingtalk", "wecom")),
        adapters={"dingtalk": line, "wecom": object()},
    )  # fmt: skip
    telling = asyncio.create_task(server._tell_connected(app))
    await asyncio.sleep(0.05)
    assert capsys.readouterr().out == "企业微信 等待回调\n"
    line.up = True
    await asyncio.wait_for(telling, 5)
    assert capsys.readouterr().out == "钉钉 已连接\n"
