"""What `huikuan serve` says while it begins."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.routing import Route

from bot import server
from bot.app import App
from bot.settings import Settings, WebhookSettings
from core import webhooks
from tests.fakes.receiver import Receiver


class Line:
    def __init__(self) -> None:
        self.up = False

    def connected(self) -> bool:
        return self.up


class Callback(Line):
    def routes(self) -> list[Route]:
        return [Route("/wecom/callback", lambda _: None)]


async def test_a_line_for_each_messenger_when_it_is_connected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "LOOK_SECONDS", 0.01)
    line, callback = Line(), Callback()
    app: Any = SimpleNamespace(
        company=SimpleNamespace(lang="zh"), adapters={"dingtalk": line, "wecom": callback},
        settings=SimpleNamespace(real_messengers=("dingtalk", "wecom"), public_url="https://ar.example.com/"),
    )  # fmt: skip
    telling = asyncio.create_task(server._tell_connected(app))
    await asyncio.sleep(0.05)
    assert capsys.readouterr().out == "企业微信 等待回调：https://ar.example.com/wecom/callback\n"
    callback.up = True
    await asyncio.sleep(0.05)
    assert capsys.readouterr().out == "企业微信 已收到回调\n"
    line.up = True
    await asyncio.wait_for(telling, 5)
    assert capsys.readouterr().out == "钉钉 已连接\n"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_the_order_system_hears_within_seconds(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No run-once and no cycle is waited for; what is on its way when the process ends is recorded."""
    monkeypatch.setattr(server, "SEND_SECONDS", 0.1)
    secret = "only the two of them know it"
    with Receiver(secret) as shop:
        hook = WebhookSettings(url=f"{shop.url}/events", secret=SecretStr(secret))
        app = App(Settings(database_url=SecretStr(database_url), webhook=hook))
        await app.start()
        metronome = server.Metronome(app)
        metronome.start()
        shop.does = "slow"
        with app.work(app.clock()) as work:
            webhooks.emit(work, "order.held", "order:1", {"order": {"number": "SO1"}})
        while not shop.asked:
            await asyncio.sleep(0.02)
        metronome.stop()
        with app.transactions.look(app.clock()) as work:
            assert [event.state for event in webhooks.log(work)] == ["sending"]
        await asyncio.wait(app._background, timeout=5)
        with app.transactions.look(app.clock()) as work:
            assert [event.state for event in webhooks.log(work)] == ["accepted"]
        await app.stop()
        assert shop.told == [("order.held", "SO1")] and shop.wrong == []
