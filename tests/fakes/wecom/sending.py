"""message/send and message/update_template_card: what is checked, and what it changes on the members' screens."""

import secrets
from collections.abc import Callable
from typing import Any

from tests.fakes.wecom.cards import BAD_PARAMETER, CardCheck, calls_back
from tests.fakes.wecom.refused import Refused
from tests.fakes.wecom.state import BAD_CODE, MEDIA_LIVES, App, Code, Corp, Message, View

ENVELOPE = {"touser", "toparty", "totag", "agentid", "msgtype", "safe", "enable_id_trans"}
AGAIN = {"enable_duplicate_check", "duplicate_check_interval"}
UPDATE = {"userids", "partyids", "tagids", "atall", "agentid", "response_code", "enable_id_trans", "button", "template_card"}
MOST_TEXT = 2048
LONGEST_INTERVAL = 14400
USUAL_INTERVAL = 1800


def check_agent(body: dict[str, Any], app: App) -> None:
    """[?] An agentid in quotes is refused; the page only says that it is a number."""
    agentid = body.get("agentid")
    if not isinstance(agentid, int) or isinstance(agentid, bool):
        raise Refused(41011 if agentid is None else 40056, f"agentid {agentid!r}")
    if agentid != app.agentid:
        raise Refused(301002, f"this token may not speak for app {agentid}")


def no_unknown(value: dict[str, Any], allowed: set[str], what: str) -> None:
    unknown = set(value) - allowed
    if unknown:
        raise Refused(BAD_PARAMETER, f"{what}: unknown {sorted(unknown)}")


def limited(value: dict[str, Any], key: str, size: int, missing: int) -> str:
    """A text of at most `size` bytes. [?] Whether the server cuts or refuses is not known: refused."""
    text = value.get(key)
    if not isinstance(text, str) or not text:
        raise Refused(missing, f"{key} is missing")
    if len(text.encode()) > size:
        raise Refused(45002, f"{key}: {len(text.encode())} of {size} bytes")
    return text


