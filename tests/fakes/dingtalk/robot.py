"""What the robot says: single chats, groups, the session webhook; read status and recall."""

import json
import re
from typing import Any

from aiohttp import web

from .state import Json, Message, Refused, World, needed, new_id, only_keys

CARD_KEYS = {f"sampleActionCard{n}": n for n in (2, 3, 4, 5)}
MESSAGES: dict[str, set[str]] = {
    "sampleText": {"content"},
    "sampleMarkdown": {"title", "text"},
    "sampleImageMsg": {"photoURL"},
    "sampleLink": {"text", "title", "picUrl", "messageUrl"},
    "sampleActionCard": {"title", "text", "singleTitle", "singleURL"},
    "sampleActionCard6": {"title", "text", "buttonTitle1", "buttonUrl1", "buttonTitle2", "buttonUrl2"},
    "sampleAudio": {"mediaId", "duration"},
    "sampleFile": {"mediaId", "fileName", "fileType"},
    "sampleVideo": {"duration", "videoMediaId", "videoType", "picMediaId"},
    **{
        key: {"title", "text"} | {f"action{what}{i}" for i in range(1, n + 1) for what in ("Title", "URL")}
        for key, n in CARD_KEYS.items()
    },
}
KINDS = {"sampleText": "text", "sampleMarkdown": "markdown"}


