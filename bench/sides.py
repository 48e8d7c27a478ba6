"""What the benchmarks ask of each strict fake. Lives in the fake's process: see `far`."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from bot.adapters.dingtalk import render, template
from bot.adapters.wecom import adapter as wecom
from bot.adapters.wecom import keys
from tests.fakes.dingtalk import FakeDingTalk
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.delivery import Delivery
from tests.fakes.wecom import FakeWecom
from tests.fakes.wecom.screen import Button, Shown

TEMPLATE = "huikuan.schema"
CREATE = "/v1.0/card/instances/createAndDeliver"
PROMISED = {"date": "2026-07-10"}  # what every tap of the benchmarks says, each on a card of its own
NEVER = 60.0  # seconds, of a tap that nobody acknowledged
NOWHERE = "http://127.0.0.1:9/"

Tap = Callable[[], Awaitable[float]]


async def at_a_rate(taps: Sequence[Tap], per_second: float) -> list[float]:
    """Each begins when it is due, however long those before it take. Returns what each says."""
    loop, tasks = asyncio.get_running_loop(), []
    began = loop.time()
    for n, tap in enumerate(taps):
        await asyncio.sleep(max(0.0, began + n / per_second - loop.time()))
        tasks.append(asyncio.ensure_future(tap()))
    return list(await asyncio.gather(*tasks))


class Side(ABC):
    """One messenger. `payloads` are what the product sent, for the bare loop to send again."""

    fake: Any
    patience = 120.0

    @abstractmethod
    def environment(self) -> dict[str, str]:
        ...

    @abstractmethod
    def people(self, users: list[str]) -> None:
        ...

    @abstractmethod
    def clear(self) -> None:
        """Forgets every message and every call."""

    @abstractmethod
    def payloads(self) -> list[tuple[str, Any]]:
        ...

    @abstractmethod
    def limit(self, on: bool) -> None:
        ...

    @abstractmethod
    def stamps(self) -> dict[str, list[float]]:
        """When something was sent, for each thing that is limited."""

    @abstractmethod
    def refused(self) -> int:
        """How often the limit was broken."""

    @abstractmethod
    def pass_time(self, seconds: float) -> None:
        """For the limits; the product's clock is its own."""

    def reach(self, url: str) -> None:  # noqa: B027  # a messenger that the product connects to need not know
        """Where the product listens."""

    def connected(self) -> bool:
        return True

    @abstractmethod
    def ready(self) -> list[Tap]:
        """One tap of each card that stands, by whoever it was sent to."""

    def taps(self, number: int, per_second: float) -> list[float]:
        """Seconds to the acknowledgement of each."""
        found = self.ready()[:number]
        assert len(found) == number, (len(found), number)
        steps = at_a_rate(found, per_second)
        return asyncio.run_coroutine_threadsafe(steps, self.fake._loop).result(self.patience)

    def wrong(self) -> list[str]:
        return list(self.fake.wrong)


class SlackSide(Side):
    def __init__(self) -> None:
        self.fake = FakeSlack().start()
        self.fake.echo = False

    def environment(self) -> dict[str, str]:
        return {
            "HUIKUAN_SLACK_BOT_TOKEN": self.fake.bot_token,
            "HUIKUAN_SLACK_APP_TOKEN": self.fake.app_token,
            "HUIKUAN_SLACK_SIGNING_SECRET": self.fake.signing_secret,
            "HUIKUAN_SLACK_API_URL": self.fake.api_url,
        }

    def people(self, users: list[str]) -> None:
        for user in users:
            self.fake.add_user(user, f"{user}@example.com", user)

    def clear(self) -> None:
        def now() -> None:
            at = self.fake.at
            for each in (at.messages, at.calls, at.triggers, at.response_urls, self.fake.courier.sent, self.fake.wrong):
                each.clear()
            self.fake.courier._by_envelope.clear()

        self.fake.call(now)

    def _posts(self) -> list[Any]:
        return [call for call in self.fake.calls if call.method == "chat.postMessage"]

    def payloads(self) -> list[tuple[str, Any]]:
        return [(call.args["channel"], call.args) for call in self._posts()]

    def limit(self, on: bool) -> None:
        self.fake.limit_posts(1.0 if on else None, 3)

    def stamps(self) -> dict[str, list[float]]:
        found = defaultdict(list)
        for call in self._posts():
            found[call.args["channel"]].append(call.at)
        return dict(found)

    def refused(self) -> int:
        return sum((call.answer or {}).get("error") == "ratelimited" for call in self.fake.calls)

    def pass_time(self, seconds: float) -> None:
        self.fake.later(seconds)

    def connected(self) -> bool:
        return bool(self.fake.connections)

    def ready(self) -> list[Tap]:
        people, at = self.fake.people, self.fake.at
        owner = {channel.id: channel.user for channel in at.channels.values()}

        def tap_of(message: Any) -> Tap:
            controls = [each for block in message.blocks if block["type"] == "actions" for each in block["elements"]]
            action = next(each["action_id"] for each in controls if each["action_id"].endswith("|task.promise|date|"))

            async def tap() -> float:
                answer = await people.tap(owner[message.channel], message, action, PROMISED["date"], None, sure=True)
                return answer.seconds if answer.acked else NEVER

            return tap

        return [tap_of(message) for message in at.messages if message.by_bot]

    def signed(self, number: int) -> list[tuple[bytes, dict[str, str]]]:
        """Bodies and headers of taps, as Slack would POST them."""
        courier = self.fake.courier
        caught: list[Any] = []
        push = courier.push

        async def catch(kind: str, payload: dict[str, Any]) -> Any:
            caught.append(Delivery(kind, payload, ""))
            return await asyncio.sleep(0, _Caught())

        courier.push = catch
        try:
            self.taps(number, 10_000)
        finally:
            courier.push = push
        found = []
        for one in caught:
            body, kind = courier._form(one)
            found.append((body, {"Content-Type": kind, **courier.signing.headers(body)}))
        return found


