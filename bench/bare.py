"""The least that could show the same cards: the SDK's or the HTTP call in a loop, eight people at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient
from wechatpy.enterprise import WeChatClient

from bench.clock import seconds
from bot.notifications.sender import AT_ONCE

Payloads = list[tuple[str, Any]]
Loop = Callable[[Payloads], float]


def by_person(payloads: Payloads) -> list[list[Any]]:
    queues = defaultdict(list)
    for person, payload in payloads:
        queues[person].append(payload)
    return list(queues.values())


async def all_of(payloads: Payloads, send: Callable[[Any], Awaitable[None]]) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def one_by_one(queue: list[Any]) -> None:
        async with room:
            for payload in queue:
                await send(payload)

    await asyncio.gather(*map(one_by_one, by_person(payloads)))


@contextmanager
def slack(environment: dict[str, str]) -> Iterator[Loop]:
    token, url = environment["HUIKUAN_SLACK_BOT_TOKEN"], environment["HUIKUAN_SLACK_API_URL"]

    async def run(payloads: Payloads) -> None:
        async with aiohttp.ClientSession() as session:
            client = AsyncWebClient(token, url, session=session, retry_handlers=[])

            async def send(payload: Any) -> None:
                assert (await client.chat_postMessage(**payload))["ok"]

            await all_of(payloads, send)

    with asyncio.Runner() as runner:
        yield lambda payloads: seconds(lambda: runner.run(run(payloads)))


@contextmanager
def dingtalk(environment: dict[str, str]) -> Iterator[Loop]:
    app = {"appKey": environment["HUIKUAN_DINGTALK_CLIENT_ID"], "appSecret": environment["HUIKUAN_DINGTALK_CLIENT_SECRET"]}
    base = environment["HUIKUAN_DINGTALK_API_URL"]

    async def run(payloads: Payloads) -> None:
        async with aiohttp.ClientSession() as session:
            async with session.post(base + "/v1.0/oauth2/accessToken", json=app) as answer:
                headers = {"x-acs-dingtalk-access-token": (await answer.json())["accessToken"]}

            async def send(payload: Any) -> None:
                to = base + "/v1.0/card/instances/createAndDeliver"
                async with session.post(to, json=payload, headers=headers) as answer:
                    assert answer.status == 200, await answer.text()
                    await answer.json()

            await all_of(payloads, send)

    with asyncio.Runner() as runner:
        yield lambda payloads: seconds(lambda: runner.run(run(payloads)))


class _Wechat(WeChatClient):  # type: ignore[misc]
    """wechatpy writes the address of gettoken down."""

    def __init__(self, environment: dict[str, str]) -> None:
        given = {name.removeprefix("HUIKUAN_WECOM_"): value for name, value in environment.items()}
        super().__init__(given["CORP_ID"], given["SECRET"], auto_retry=False)
        self.base = given["API_URL"] + "/cgi-bin/"
        self.API_BASE_URL = self.base

    def fetch_access_token(self) -> Any:
        given = {"corpid": self.corp_id, "corpsecret": self.secret}
        return self._fetch_access_token(url=self.base + "gettoken", params=given)


@contextmanager
def wecom(environment: dict[str, str]) -> Iterator[Loop]:
    client = _Wechat(environment)
    assert client.access_token

    def one_by_one(queue: list[bytes]) -> None:
        for payload in queue:
            assert client.post("message/send", data=payload)["errcode"] == 0

    with ThreadPoolExecutor(AT_ONCE) as threads, closing(client._http):
        yield lambda payloads: seconds(lambda: list(threads.map(one_by_one, by_person(payloads))))


LOOPS = {"slack": slack, "dingtalk": dingtalk, "wecom": wecom}