class Robot:
    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1.0/robot/oToMessages/batchSend", self.send)
        app.router.add_get("/v1.0/robot/oToMessages/readStatus", self.read_status)
        app.router.add_post("/v1.0/robot/otoMessages/batchRecall", self.recall)
        app.router.add_post("/v1.0/robot/groupMessages/send", self.send_to_group)
        app.router.add_post("/robot/sendBySession", self.send_by_session)

    def _robot_code(self, given: Any) -> None:
        if given != self.world.robot_code:
            raise Refused("invalidParameter.robotCode.notFound", f"no robot has the code {given!r}")

    async def send(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), {"msgKey", "msgParam", "robotCode", "userIds"}, "batchSend")
        needed(body, "batchSend", "robotCode", "userIds", "msgKey", "msgParam")
        self._robot_code(body["robotCode"])
        users = body["userIds"]
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            raise Refused("invalidParameter", "userIds is not a list of texts")
        if len(users) > 20:
            raise Refused("invalidParameter.userIds.tooLong", f"{len(users)} userIds, 20 are allowed")
        message = self._message(body["msgKey"], body["msgParam"])
        known = [user for user in users if user in self.world.users and user not in self.world.invalid]
        slowed = [user for user in known if self._flow_controlled(user)]
        query_key = new_id()
        for user in dict.fromkeys(known):
            if user not in slowed:
                self._post(message, [user], None, query_key)
        answer = {
            "processQueryKey": query_key,
            "invalidStaffIdList": [user for user in users if user not in known],
            "flowControlledStaffIdList": slowed,
            "filteredStaffIdList": [],
        }
        return web.json_response(answer)

    def _flow_controlled(self, user: str) -> bool:
        left = self.world.flow_controlled[user]
        self.world.flow_controlled[user] = max(0, left - 1)
        return left > 0

    async def send_to_group(self, request: web.Request) -> web.Response:
        allowed = {"coolAppCode", "msgKey", "msgParam", "openConversationId", "robotCode", "token"}
        body = only_keys(await request.json(), allowed, "groupMessages/send")
        needed(body, "groupMessages/send", "robotCode", "openConversationId", "msgKey", "msgParam")
        self._robot_code(body["robotCode"])
        members = self.world.groups.get(body["openConversationId"])
        if members is None:  # its code is invented [?]
            raise Refused("invalidParameter.openConversationId", "the robot is in no such group", wrong=False)
        query_key = new_id()
        message = self._message(body["msgKey"], body["msgParam"])
        self._post(message, members, body["openConversationId"], query_key)
        return web.json_response({"processQueryKey": query_key})

    def _message(self, key: str, param: Any) -> tuple[str, Json]:
        if key not in MESSAGES:
            raise Refused("invalidParameter.msgKey", f"no message has the key {key!r}")
        if not isinstance(param, str):
            raise Refused("invalidParameter.msgParam", "msgParam is not text")
        if len(param.encode()) > 15_000:  # told of group messages; the single chat is taken as the same [?]
            raise Refused("invalidParameter.msgParam.tooLong", f"msgParam has {len(param.encode())} bytes")
        try:
            values = json.loads(param)
        except ValueError:
            raise Refused("invalidParameter.msgParam", "msgParam is not JSON") from None
        values = only_keys(values, MESSAGES[key], key)
        for name in sorted(MESSAGES[key] - {"picUrl"}):
            if not isinstance(values.get(name), str) or not values[name].strip():
                raise Refused("invalidParameter.msgParam", f"{key}: {name} is not a text with something in it")
        return key, values

    def _post(self, message: tuple[str, Json], people: list[str], conversation: str | None, query_key: str | None) -> None:
        key, values = message
        kind = KINDS.get(key, "action_card" if key.startswith("sampleActionCard") else "other")
        text = values.get("text") or values.get("content") or json.dumps(values, ensure_ascii=False)
        if kind == "markdown" and re.search(r"^\|?\s*:?-{3,}:?\s*\|", text, re.MULTILINE):
            self.world.complain("a robot's markdown message has a table, which is not drawn [?]")
        post = Message(new_id("msg"), kind, "robot", list(people), conversation, values.get("title", ""), text)
        post.links, post.query_key = _links(values), query_key
        self.world.post(post)

    async def read_status(self, request: web.Request) -> web.Response:
        self._robot_code(request.query.get("robotCode"))
        sent = self._sent([request.query.get("processQueryKey", "")])
        if not sent:
            raise Refused("invalidParameter.processQueryKey", "no message has this processQueryKey", wrong=False)
        people = [(message, user) for message in sent for user in message.seen_by]
        rows = [
            {
                "userId": user,
                "name": self.world.users[user].name,
                "readStatus": "READ" if user in message.read_by else "UNREAD",
                "readTimestamp": 0,
            }
            for message, user in people
        ]
        status = "RECALLED" if all(message.recalled for message in sent) else "SUCCESS"
        return web.json_response({"sendStatus": status, "messageReadInfoList": rows})

    async def recall(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), {"processQueryKeys", "robotCode"}, "batchRecall")
        needed(body, "batchRecall", "robotCode", "processQueryKeys")
        self._robot_code(body["robotCode"])
        good = [key for key in body["processQueryKeys"] if self._sent([key])]
        for message in self._sent(good):
            message.recalled = True
        failed = {key: "processQueryKey not exist" for key in body["processQueryKeys"] if key not in good}
        return web.json_response({"successResult": good, "failedResult": failed})

    def _sent(self, keys: list[str]) -> list[Message]:
        return [message for message in self.world.messages if message.query_key and message.query_key in keys]

    # --- the session webhook: no token, its address is the right --------------------------------

    async def send_by_session(self, request: web.Request) -> web.Response:
        user, conversation, until = self.world.webhooks.get(request.query.get("session", ""), ("", None, 0.0))
        if not user or until <= self.world.now():  # the code of an expired session is unverified [?]
            raise Refused("300001", "session is expired or unknown")
        allowed = {"msgtype", "text", "markdown", "actionCard", "link", "at"}
        body = only_keys(await request.json(), allowed, "sendBySession")
        message = _by_session(body)
        people = self.world.groups[conversation] if conversation else [user]
        self._post(message, people, conversation, None)
        return web.json_response({"errcode": 0, "errmsg": "ok"})


def _by_session(body: Json) -> tuple[str, Json]:
    kinds = {"text": "sampleText", "markdown": "sampleMarkdown", "actionCard": "sampleActionCard"}
    key = kinds.get(body.get("msgtype", ""))
    if key is None:
        raise Refused("400105", f"unsupported msgtype {body.get('msgtype')!r}")
    values: Json = body.get(body["msgtype"]) or {}
    for name in ["content"] if key == "sampleText" else ["title", "text"]:
        if not isinstance(values.get(name), str) or not values[name].strip():
            raise Refused("400102", f"{body['msgtype']}: {name} is missing")
    return key, values


def _links(values: Json) -> dict[str, str]:
    pairs = [("singleTitle", "singleURL"), ("buttonTitle1", "buttonUrl1"), ("buttonTitle2", "buttonUrl2")]
    pairs += [(f"actionTitle{i}", f"actionURL{i}") for i in range(1, 6)]
    found = {values[title]: values[url] for title, url in pairs if title in values and url in values}
    return found | {each["title"]: each["actionURL"] for each in values.get("btns", [])}
