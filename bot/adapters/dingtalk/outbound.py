"""What we say: a card to one person, a message to one person, an answer into the chat that a question came from."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from bot.adapters.base import Refused, Retry, Unknown
from bot.adapters.dingtalk import render
from bot.adapters.dingtalk.client import WAIT_LONG, Client, Done, Failed, Lost, problem
from bot.adapters.dingtalk.decode import Chat
from bot.card import Card
from core.jsontext import encode

log = logging.getLogger(__name__)

TAKEN = "outTrackIdExist"
PASSING = ("too", "limit", "flow", "fast", "busy", "timeout", "system", "频繁", "限流", "稍后")
SPARE = 5.0  # seconds before its end at which a session's address is no longer used

Trouble = Retry | Refused | Unknown


@dataclass(frozen=True)
class Sender:
    """`template` is "" where messages are text."""

    client: Client
    robot: str
    template: str
    today: Callable[[], date]

    async def card(self, user: str, card: Card, *, ref: str, rev: int, delivery: int | None = None) -> Trouble | None:
        """None: it stands in the person's chat with the robot."""
        body = render.payload(card, ref=ref, rev=rev, to=user, template=self.template, robot=self.robot, delivery=delivery)
        outcome = await self.client.call("POST", "/v1.0/card/instances/createAndDeliver", body)
        if isinstance(outcome, Failed) and TAKEN in outcome.code:
            # Made by an earlier try; whether that was delivered is not known, and delivering it again shows one card.
            again = {"outTrackId": ref, "userIdType": 1, **render.delivering(user, self.robot)}
            outcome = await self.client.call("POST", "/v1.0/card/instances/deliver", again)
        if not isinstance(outcome, Done):
            return problem(outcome)
        return _undelivered(outcome.data)

    async def message(self, user: str, key: str, param: Mapping[str, str]) -> Trouble | None:
        """A message of the robot to one person: `sampleMarkdown`, `sampleText`."""
        body = {
            "robotCode": self.robot,
            "userIds": [user],
            "msgKey": key,
            "msgParam": encode(param).decode(),
        }
        outcome = await self.client.call("POST", "/v1.0/robot/oToMessages/batchSend", body)
        if not isinstance(outcome, Done):
            return problem(outcome)
        if user in (outcome.data.get("invalidStaffIdList") or []):
            return Refused("DingTalk knows no such person in this company")
        if user in (outcome.data.get("flowControlledStaffIdList") or []):
            return Retry(WAIT_LONG, "flow control")
        return None

    async def into(self, chat: Chat, key: str, param: Mapping[str, str]) -> None:
        """An answer where the question was asked; where that is over, to the person alone."""
        if chat.webhook and chat.webhook_until - SPARE > time.time():
            kind = {"sampleMarkdown": "markdown", "sampleText": "text"}[key]
            outcome = await self.client.answer(chat.webhook, {"msgtype": kind, kind: dict(param)})
            if isinstance(outcome, Done):
                return
            if isinstance(outcome, Lost):  # it may stand there; saying it twice is worse
                log.warning("an answer may not have arrived: %s", outcome.reason)
                return
        if chat.user:
            await self.to(chat.user, key, param)

    async def to(self, user: str, key: str, param: Mapping[str, str]) -> None:
        """An answer to one person. What is asked can be asked again, so a failure is only noted."""
        trouble = await self.message(user, key, param)
        if trouble is not None:
            log.warning("an answer was not sent: %s", trouble.reason)


def _undelivered(data: Mapping[str, Any]) -> Trouble | None:
    """A delivery that failed is told inside HTTP 200."""
    result = data.get("result")
    found = result.get("deliverResults") if isinstance(result, dict) else result
    for each in found if isinstance(found, list) else []:
        if isinstance(each, dict) and each.get("success") is False:
            reason = str(each.get("errorMsg") or "not delivered")[:200]
            passing = any(word in reason.lower() for word in PASSING)
            return Retry(WAIT_LONG, reason) if passing else Refused(reason)
    return None
