"""What `huikuan doctor` asks DingTalk: the secret, the gateway, the clock, the company, the robot's and the other
rights, the template, the month's calls."""

import asyncio
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode
from uuid import uuid4

from sqlalchemy import Engine

from bot.adapters.base import Refused
from bot.adapters.check import Finding, clock_state
from bot.adapters.dingtalk.adapter import make_client
from bot.adapters.dingtalk.client import Client, Done, Failed, Lost, NotReached, Outcome, denied, problem
from bot.adapters.dingtalk.stream import SUBSCRIPTIONS
from bot.settings import Settings
from core.errors import Unreachable

NEARLY = 0.8  # of the month's calls
NO_ROBOT = ("robot", "机器人")  # what an answer names where there is no such robot
HOSTS = ("api.dingtalk.com", "oapi.dingtalk.com", "wss-open-connection.dingtalk.com")
# What the app has to be allowed; docs/setup-dingtalk.md asks for these and no others.
SENDS, MAKES_CARDS, LOOKS_UP = "qyapi_robot_sendmsg", "Card.Instance.Write", "qyapi_get_member"
READS_TODOS, WRITES_TODOS = "Todo.Todo.Read", "Todo.Todo.Write"
RIGHTS = (SENDS, MAKES_CARDS, LOOKS_UP, READS_TODOS, WRITES_TODOS)


async def check(settings: Settings, engine: Engine) -> list[Finding]:
    """Asks for a token and a ticket, which cost no quota, and for things that are not there, which cost a call each: the
    fate of a message, a card for nobody, and where to-dos are on, their creator and a to-do, to read and to change."""
    client = make_client(settings, engine, lambda: datetime.now(UTC))
    try:
        token = await client.token_call()
        found = [_secret(token)]
        if isinstance(token, Done):
            found += [_gateway(await client.open_stream(SUBSCRIPTIONS)), _clock(token.date, datetime.now(UTC))]
        found.append(_company(settings))
        if isinstance(token, Done):
            found.append(_robot(await _asked(client, settings)))
        if not settings.dingtalk.card_template:
            found.append(_text())
        elif isinstance(token, Done):
            found.append(_template(await _made(client, settings.dingtalk.card_template)))
        if isinstance(token, Done) and settings.dingtalk.todo_creator:
            found.append(await _todo(client, settings.dingtalk.todo_creator))
        return [*found, await _calls(settings, client)]
    finally:
        await client.close()


def _why(outcome: Failed | NotReached | Lost) -> str:
    return f"{outcome.code} {outcome.message}".strip() if isinstance(outcome, Failed) else outcome.reason


def _secret(outcome: Outcome) -> Finding:
    name = "dingtalk.secret"
    match outcome:
        case Done():
            return Finding(name, "ok", "Client ID 和 Client Secret 有效", "the Client ID and Client Secret are valid")
        case Failed():
            return Finding(
                name, "fail", f"钉钉不接受 Client ID 或 Client Secret：{_why(outcome)}",
                f"DingTalk refuses the Client ID or Client Secret: {_why(outcome)}",
                "在开放平台的“凭证与基础信息”里核对 HUIKUAN_DINGTALK_CLIENT_ID 和 HUIKUAN_DINGTALK_CLIENT_SECRET",
                "compare HUIKUAN_DINGTALK_CLIENT_ID and HUIKUAN_DINGTALK_CLIENT_SECRET with the app's credentials page",
            )  # fmt: skip
        case NotReached() | Lost():
            return Finding(
                name, "fail", f"连不上钉钉：{_why(outcome)}", f"DingTalk can't be reached: {_why(outcome)}",
                f"放行 443 端口：{'、'.join(HOSTS)}；或设置 HTTPS_PROXY",
                f"open port 443 to {', '.join(HOSTS)}, or set HTTPS_PROXY",
            )  # fmt: skip


def _gateway(outcome: Outcome) -> Finding:
    name = "dingtalk.stream"
    if isinstance(outcome, Done) and outcome.data.get("ticket"):
        return Finding(name, "ok", "Stream 网关可用", "the Stream gateway answers")
    why = _why(outcome) if not isinstance(outcome, Done) else "no ticket"
    return Finding(
        name, "fail", f"Stream 网关没有给出连接：{why}", f"the Stream gateway gave no connection: {why}",
        "在开放平台确认机器人的消息接收模式是 Stream 模式，并且应用已发布",
        "on the open platform, the robot must receive messages in Stream mode, and the app must be published",
    )  # fmt: skip


