"""What `huikuan doctor` looks at: the key, the secret, the app, our own address from outside, the clock; each with what to
do."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from sqlalchemy import Engine

from bot.adapters.called import called_finding
from bot.adapters.check import Finding, clock_state
from bot.adapters.reach import SECONDS, ask, new_word
from bot.adapters.wecom.adapter import PATH, right_key
from bot.adapters.wecom.client import Client, Failed
from bot.adapters.wecom.wire import Wire
from bot.settings import Settings
from core.time import utcnow

SETUP = {
    40013: (
        "企业 ID 不对（40013）", "wrong corp id (40013)",
        "在管理后台“我的企业”最下方复制企业 ID，写入 HUIKUAN_WECOM_CORP_ID",
        "Copy 企业ID from “My company” in the console into HUIKUAN_WECOM_CORP_ID",
    ),
    40001: (
        "Secret 不对（40001）", "wrong secret (40001)",
        "在应用详情页重新查看 Secret，写入 HUIKUAN_WECOM_SECRET；多次输错会被封 IP 一小时",
        "Look the app's Secret up again into HUIKUAN_WECOM_SECRET; several wrong ones block your IP for an hour",
    ),
    60020: (
        "本服务器的 IP 不在企业可信 IP 里（60020）", "this server's IP is not among the trusted IPs (60020)",
        "在应用详情页底部的“企业可信IP”里加上服务器的出口 IP",
        "Add the server's outgoing IP to 企业可信IP at the bottom of the app's page",
    ),
    301002: (
        "AgentId 和 Secret 不是同一个应用的（301002）", "AgentId and Secret are of two apps (301002)",
        "在应用详情页复制 AgentId 写入 HUIKUAN_WECOM_AGENT_ID，Secret 取同一页的",
        "Copy AgentId from the app's page into HUIKUAN_WECOM_AGENT_ID, and the Secret from the same page",
    ),
}  # fmt: skip


async def check(settings: Settings, engine: Engine | None = None) -> list[Finding]:
    """One finding for each thing, in the order in which they are set up. Sends nobody anything."""
    if settings.wecom.transport == "aibot":
        return [await _connection(settings.wecom.aibot_url), _subscription()]
    address = settings.public_url.rstrip("/")
    asked = _api(settings, address), _callback(settings, address), _clock(settings.wecom.api_url)
    api, callback, clock = await asyncio.gather(*asked)
    return [_key(settings), *api, _address(address), *callback, clock, await _called(settings, engine)]


def _key(settings: Settings) -> Finding:
    name = "wecom.aes_key"
    if right_key(settings.wecom):
        return Finding(name, "ok", "EncodingAESKey 格式正确", "EncodingAESKey looks right")
    return Finding(
        name, "fail", "EncodingAESKey 必须是 43 位字母和数字", "EncodingAESKey must have 43 letters and digits",
        "在应用的“接收消息”设置里重新复制，写入 HUIKUAN_WECOM_AES_KEY，前后不要有空格",
        "Copy it again from the app's 接收消息 settings into HUIKUAN_WECOM_AES_KEY, without spaces around it",
    )  # fmt: skip


async def _api(settings: Settings, address: str) -> list[Finding]:
    """The secret; and with a token what WeCom says of the app."""
    client = Client(settings.wecom)
    try:
        secret = await asyncio.to_thread(_secret, client)
        return [secret] if secret.state != "ok" else [secret, await asyncio.to_thread(_app, client, address)]
    finally:
        client.close()


def _secret(client: Client) -> Finding:
    name = "wecom.secret"
    try:
        client.token()
    except Failed as failed:
        if known := SETUP.get(failed.code or 0):
            return Finding(name, "fail", *known)
        return Finding(
            name, "fail", f"拿不到令牌（{failed.result.reason}）", f"no token ({failed.result.reason})",
            "检查网络、代理（HTTPS_PROXY）和 HUIKUAN_WECOM_API_URL",
            "Check network, proxy (HTTPS_PROXY) and HUIKUAN_WECOM_API_URL",
        )  # fmt: skip
    return Finding(name, "ok", "企业 ID 和 Secret 有效", "corp id and secret are valid")


def _app(client: Client, address: str) -> Finding:
    """A token is given to any IP and for any app: only a call that is about the app shows whether it may be made."""
    name = "wecom.agent"
    try:
        app = client.app()
    except Failed as failed:
        if known := SETUP.get(failed.code or 0):
            return Finding(name, "fail", *known)
        return Finding(
            name, "warn", f"没能查到应用（{failed.result.reason}）",
            f"the app could not be asked about ({failed.result.reason})",
            "核对 HUIKUAN_WECOM_AGENT_ID；再用 huikuan send-test 工号 试发",
            "compare HUIKUAN_WECOM_AGENT_ID with the app's page, then try huikuan send-test PERSON",
        )  # fmt: skip
    called, host = str(app.get("name", "")), urlsplit(address).hostname or ""
    if app.get("close"):
        return Finding(
            name, "fail", f"应用“{called}”已停用", f"the app “{called}” is switched off",
            "在管理后台的应用详情页启用它", "Switch it on on the app's page in the console",
        )  # fmt: skip
    domain = app.get("redirect_domain")
    if host and isinstance(domain, str) and not _within(host, domain):
        return Finding(
            name, "warn", f"可信域名是“{domain}”，“填写详情”会打不开",
            f"the trusted domain is “{domain}”: forms will not open",
            f"在应用详情页的“网页授权及JS-SDK”里把可信域名设为 {host}",
            f"Set the trusted domain to {host} under 网页授权及JS-SDK on the app's page",
        )  # fmt: skip
    return Finding(name, "ok", f"应用“{called}”", f"the app is “{called}”")


def _within(host: str, domain: str) -> bool:
    domain = domain.partition(":")[0]
    return bool(domain) and (host == domain or host.endswith("." + domain))


async def _connection(url: str) -> Finding:
    """Whether the long connection can be made. Without a subscription it throws nobody out."""
    name, problem = "wecom.connection", ""
    try:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=True) as session,
            session.ws_connect(url),
        ):
            # TLS says farewell at leisure, and nobody would wait for it: the loop ends with this check.
            await connector.close(abort_ssl=True)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        problem = type(error).__name__
    if not problem:
        return Finding(name, "ok", f"能连上 {url}", f"{url} can be reached")
    return Finding(
        name, "fail", f"连不上 {url}（{problem}）", f"{url} can't be reached ({problem})",
        "检查网络、防火墙、代理（HTTPS_PROXY）和 HUIKUAN_WECOM_AIBOT_URL",
        "Check network, firewall, proxy (HTTPS_PROXY) and HUIKUAN_WECOM_AIBOT_URL",
    )  # fmt: skip


def _subscription() -> Finding:
    """A subscription would throw `huikuan serve` out: one connection is all that a robot has."""
    return Finding(
        "wecom.aibot", "warn",
        "没有检查 Bot ID 和 Secret：一检查就会把正在运行的 huikuan serve 挤下线",
        "Bot ID and Secret were not checked: checking would throw a running huikuan serve out",
        "看 huikuan serve 的日志：“the long connection is up” 表示正确，“subscription was refused” 表示填错了",
        "See the log of huikuan serve: “the long connection is up” means right, “subscription was refused” means wrong",
    )  # fmt: skip


def _address(address: str) -> Finding:
    name, parts = "public_url", urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return Finding(name, "ok", f"公网地址 {address}", f"public address {address}")
    hint = (
        "把企业微信能访问的 https 地址写入 HUIKUAN_PUBLIC_URL；它同时是卡片上“填写详情”的地址",
        "Put the https address that WeCom reaches into HUIKUAN_PUBLIC_URL; it is the address of the form, too",
    )
    if not address:
        return Finding(name, "warn", "没有公网地址，卡片上没有“填写详情”", "no public address: cards have no form", *hint)
    return Finding(name, "warn", f"公网地址不是 https：{address}", f"the public address is not https: {address}", *hint)


async def _callback(settings: Settings, address: str) -> list[Finding]:
    return [await _reached(settings, address)] if address else []


async def _reached(settings: Settings, address: str) -> Finding:
    """Whether our own sign of life can be seen there, and whether what answers reads what WeCom would write."""
    name = "wecom.callback"
    alive = await ask("GET", address + "/healthz")
    if alive.problem or '"ok"' not in alive.said:
        problem = alive.problem or "HTTP 200"
        return Finding(
            name, "warn", f"从公网地址找不到本服务（{problem}）", f"the public address does not lead here ({problem})",
            "先启动 huikuan serve，再检查反向代理是否转发 /wecom/callback、/form 和 /healthz",
            "Start huikuan serve first, then check that the reverse proxy passes /wecom/callback, /form and /healthz on",
        )  # fmt: skip
    if not right_key(settings.wecom):
        return Finding(name, "ok", "公网地址通向本服务", "the public address leads here")
    word = new_word()
    answer = await ask("GET", address + PATH, params=Wire(settings.wecom).asked(word))
    if not answer.problem and answer.said == word:
        return Finding(
            name, "ok", "公网地址通向本服务，Token、EncodingAESKey 和时钟都对",
            "the public address leads here; token, EncodingAESKey and clock are right",
        )  # fmt: skip
    if answer.problem == "HTTP 403":
        return Finding(
            name, "fail", "本服务不接受按这里的 Token 和 EncodingAESKey 签名的回调",
            "the server refuses a callback signed with the token and EncodingAESKey of these settings",
            "huikuan serve 用的设置和这里的不同，或两台机器的时钟差了五分钟以上：统一设置、校时后重启",
            "huikuan serve runs with other settings, or its clock is over five minutes off: set them right, then restart it",
        )  # fmt: skip
    problem = answer.problem or "HTTP 200"
    return Finding(
        name, "fail", f"{PATH} 没有答复（{problem}）", f"{PATH} does not answer ({problem})",
        f"检查反向代理是否转发 {PATH}，查询参数原样保留", f"The reverse proxy must pass {PATH} on, with its query as it is",
    )  # fmt: skip


async def _called(settings: Settings, engine: Engine | None) -> Finding:
    """An address that leads here is not yet one that WeCom knows."""
    address = (settings.public_url.rstrip("/") or "https://…") + PATH
    hint = (
        f"启动 huikuan serve，在应用详情页“接收消息”的“设置API接收”里把 URL 填成 {address} 并保存；再给应用发一条消息",
        f"Start huikuan serve, put {address} as URL under 接收消息 → 设置API接收 on the app's page and save it;"
        " then send the app a message",
    )  # fmt: skip
    return await called_finding(engine, "wecom", ("企业微信", "WeCom"), address, settings.zone, hint)


async def _clock(api_url: str) -> Finding:
    """WeCom's clock by the Date of an answer."""
    name = "wecom.clock"
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=True) as session,
            session.get(api_url, allow_redirects=False) as answer,
        ):
            there = parsedate_to_datetime(answer.headers["Date"])
    except (aiohttp.ClientError, TimeoutError, OSError, KeyError, ValueError):
        return Finding(name, "warn", "没能比较时钟", "the clocks could not be compared")
    there = there if there.tzinfo is not None else there.replace(tzinfo=UTC)
    off = abs(_seconds(utcnow(), there))
    if (state := clock_state(off)) == "ok":
        return Finding(name, "ok", "时钟准确", "the clock is right")
    return Finding(
        name, state, f"本机时钟差 {off:.0f} 秒，差五分钟就收不到回调",
        f"the clock is {off:.0f} s off; at five minutes callbacks fail",
        "打开时间同步（NTP）", "Switch time synchronisation (NTP) on",
    )  # fmt: skip


def _seconds(here: datetime, there: datetime) -> float:
    return (here - there).total_seconds()