class _Caught:
    acked, seconds = True, 0.0


class DingtalkSide(Side):
    def __init__(self) -> None:
        self.fake = FakeDingTalk().start()
        self.fake.add_template(TEMPLATE, template.text())
        self.fake.set_rate(None)
        self._stamps: list[float] = []  # the fake itself remembers a second of them
        meter = self.fake.gate._meter

        def metered(request: Any) -> None:
            meter(request)
            if request.path == CREATE:
                self._stamps.append(time.monotonic())

        self.fake.gate._meter = metered

    def environment(self) -> dict[str, str]:
        return {
            "HUIKUAN_DINGTALK_CLIENT_ID": self.fake.client_id,
            "HUIKUAN_DINGTALK_CLIENT_SECRET": self.fake.client_secret,
            "HUIKUAN_DINGTALK_ROBOT_CODE": self.fake.robot_code,
            "HUIKUAN_DINGTALK_CORP_ID": self.fake.corp_id,
            "HUIKUAN_DINGTALK_API_URL": self.fake.api,
            "HUIKUAN_DINGTALK_OAPI_URL": self.fake.oapi,
            "HUIKUAN_DINGTALK_CARD_TEMPLATE": TEMPLATE,
        }

    def people(self, users: list[str]) -> None:
        for user in users:
            self.fake.add_user(user, f"union-{user}", "", user)

    def clear(self) -> None:
        def now() -> None:
            world = self.fake.world
            for each in (world.messages, world.cards, world.calls, self.fake.stream.pushes, self.fake.wrong, self._stamps):
                each.clear()

        self.fake.call(now)

    def payloads(self) -> list[tuple[str, Any]]:
        return [(call.body["openSpaceId"], call.body) for call in self.fake.calls(CREATE)]

    def limit(self, on: bool) -> None:
        self.fake.set_rate(20 if on else None)

    def stamps(self) -> dict[str, list[float]]:
        return {"all": list(self._stamps)}

    def refused(self) -> int:
        return sum(call.status == 403 for call in self.fake.calls())

    def pass_time(self, seconds: float) -> None:
        self.fake.gate.skipped += seconds

    def connected(self) -> bool:
        return bool(self.fake.connections())

    def ready(self) -> list[Tap]:
        people = self.fake.people

        def tap_of(user: str, seen: Any) -> Tap:
            form = {**PROMISED, render.STATE: urlencode({"v": "1", "a": "task.promise"})}

            async def tap() -> float:
                answer = await people._act(user, seen, render.SUBMIT, {"form": form})
                return answer.seconds if answer.acked and answer.seconds is not None else NEVER

            return tap

        users = list(self.fake.world.users)
        return [tap_of(user, seen) for user in users for seen in self.fake.screen(user) if seen.card]


class WecomSide(Side):
    def __init__(self) -> None:
        self.fake = FakeWecom(callback=NOWHERE).start()

    def environment(self) -> dict[str, str]:
        return {
            "HUIKUAN_WECOM_CORP_ID": self.fake.corp_id,
            "HUIKUAN_WECOM_AGENT_ID": str(self.fake.agent_id),
            "HUIKUAN_WECOM_SECRET": self.fake.secret,
            "HUIKUAN_WECOM_TOKEN": self.fake.token,
            "HUIKUAN_WECOM_AES_KEY": self.fake.aes_key,
            "HUIKUAN_WECOM_API_URL": self.fake.url,
            "HUIKUAN_WECOM_OAUTH_URL": self.fake.url,
        }

    def people(self, users: list[str]) -> None:
        for user in users:
            self.fake.add_member(user)

    def clear(self) -> None:
        def now() -> None:
            corp = self.fake._corp
            for each in (corp.messages, corp.codes, corp.tasks, corp.sent, corp.dropped, corp._rates, self.fake.calls,
                         self.fake.wrong):  # fmt: skip
                each.clear()

        self.fake.call(now)

    def payloads(self) -> list[tuple[str, Any]]:
        return [(call.body["touser"], call.raw) for call in self.fake.calls_of("message/send")]

    def limit(self, on: bool) -> None:
        self.fake.limits.on = on

    def stamps(self) -> dict[str, list[float]]:
        found = defaultdict(list)
        for message in self.fake._corp.messages.values():
            for user in message.views:
                found[user].append(message.at)
        return dict(found)

    def refused(self) -> int:
        over: list[Any] = [call for call in self.fake.calls if call.errcode == 45009]
        return len(self.fake.dropped) + len(over)

    def pass_time(self, seconds: float) -> None:
        self.fake.pass_time(seconds)

    def reach(self, url: str) -> None:
        self.fake.set_callback(url + wecom.PATH)

    def ready(self) -> list[Tap]:
        phones = self.fake._phones
        users = [member.userid for member in self.fake._corp.members.values()]

        def tap_of(user: str, shown: Shown) -> Tap:
            key = keys.Key(shown.card["task_id"], "task.promise", 1, given=tuple(PROMISED.items())).text()
            asked = replace(shown, buttons=(Button("承诺付款", key),))

            async def tap() -> float:
                done = await phones.tap(user, asked, key, {}, True)
                return sum(each.seconds for each in done.tries) if done.status == 200 else NEVER

            return tap

        return [tap_of(user, shown) for user in users for shown in self.fake.screen(user) if shown.card]


SIDES: dict[str, type[SlackSide] | type[DingtalkSide] | type[WecomSide]] = {
    "slack": SlackSide, "dingtalk": DingtalkSide, "wecom": WecomSide,
}  # fmt: skip
