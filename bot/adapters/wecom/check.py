"""What `huikuan doctor` looks at: the key, the secret, our own address from outside, the clock; each with what to do."""

import asyncio
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from sqlalchemy import Engine

from bot.adapters.called import called_finding
from bot.adapters.check import Finding
from bot.adapters.wecom.adapter import PATH, right_key
from bot.adapters.wecom.client import Client, Failed
from bot.settings import Settings
from core.time import utcnow

SECONDS = 10.0
SKEW = 60.0  # seconds that our clock may be off; at five minutes callbacks are refused
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
}  # fmt: skip


async def check(settings: Settings, engine: Engine | None = None) -> list[Finding]:
    """One finding for each thing, in the order in which they are set up. Sends nobody anything."""
    if settings.wecom.transport == "aibot":
        return [await _connection(settings.wecom.aibot_url), _subscription()]
    address = settings.public_url.rstrip("/")
    asked = [_secret(settings), *([_reachable(address)] if address else []), _clock(settings.wecom.api_url)]
    secret, *rest = await asyncio.gather(*asked)
    return [_key(settings), secret, _address(address), *rest, await _called(settings, engine)]


def _key(settings: Settings) -> Finding:
    name = "wecom.aes_key"
    if right_key(settings.wecom):
        return Finding(name, "ok", "EncodingAESKey 格式正确", "EncodingAESKey looks right")
    return Finding(
        name, "fail", "EncodingAESKey 必须是 43 位字母和数字", "EncodingAESKey must have 43 letters and digits",
        "在应用的“接收消息”设置里重新复制，写入 HUIKUAN_WECOM_AES_KEY，前后不要有空格",
        "Copy it again from the app's 接收消息 settings into HUIKUAN_WECOM_AES_KEY, without spaces around it",
    )  # fmt: skip


async def _secret(settings: Settings) -> Finding:
    name, client = "wecom.secret", Client(settings.wecom)
    try:
        await asyncio.to_thread(client.token)
        return Finding(name, "ok", "企业 ID 和 Secret 有效", "corp id and secret are valid")
    except Failed as failed:
        known = SETUP.get(failed.code or 0)
        if known is not None:
            return Finding(name, "fail", *known)
        return Finding(
            name, "fail", f"拿不到令牌（{failed.result.reason}）", f"no token ({failed.result.reason})",
            "检查网络、代理（HTTPS_PROXY）和 HUIKUAN_WECOM_API_URL",
            "Check network, proxy (HTTPS_PROXY) and HUIKUAN_WECOM_API_URL",
        )  # fmt: skip
    finally:
        client.close()


async def _connection(url: str) -> Finding:
    """Whether the long connection can be made. Without a subscription it throws nobody out."""
    name, problem = "wecom.connection", ""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=True) as session,
            session.ws_connect(url, ssl=ssl.create_default_context()),
        ):
            pass
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


async def _reachable(address: str) -> Finding:
    """Whether our own sign of life can be seen there: what WeCom needs for the callback."""
    name, problem = "wecom.callback", ""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=True) as session,
            session.get(address + "/healthz", allow_redirects=False) as answer,
        ):
            said = await answer.content.read(1000)
            problem = "" if answer.status == 200 and b'"ok"' in said else f"HTTP {answer.status}"
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        problem = type(error).__name__
    if not problem:
        return Finding(name, "ok", "公网地址通向本服务", "the public address leads here")
    return Finding(
        name, "warn", f"从公网地址找不到本服务（{problem}）", f"the public address does not lead here ({problem})",
        "先启动 huikuan serve，再检查反向代理是否转发 /wecom/callback、/form 和 /healthz",
        "Start huikuan serve first, then check that the reverse proxy passes /wecom/callback, /form and /healthz on",
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
    if off <= SKEW:
        return Finding(name, "ok", "时钟准确", "the clock is right")
    return Finding(
        name, "fail", f"本机时钟差 {off:.0f} 秒，差五分钟就收不到回调",
        f"the clock is {off:.0f} s off; at five minutes callbacks fail",
        "打开时间同步（NTP）", "Switch time synchronisation (NTP) on",
    )  # fmt: skip


def _seconds(here: datetime, there: datetime) -> float:
    return (here - there).total_seconds()
