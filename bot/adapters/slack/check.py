"""What `huikuan doctor` looks at: tokens, scopes, the socket or our address, the clock; each with what to do about it."""

import json
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import Engine

from bot.adapters.called import called_finding
from bot.adapters.check import Finding, clock_state
from bot.adapters.reach import ask, new_word
from bot.adapters.slack.client import HOOKS, TOKEN_ERRORS, Answer, Api
from bot.adapters.slack.door import PATH
from bot.adapters.slack.manifest import SCOPES
from bot.settings import Settings
from core.time import utcnow

SOCKETS = ("wss-primary.slack.com", "wss-backup.slack.com")  # apps.connections.open names one of them
UPLOADS = "files.slack.com"  # files.getUploadURLExternal names it
HOSTS = ("slack.com", HOOKS, UPLOADS, *SOCKETS)


async def check(settings: Settings, engine: Engine | None = None) -> list[Finding]:
    """One finding for each thing, in the order in which they are set up."""
    own = settings.slack
    api = Api(own.bot_token.get_secret_value(), own.api_url)
    try:
        me = await api("auth.test")
        found = [_token(me, "slack.bot_token", "HUIKUAN_SLACK_BOT_TOKEN", "xoxb-")]
        if me.ok:
            found += [_scopes(me), _clock(me)]
        if own.mode == "socket":
            found.append(await _socket(api, own.app_token.get_secret_value()))
        else:
            found += [await _http(settings), await _called(settings, engine)]
        return found
    finally:
        await api.close()


def _token(me: Answer, name: str, variable: str, kind: str) -> Finding:
    if me.ok:
        team = str(me.data.get("team", ""))
        return Finding(name, "ok", f"令牌有效，工作区 {team}", f"valid, workspace {team}")
    return _problem(me, name, variable, kind)


def _problem(answer: Answer, name: str, variable: str, kind: str) -> Finding:
    why = answer.error or (answer.problem.reason if answer.problem else "")
    if why in TOKEN_ERRORS:
        return Finding(
            name, "fail", f"Slack 拒绝了令牌（{why}）", f"Slack refuses the token ({why})",
            f"在 api.slack.com 的应用设置里重新复制 {kind}… 令牌，写入 {variable} 后重启",
            f"Copy the {kind}… token again from the app's settings at api.slack.com into {variable}, then restart",
        )  # fmt: skip
    return Finding(
        name, "fail", f"连不上 Slack（{why}）", f"Slack cannot be reached ({why})",
        f"放行 443 端口：{'、'.join(HOSTS)}；或设置 HTTPS_PROXY，核对 HUIKUAN_SLACK_API_URL",
        f"Open port 443 to {', '.join(HOSTS)}, or set HTTPS_PROXY; compare HUIKUAN_SLACK_API_URL",
    )  # fmt: skip


def _scopes(me: Answer) -> Finding:
    """Slack names the token's scopes in a header of every answer."""
    said = me.headers.get("x-oauth-scopes")
    if said is None:
        return Finding("slack.scopes", "warn", "Slack 没有说明令牌的权限", "Slack does not say what the token may do")
    missing = [scope for scope in SCOPES if scope not in {one.strip() for one in said.split(",")}]
    if not missing:
        return Finding("slack.scopes", "ok", "权限齐全", "all scopes are granted")
    listed = ", ".join(missing)
    return Finding(
        "slack.scopes", "fail", f"缺少权限：{listed}", f"missing scopes: {listed}",
        "在“OAuth & Permissions”中加上这些权限，再点“Reinstall to Workspace”",
        "Add them under OAuth & Permissions, then press Reinstall to Workspace",
    )  # fmt: skip


def _clock(me: Answer) -> Finding:
    try:
        theirs = parsedate_to_datetime(me.headers.get("date", ""))
    except ValueError:
        return Finding("slack.clock", "warn", "Slack 没有给出时间", "Slack does not say what time it is")
    off = abs((utcnow() - _aware(theirs)).total_seconds())
    if (state := clock_state(off)) == "ok":
        return Finding("slack.clock", "ok", "本机时钟准确", "this machine's clock is right")
    return Finding(
        "slack.clock", state, f"本机时钟差 {off:.0f} 秒", f"this machine's clock is {off:.0f} seconds off",
        "打开时间同步（NTP）；差 5 分钟以上时，Slack 的请求会全部被拒绝",
        "Switch time synchronisation (NTP) on; with 5 minutes or more every request of Slack is refused",
    )  # fmt: skip


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