class Sender:
    def __init__(self, corp: Corp, lint: list[str], wrong: list[str], has_callback: Callable[[], bool]) -> None:
        self._corp = corp
        self._lint = lint
        self._wrong = wrong
        self._has_callback = has_callback
        self._checks: dict[str, Callable[[dict[str, Any]], None]] = {
            "text": self._check_text,
            "markdown": self._check_text,
            "textcard": self._check_textcard,
            "news": self._check_news,
            "file": self._check_file,
            "image": self._check_file,
            "template_card": self.check_card,
        }

    def send(self, body: dict[str, Any], raw: bytes, app: App) -> dict[str, Any]:
        check_agent(body, app)
        msgtype = body.get("msgtype")
        if not isinstance(msgtype, str) or msgtype not in self._checks:
            raise Refused(40008, f"msgtype {msgtype!r}")
        no_unknown(body, ENVELOPE | AGAIN | {msgtype}, "message/send")
        known = self._known(body, raw, app)
        if known is not None:
            return known
        content = body.get(msgtype)
        if not isinstance(content, dict):
            raise Refused(BAD_PARAMETER, f"{msgtype} is missing")
        receivers, answer = self._receivers(body)
        self._checks[msgtype](content)
        answer |= self._deliver(msgtype, content, receivers, app)
        self._corp.sent[app.agentid, raw] = (self._corp.now(), answer)
        return answer

    def _known(self, body: dict[str, Any], raw: bytes, app: App) -> dict[str, Any] | None:
        """[?] The same JSON is taken byte for byte, and the first answer is given again whole, with its code."""
        interval = body.get("duplicate_check_interval", USUAL_INTERVAL)
        if body.get("enable_duplicate_check", 0) not in (0, 1) or not isinstance(interval, int):
            raise Refused(BAD_PARAMETER, "enable_duplicate_check or duplicate_check_interval")
        if not 0 < interval <= LONGEST_INTERVAL:
            raise Refused(BAD_PARAMETER, f"duplicate_check_interval {interval}")
        before = self._corp.sent.get((app.agentid, raw))
        if not body.get("enable_duplicate_check") or before is None or self._corp.now() - before[0] >= interval:
            return None
        return before[1]

    def _receivers(self, body: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Who gets it, and the `invalid...` part of the answer. The fake knows no departments and no tags."""
        lists = {key: self._split(body.get(key, "")) for key in ("touser", "toparty", "totag")}
        if not any(lists.values()):
            raise Refused(82001, "touser, toparty and totag are all empty")
        if len(lists["touser"]) > 1000:
            raise Refused(40032, "over 1000 receivers")
        everybody = [member.userid for member in self._corp.members.values() if member.visible and member.licensed]
        if lists["touser"] == ["@all"]:
            return everybody, {}
        good, bad, unlicensed = [], [], []
        for userid in dict.fromkeys(name.lower() for name in lists["touser"]):
            member = self._corp.member(userid)
            if member is None or not member.visible:
                bad.append(userid)
            elif not member.licensed:
                unlicensed.append(userid)
            else:
                good.append(member.userid)
        if not good:
            raise Refused(81013, "nobody of the receivers is valid")
        said = {"invaliduser": bad, "unlicenseduser": unlicensed}
        said |= {"invalidparty": lists["toparty"], "invalidtag": lists["totag"]}
        return good, {key: "|".join(names) for key, names in said.items() if names}

    def _split(self, names: Any) -> list[str]:
        if not isinstance(names, str):
            raise Refused(40031, "receivers are one text, joined by |")
        return [name.strip() for name in names.split("|") if name.strip()]

    def _deliver(self, msgtype: str, content: dict[str, Any], receivers: list[str], app: App) -> dict[str, Any]:
        corp, msgid = self._corp, secrets.token_urlsafe(24)
        if corp.too_many(("people", str(app.agentid)), corp.limits.people_day, 86400, len(receivers)):
            raise Refused(45009, "over the app's messages of one day")
        if msgtype == "template_card":
            corp.take_task(app.agentid, content, msgid)
        card = content if msgtype == "template_card" else {}
        views = {userid: View(dict(card)) for userid in receivers if self._room(userid, content)}
        message = corp.add(Message(msgid, app.agentid, msgtype, content, corp.now(), views))
        if card and calls_back(card):
            message.response_code = corp.new_code(message)
            return {"msgid": msgid, "response_code": message.response_code}
        return {"msgid": msgid}

    def _room(self, userid: str, content: dict[str, Any]) -> bool:
        """Over a member's limit the message is lost and the answer says nothing of it."""
        limits, key = self._corp.limits, ("member", userid)
        if self._corp.too_many(key, limits.member_minute, 60) or self._corp.too_many(key, limits.member_hour, 3600):
            self._corp.dropped.append((userid, content))
            self._wrong.append(f"message/send: {userid} got too many messages, this one was dropped in silence")
            return False
        return True

    # --- contents

    def _check_text(self, content: dict[str, Any]) -> None:
        no_unknown(content, {"content"}, "text")
        limited(content, "content", MOST_TEXT, missing=44004)

    def _check_textcard(self, content: dict[str, Any]) -> None:
        no_unknown(content, {"title", "description", "url", "btntxt"}, "textcard")
        limited(content, "title", 128, missing=41016)
        limited(content, "description", 512, missing=41033)
        self._check_url(limited(content, "url", 2048, missing=41010))
        if len(content.get("btntxt", "")) > 4:
            self._lint.append(f"textcard.btntxt: {content['btntxt']}")

    def _check_news(self, content: dict[str, Any]) -> None:
        no_unknown(content, {"articles"}, "news")
        articles = content.get("articles")
        if not isinstance(articles, list) or not 1 <= len(articles) <= 8:
            raise Refused(45008, "news has 1 to 8 articles")
        for article in articles:
            no_unknown(article, {"title", "description", "url", "picurl", "appid", "pagepath"}, "article")
            limited(article, "title", 128, missing=41016)
            if article.get("description"):
                limited(article, "description", 512, missing=41033)
            self._check_url(limited(article, "url", 2048, missing=41010))

    def _check_url(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise Refused(45034, f"no http:// before {url[:60]!r}")

    def _check_file(self, content: dict[str, Any]) -> None:
        no_unknown(content, {"media_id"}, "file")
        if not self.is_media(content.get("media_id", "")):
            raise Refused(40007 if content.get("media_id") else 41006, "media_id")

    def check_card(self, card: dict[str, Any], *, update: bool = False) -> None:
        found = CardCheck(card, update=update, is_member=self._is_member, is_media=self.is_media)
        self._lint.extend(found.lint)
        if calls_back(card) and not self._has_callback():
            raise Refused(43012, "an app without a callback URL may not send cards that call back")

    def is_media(self, media_id: str) -> bool:
        when = self._corp.media.get(media_id, (float("-inf"),))[0]
        return self._corp.now() - when <= MEDIA_LIVES

    def _is_member(self, userid: str) -> bool:
        return self._corp.member(userid) is not None

    # --- updates

    def update(self, body: dict[str, Any], app: App) -> dict[str, Any]:
        check_agent(body, app)
        no_unknown(body, UPDATE, "message/update_template_card")
        code = self._find_code(body, app)
        message = self._corp.messages[code.msgid]
        if message.recalled:
            raise Refused(BAD_CODE, "the message was recalled")  # [?]
        if ("button" in body) == ("template_card" in body):
            raise Refused(BAD_PARAMETER, "either button or template_card")
        users, bad = self._update_users(body, message)
        if "template_card" in body:
            self.check_card(body["template_card"], update=True)
            self._corp.take_task(app.agentid, body["template_card"], message.msgid)
        else:
            self._check_replace(body["button"])
        for userid in users:
            self._change(message, userid, body)
        code.used = True
        return {"invaliduser": bad} if bad else {}

    def _find_code(self, body: dict[str, Any], app: App) -> Code:
        known = self._corp.codes.get(str(body.get("response_code")))
        if known is not None and known.used:
            self._wrong.append("message/update_template_card: a response_code for the second time")
        return self._corp.find_code(body.get("response_code"), app.agentid)

    def _update_users(self, body: dict[str, Any], message: Message) -> tuple[list[str], list[str]]:
        for key in ("userids", "partyids", "tagids"):
            if not isinstance(body.get(key, []), list):
                raise Refused(BAD_PARAMETER, f"{key} is a list, not a text")
        if body.get("atall"):
            return list(message.views), []
        names = [str(name) for name in body.get("userids", [])]
        if not names or len(names) > 1000:
            raise Refused(40032 if names else 82001, f"{len(names)} userids")
        by_name = {userid.lower(): userid for userid in message.views}
        users = [by_name[name.lower()] for name in names if name.lower() in by_name]
        bad = [name.lower() for name in names if name.lower() not in by_name]
        if not users:
            raise Refused(81013, "nobody of them has the card")
        return users, bad

    def _check_replace(self, button: Any) -> None:
        if not isinstance(button, dict) or set(button) != {"replace_name"} or not button["replace_name"]:
            raise Refused(BAD_PARAMETER, "button is {replace_name}")

    def _change(self, message: Message, userid: str, body: dict[str, Any]) -> None:
        if "template_card" in body:
            self._corp.show(message, userid, body["template_card"])
        else:
            message.views[userid].replaced = body["button"]["replace_name"]
