"""Webhooks, for the doctor: is there a receiver, can it be reached, what waits for it, what was given up."""

import socket
import ssl
from datetime import timedelta
from urllib.parse import urlsplit

from bot.ward import Check, Ward
from bot.words import sentence
from core import webhooks
from core.webhooks import Backlog
from core.work import Work

SECONDS = 5.0
LATE = timedelta(minutes=10)


def check_webhook(ward: Ward) -> Check:
    assert ward.session is not None
    found = webhooks.backlog(Work(ward.session, ward.company, ward.now))
    url = ward.settings.webhook.url
    if not url:
        return _nobody_listens(ward, found)
    if not ward.settings.webhook.secret.get_secret_value():
        waits = ward.t(f"，{found.waiting} 条在等待", f"; {found.waiting} wait") if found.waiting else ""
        message, hint = sentence("webhook.no_secret", {}, ward.lang)
        return Check("webhook", "fail", message + waits, hint)
    address = without_query(url)
    problem = reach(url)
    parts = [
        ward.t(f"接收方 {address} 连不上：{said(None, problem, ward.lang)}",
               f"the receiver {address} cannot be reached: {said(None, problem, ward.lang)}")
        if problem else ward.t(f"接收方 {address} 可以连接", f"the receiver {address} can be reached")
    ]  # fmt: skip
    hints = []
    if problem:
        hints.append(ward.t("检查 webhook.url 和网络", "check webhook.url and the network"))
    late = found.oldest is not None and found.oldest < ward.now - LATE
    if found.waiting:
        parts.append(_waiting(ward, found))
    if late:
        hints.append(
            ward.t("用 huikuan webhook test 看接收方的答复", "huikuan webhook test shows what the receiver says")
            if found.tried
            else ward.t("由 huikuan serve 或 huikuan run-once 发送", "huikuan serve or huikuan run-once sends them")
        )
    if found.parked:
        parts.append(ward.t(f"{found.parked} 条试了 7 天后已放弃", f"{found.parked} were given up after 7 days"))
        hints.append(
            ward.t("huikuan webhook list --state parked 查看，huikuan webhook replay 编号 重新发送",
                   "huikuan webhook list --state parked shows them, huikuan webhook replay NUMBER sends them again")
        )  # fmt: skip
    state = "fail" if problem else "warn" if late or found.parked else "ok"
    return Check("webhook", state, ward.t("；", "; ").join(parts), ward.t("；", "; ").join(hints))


def _nobody_listens(ward: Ward, found: Backlog) -> Check:
    if not found.waiting:
        return Check("webhook", "ok", ward.t("不通知订单系统", "no order system is told of changes"))
    return Check(
        "webhook", "warn",
        ward.t(f"{found.waiting} 条事件在等待，但没有设置接收方", f"{found.waiting} events wait, and no receiver is set"),
        ward.t("设置 HUIKUAN_WEBHOOK_URL", "set HUIKUAN_WEBHOOK_URL"),
    )  # fmt: skip


def _waiting(ward: Ward, found: Backlog) -> str:
    assert found.oldest is not None
    since = f"{found.oldest.astimezone(ward.company.calendar.zone):%Y-%m-%d %H:%M}"
    text = ward.t(f"{found.waiting} 条在等待，最早的是 {since}", f"{found.waiting} wait, the oldest since {since}")
    if not found.tried:
        return text
    last = said(found.last_status, found.last_error, ward.lang)
    return text + ward.t(f"，最近一次：{last}", f", the last try: {last}")


def said(status: int | None, error: str, lang: str) -> str:
    """What came of a sending, in words; "" where nothing was sent yet."""
    if status is not None:
        return sentence("webhook.redirect" if error == "redirect" else "webhook.status", {"status": status}, lang)[0]
    return sentence(f"webhook.{error}", {}, lang)[0] if error else ""


def without_query(url: str) -> str:
    """An address as it may be shown: what stands behind the question mark may be a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def reach(url: str) -> str:
    """Connects, and sends nothing: why it can't, as bot.hooks names it, or ""."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), SECONDS) as plain:
            if parts.scheme == "https":
                with ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname):
                    pass
    except TimeoutError:
        return "timeout"
    except socket.gaierror:
        return "dns"
    except ssl.SSLError:
        return "tls"
    except OSError:
        return "refused"
    return ""