async def _socket(api: Api, token: str) -> Finding:
    """Opens a connection as the product does, and closes it."""
    opened = await api("apps.connections.open", token=token)
    if not opened.ok:
        return _problem(opened, "slack.app_token", "HUIKUAN_SLACK_APP_TOKEN", "xapp-")
    try:
        async with api.session.ws_connect(opened["url"], proxy=api.client.proxy) as socket:
            hello: Any = await socket.receive_json(timeout=5.0)
        if hello.get("type") == "hello":
            return Finding("slack.socket", "ok", "Socket Mode 可以连接", "Socket Mode connects")
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, TypeError, AttributeError):
        pass
    return Finding(
        "slack.socket", "fail", "令牌有效，但 Socket Mode 连不上", "the token is valid, but Socket Mode does not connect",
        f"防火墙或代理须允许到 {' 和 '.join(SOCKETS)} 的 WebSocket 连接（443 端口）",
        f"Firewall and proxy must allow WebSocket connections to {' and '.join(SOCKETS)} (port 443)",
    )  # fmt: skip


async def _http(settings: Settings) -> Finding:
    """Our address, called and signed as Slack does it."""
    if not settings.slack.signing_secret.get_secret_value():
        return Finding(
            "slack.http", "fail", "没有签名密钥", "there is no signing secret",
            "把“Basic Information”中的 Signing Secret 写入 HUIKUAN_SLACK_SIGNING_SECRET",
            "Put the Signing Secret of Basic Information into HUIKUAN_SLACK_SIGNING_SECRET",
        )  # fmt: skip
    if not settings.public_url:
        return Finding(
            "slack.http", "warn", "没有设置公网地址", "there is no public address",
            "把 Slack 从外网访问的 https 地址写入 HUIKUAN_PUBLIC_URL；或改用 HUIKUAN_SLACK_MODE=socket",
            "Put the https address where Slack reaches us into HUIKUAN_PUBLIC_URL; or use HUIKUAN_SLACK_MODE=socket",
        )  # fmt: skip
    found = await _callback(settings.public_url.rstrip("/") + PATH, settings.slack.signing_secret.get_secret_value())
    if found.state != "ok" or settings.public_url.startswith("https://"):
        return found
    return Finding(
        "slack.http", "warn", "公网地址通向本服务，但 Slack 只访问 https",
        "the public address leads here, but Slack calls https only",
        "在反向代理上启用 https，HUIKUAN_PUBLIC_URL 写 https://…",
        "Let the reverse proxy speak https, and write HUIKUAN_PUBLIC_URL as https://…",
    )  # fmt: skip


async def _callback(address: str, secret: str) -> Finding:
    word, stamp = new_word(), str(int(time.time()))
    body = json.dumps({"type": "url_verification", "challenge": word}).encode()
    signature = str(SignatureVerifier(secret).generate_signature(timestamp=stamp, body=body))
    headers = {"Content-Type": "application/json", "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature}
    answer = await ask("POST", address, data=body, headers=headers)
    if not answer.problem and answer.said == word:
        return Finding(
            "slack.http", "ok", "公网地址通向本服务，签名密钥和时钟都对",
            "the public address leads here; signing secret and clock are right",
        )  # fmt: skip
    if answer.problem == "HTTP 401":
        return Finding(
            "slack.http", "fail", "本服务不接受按这里的签名密钥签名的请求",
            "the server refuses a request signed with the signing secret of these settings",
            "huikuan serve 用的 HUIKUAN_SLACK_SIGNING_SECRET 和这里的不同，或时钟差了五分钟以上：统一设置、校时后重启",
            "huikuan serve has another HUIKUAN_SLACK_SIGNING_SECRET, or its clock is over five minutes off:"
            " set them right, then restart it",
        )  # fmt: skip
    problem = answer.problem or "HTTP 200"
    return Finding(
        "slack.http", "warn", f"从公网地址找不到本服务（{problem}）", f"the public address does not lead here ({problem})",
        f"先启动 huikuan serve，再检查反向代理是否把 {address} 原样转发给它",
        f"Start huikuan serve first, then check that the reverse proxy passes {address} on to it as it is",
    )  # fmt: skip


async def _called(settings: Settings, engine: Engine | None) -> Finding:
    """A token alone brings no taps: whether Slack has our address shows in its calls."""
    address = (settings.public_url.rstrip("/") or "https://…") + PATH
    hint = (
        "启动 huikuan serve，在 api.slack.com 应用设置的“Event Subscriptions”“Interactivity & Shortcuts”“Slash Commands”"
        f"里把 Request URL 都填成 {address}（用 huikuan slack manifest --http 的清单则已填好），反向代理须转发它；"
        "再给机器人发一条消息",
        f"Start huikuan serve; in the app's settings at api.slack.com put {address} as Request URL under"
        " Event Subscriptions, Interactivity & Shortcuts and Slash Commands (huikuan slack manifest --http has it already);"
        " the reverse proxy must pass it on; then write the bot a message",
    )
    return await called_finding(engine, "slack", ("Slack ", "Slack"), address, settings.zone, hint)