def _clock(date: str, now: datetime) -> Finding:
    name = "dingtalk.clock"
    try:
        skew = abs((now - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError):
        return Finding(name, "ok", "钉钉没有告诉时间，未核对", "DingTalk told no time; not compared")
    if (state := clock_state(skew)) == "ok":
        return Finding(name, "ok", "时钟与钉钉一致", "the clock agrees with DingTalk's")
    return Finding(
        name, state, f"时钟与钉钉相差 {skew:.0f} 秒", f"the clock is {skew:.0f} seconds off",
        "让这台机器用 NTP 校时", "let this machine set its clock by NTP",
    )  # fmt: skip


def _company(settings: Settings) -> Finding:
    name = "dingtalk.corp_id"
    if settings.dingtalk.corp_id:
        return Finding(name, "ok", "别的企业的回调一律拒绝", "callbacks of other companies are refused")
    return Finding(
        name, "warn", "没有设置 CorpId：不核对回调来自哪个企业",
        "no CorpId is set: nobody looks from which company a callback comes",
        "把管理后台首页的 CorpId 写入 HUIKUAN_DINGTALK_CORP_ID",
        "put the CorpId of the admin console's first page into HUIKUAN_DINGTALK_CORP_ID",
    )  # fmt: skip


# --- what the app may do ---


async def _asked(client: Client, settings: Settings) -> Outcome:
    """About a message that nobody sent. It takes the same right as sending one."""
    robot = settings.dingtalk.robot_code or settings.dingtalk.client_id
    query = urlencode({"robotCode": robot, "processQueryKey": f"huikuan-doctor-{uuid4().hex}"})
    return await client.call("GET", f"/v1.0/robot/oToMessages/readStatus?{query}")


def _robot(asked: Outcome) -> Finding:
    name = "dingtalk.robot"
    if denied(asked):
        return _denied(name, asked, "机器人不能发消息", "the robot may not send messages", (SENDS,))
    if _untold(asked):
        return _untried(name, asked, "没能试机器人", "the robot could not be tried")
    if isinstance(asked, Failed) and any(word in f"{asked.code} {asked.message}".lower() for word in NO_ROBOT):
        return Finding(
            name, "fail", f"钉钉找不到这个机器人：{_why(asked)}", f"DingTalk knows no such robot: {_why(asked)}",
            "确认应用已添加机器人并已发布；RobotCode 与 Client ID 不同时，核对 HUIKUAN_DINGTALK_ROBOT_CODE",
            "the app must have a robot and be published; where its RobotCode is not the Client ID, compare"
            " HUIKUAN_DINGTALK_ROBOT_CODE",
        )  # fmt: skip
    # That there is no such message is the answer of a robot that may speak.
    return Finding(name, "ok", "机器人可以发消息", "the robot may send messages")


async def _todo(client: Client, creator: str) -> Finding:
    name, trouble = "dingtalk.todo", ("没能试待办同步", "the to-do mirror could not be tried")
    who = await client.call_old("/topapi/user/getbyunionid", {"unionid": creator})
    if denied(who):
        zh, en = "查不到同事的 unionId", "nobody's unionId can be looked up"
        return _denied(name, who, zh, en, (LOOKS_UP,))
    if _untold(who):
        return _untried(name, who, *trouble)
    if isinstance(who, Failed):
        return Finding(
            name, "fail", f"待办的创建人不是本企业的同事：{_why(who)}",
            f"the creator of to-dos is nobody in this company: {_why(who)}",
            "HUIKUAN_DINGTALK_TODO_CREATOR 要写财务某人的 unionId（不是员工 UserID）；不需要待办同步就去掉",
            "HUIKUAN_DINGTALK_TODO_CREATOR is the unionId (not UserID) of somebody in finance; unset, there are no to-dos",
        )  # fmt: skip
    base, none = f"/v1.0/todo/users/{quote(creator, safe='')}/tasks", f"huikuan-doctor-{uuid4().hex}"
    by = f"operatorId={quote(creator, safe='')}"
    read = await client.call("GET", f"{base}/sources/{none}?{by}")
    changed = await client.call("PUT", f"{base}/{none}?{by}", {"done": True})
    rights = {READS_TODOS: read, WRITES_TODOS: changed}
    for each in rights.values():
        if denied(each):
            missing = tuple(right for right, outcome in rights.items() if denied(outcome))
            return _denied(name, each, "应用不能建待办", "the app may not make to-dos", missing)
    for each in rights.values():
        if _untold(each):
            return _untried(name, each, *trouble)
    return Finding(name, "ok", "待办同步可用：创建人和权限都对", "to-dos can be made: creator and rights are right")


def _denied(name: str, outcome: Outcome, zh: str, en: str, rights: tuple[str, ...]) -> Finding:
    assert isinstance(outcome, Failed)
    zh, en = f"{zh}：{_why(outcome)}", f"{en}: {_why(outcome)}"
    if "Ip" in outcome.code:
        return Finding(
            name, "fail", zh, en, "在开放平台应用的“安全设置”里，把这台机器的出口 IP 加进服务器出口 IP",
            "add the IP address that this machine has on the internet to the app's 安全设置 (security settings)",
        )  # fmt: skip
    return Finding(
        name, "fail", zh, en, f"在开放平台“权限管理”申请 {'、'.join(rights)}，再发布新版本",
        f"ask for {' and '.join(rights)} under 权限管理, then publish a new version",
    )  # fmt: skip


def _untold(outcome: Outcome) -> bool:
    """Nothing was learned about rights."""
    return not isinstance(outcome, Done) and not isinstance(problem(outcome), Refused)


def _untried(name: str, outcome: Outcome, zh: str, en: str) -> Finding:
    assert not isinstance(outcome, Done)
    return Finding(
        name, "warn", f"{zh}：{_why(outcome)}", f"{en}: {_why(outcome)}",
        "稍后再运行 huikuan doctor", "run huikuan doctor again later",
    )  # fmt: skip


async def _made(client: Client, template: str) -> Outcome:
    """A card of the template that is delivered to nobody."""
    body = {
        "cardTemplateId": template, "outTrackId": f"huikuan-doctor-{uuid4().hex}", "userIdType": 1, "callbackType": "STREAM",
        "cardData": {"cardParamMap": {}}, "imRobotOpenSpaceModel": {"supportForward": False},
    }  # fmt: skip
    return await client.call("POST", "/v1.0/card/instances", body)


def _template(made: Outcome) -> Finding:
    name = "dingtalk.cards"
    match made:
        case Done():  # of a template of another app, or of none, DingTalk makes cards, too
            return Finding(
                name, "ok", "卡片模式；模板可以建卡，但钉钉看不出模板是不是本应用的",
                "card mode; cards can be made, but DingTalk does not say whether the template is this app's",
                "用 huikuan send-test 工号 给自己发一张卡片，看到按钮并按一下",
                "huikuan send-test PERSON sends a card: see it and press it",
            )  # fmt: skip
        case Failed() if denied(made):
            zh, en = "应用没有卡片权限", "the app may not make cards"
            return _denied(name, made, zh, en, (MAKES_CARDS,))
        case Failed(_, code) if "template" in code.lower():
            return Finding(
                name, "fail", f"卡片模板不能用：{_why(made)}", f"the card template can't be used: {_why(made)}",
                "在卡片平台发布模板，核对 HUIKUAN_DINGTALK_CARD_TEMPLATE",
                "publish the template on the card platform, compare HUIKUAN_DINGTALK_CARD_TEMPLATE",
            )  # fmt: skip
        case _:
            return Finding(
                name, "warn", f"没能试建卡片：{_why(made)}", f"making a card could not be tried: {_why(made)}",
                "稍后再运行 huikuan doctor；或用 huikuan send-test 工号 试发",
                "run huikuan doctor again later, or try huikuan send-test PERSON",
            )  # fmt: skip


def _text() -> Finding:
    return Finding(
        "dingtalk.cards", "ok", "文字模式：消息里的链接代替按钮", "text mode: links in messages stand in for buttons",
        "要用卡片：huikuan dingtalk template，导入后设置 HUIKUAN_DINGTALK_CARD_TEMPLATE",
        "for cards: huikuan dingtalk template, import it, set HUIKUAN_DINGTALK_CARD_TEMPLATE",
    )  # fmt: skip


async def _calls(settings: Settings, client: Client) -> Finding:
    name, most = "dingtalk.calls", settings.dingtalk.monthly_calls
    try:
        used = await asyncio.to_thread(client.month.known)
    except Unreachable as error:
        return Finding(name, "warn", f"查不到本月调用次数：{error}", f"this month's calls can't be read: {error}")
    zh, en = f"本月调用 {used} 次", f"{used} calls this month"
    if not most:
        return Finding(name, "ok", zh, en)
    zh, en = f"{zh}，共 {most} 次", f"{en} of {most}"
    if used < most * NEARLY:
        return Finding(name, "ok", zh, en)
    zh_hint, en_hint = "放宽策略的提醒，或升级钉钉版本", "let the policy remind less, or get a larger edition"
    if settings.dingtalk.todo_creator:
        off = "HUIKUAN_DINGTALK_TODO_CREATOR"
        zh_hint, en_hint = f"关掉待办同步（{off}）、{zh_hint}", f"turn the to-do mirror off ({off}), {en_hint}"
    return Finding(name, "fail" if used >= most else "warn", zh, en, zh_hint, en_hint)
