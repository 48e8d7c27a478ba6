"""/form: what a card can't ask is filled in on a page. Whoever opens it signs in with the messenger, and must be the one
that the card was sent to; until then the page says nothing.

    GET  /form?m=REF      -> the messenger's sign-in, with a state that ends after ten minutes
    GET  /form/entered    <- code and state, once
    GET  /form/fill?f=…   the card and its questions
    POST /form/save       the same way in as a tap; what asks once more on a card does so here
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from bot.adapters.base import Envelope, Reply
from bot.adapters.memory import Memory
from bot.card import Action, Card, Input, Lang, as_lang, load
from bot.commands.amounts import parse_amount
from bot.commands.dates import parse_date
from bot.inbound import person_of
from bot.inputs import DATES
from bot.notifications.load import Cancel
from bot.notifications.load import load as load_view
from bot.notifications.parcel import of_delivery
from bot.notifications.templates import ACTION_IDS, templates
from bot.questions import YES
from bot.text import clean
from bot.transactions import Transactions
from bot.web import form_page
from bot.web.form_page import Filled, Sure
from bot.words import not_saved, sentence, together
from core.errors import DomainError, Unreachable
from core.models import Delivery
from core.models.base import table_of
from core.work import Work

log = logging.getLogger(__name__)

D = table_of(Delivery)
STATE_LIVES, FORM_LIVES = timedelta(minutes=10), timedelta(minutes=30)
MINTED = 30  # states for one message in an hour
MAX_BODY = 64_000
COOKIE = "hk_form"
OPENS, LOG = "task.open", "task.log"
Clock = Callable[[], datetime]
Page = Callable[[Request], Awaitable[Response]]
_REF = re.compile(r"[A-Za-z0-9_-]{1,64}")
_TOKEN = re.compile(r"[a-z0-9]{32}")


@runtime_checkable
class Messenger(Protocol):
    """A messenger that can say who opened a page."""

    name: str
    public_url: str
    memory: Memory

    def message_of(self, name: str) -> str: ...
    def sign_in(self, back_to: str, state: str) -> str: ...
    async def signed_in(self, code: str) -> str | None: ...
    async def receive(self, envelope: Envelope) -> Reply: ...


@dataclass(frozen=True)
class Asked:
    """A message as it is true now, for its reader: the card, and what can be filled in."""

    delivery_id: int
    user_id: str
    rev: int
    card: Card
    actions: tuple[Action, ...]
    lang: Lang


def routes(messenger: Messenger, transactions: Transactions, clock: Clock) -> Sequence[BaseRoute]:
    forms = Forms(messenger, transactions, clock)

    def said(page: Page) -> Page:
        """A database that cannot be reached just now is told as a page, too."""

        async def safely(request: Request) -> Response:
            if request.method == "HEAD":  # whoever only looks whether the address works must not use it up
                return Response(status_code=405, headers={"Allow": "GET"})
            try:
                return await page(request)
            except ClientDisconnect:
                return Response(status_code=400)
            except Unreachable as error:
                log.warning("%s: a form's page could not be made: %s", messenger.name, error)
                return forms._note("later", 503)

        return safely

    return [
        Route("/form", said(forms.begin), methods=["GET"]),
        Route("/form/entered", said(forms.entered), methods=["GET"]),
        Route("/form/fill", said(forms.fill), methods=["GET"]),
        Route("/form/save", said(forms.save), methods=["POST"]),
    ]


class Forms:
    def __init__(self, messenger: Messenger, transactions: Transactions, clock: Clock) -> None:
        self._messenger, self._transactions, self._clock = messenger, transactions, clock
        self._memory = messenger.memory
        self._secure = messenger.public_url.startswith("https://")

    @property
    def _path(self) -> str:
        """Where browsers see these pages: a proxy in front may have put them below a path of its own."""
        return f"{urlsplit(self._messenger.public_url).path}/form"

    @property
    def _lang(self) -> Lang:
        return as_lang(self._transactions.company.lang)

    # --- who is there ---

    async def begin(self, request: Request) -> Response:
        name = request.query_params.get("m", "")
        ref = self._messenger.message_of(name) if _REF.fullmatch(name) else ""
        user_id = await asyncio.to_thread(self._reader, ref) if ref else None
        if user_id is None:
            return self._note("used", 404)
        now = self._clock()
        if await asyncio.to_thread(self._memory.count, f"minted:{ref}:{now:%Y%m%d%H}", 1, now) > MINTED:
            return self._note("later", 429)
        browser = request.cookies.get(COOKIE, "")
        browser = browser if _TOKEN.fullmatch(browser) else secrets.token_hex(16)
        state = secrets.token_hex(16)
        await self._keep(f"state:{state}", ref, user_id, browser, STATE_LIVES)
        back_to = f"{self._messenger.public_url}/form/entered"
        answer = RedirectResponse(self._messenger.sign_in(back_to, state), status_code=302, headers=HEADERS)
        # Lax: the way back from the sign-in begins at another site.
        answer.set_cookie(COOKIE, browser, httponly=True, secure=self._secure, samesite="lax", path=self._path)
        return answer

    async def entered(self, request: Request) -> Response:
        code, state = request.query_params.get("code", ""), request.query_params.get("state", "")
        found = await self._take(f"state:{state}", request) if _TOKEN.fullmatch(state) else None
        if found is None or not code or len(code.encode()) > 512:
            return self._note("used", 410)
        who = await self._messenger.signed_in(code)
        if who is None:
            return self._note("later", 502)
        if who.lower() != str(found["user"]).lower():
            log.warning("%s: a form was opened by somebody it was not made for", self._messenger.name)
            return self._note("other", 403)
        token = secrets.token_hex(16)
        await self._keep(f"form:{token}", found["ref"], found["user"], found["browser"], FORM_LIVES)
        return RedirectResponse(f"{self._messenger.public_url}/form/fill?f={token}", status_code=303, headers=HEADERS)

    # --- the form ---

    async def fill(self, request: Request) -> Response:
        token = request.query_params.get("f", "")
        found = await self._known(token, request)
        asked = await asyncio.to_thread(self._asked, found["ref"], found["user"]) if found is not None else None
        if found is None or asked is None:
            return self._note("used", 410)
        return self._form(asked, token, found["csrf"], None)

    async def save(self, request: Request) -> Response:
        given = await _fields(request)
        token = given.pop("_form", "")
        found = await self._known(token, request)
        if found is None or not hmac.compare_digest(given.pop("_csrf", "").encode(), str(found["csrf"]).encode()):
            return self._note("used", 410)
        asked = await asyncio.to_thread(self._asked, found["ref"], found["user"])
        if asked is None:
            return self._note("used", 410)
        once, rev, wanted = given.pop("_once", ""), given.pop("_rev", ""), given.pop("_action", "")
        sure, back, ask = given.pop("_sure", ""), given.pop("_back", ""), given.pop("_ask", "")
        ask = ask if ask.isdecimal() and len(ask) <= 15 else ""
        action = next((a for a in asked.actions if a.id == wanted), None)
        if action is None:  # done elsewhere in the meantime: the page as it is now
            return self._form(asked, token, found["csrf"], None)
        values = {i.name: given.get(i.name, "").strip() for i in action.inputs}
        errors = self._wrong(action, values, asked.lang)
        if errors:
            return self._form(asked, token, found["csrf"], Filled(action.id, values, errors))
        if back:
            return self._form(asked, token, found["csrf"], Filled(action.id, values))
        event = f"form:{token}:{once[:32]}"
        if ask:
            reply = await self._receive(replace(asked, delivery_id=int(ask)), YES, {}, event, "")
        elif action.confirm and sure != _digest(action.confirm):
            return self._sure(asked, token, found["csrf"], action, values)
        else:
            reply = await self._receive(asked, action.id, values, event, rev)
        if reply.card is not None and reply.delivery_id and any(each.id == YES for each in reply.card.actions):
            return self._asked_back(asked, token, found["csrf"], action, values, reply.card, reply.delivery_id)
        if reply.outcome in ("invalid", "not_saved"):
            return self._form(asked, token, found["csrf"], Filled(action.id, values, _beside(action, reply)))
        await asyncio.to_thread(self._memory.take, f"form:{token}")
        now = await asyncio.to_thread(self._asked, found["ref"], found["user"])
        return self._page(lambda nonce: form_page.saved((now or asked).card, reply.message, nonce))

    async def _receive(self, asked: Asked, action: str, values: Mapping[str, str], event: str, rev: str) -> Reply:
        seen = int(rev) if rev.isdecimal() and len(rev) < 10 else asked.rev
        envelope = Envelope(
            self._messenger.name, asked.user_id, event, self._clock(), delivery_id=asked.delivery_id, action=action,
            seen_rev=seen, input={name: value for name, value in values.items() if value}, aside=True,
        )  # fmt: skip
        try:
            return await self._messenger.receive(envelope)
        except Exception:
            log.error("%s: a form was not saved", self._messenger.name, exc_info=True)
            return Reply("not_saved", not_saved(asked.lang, typed=False))

    def _wrong(self, action: Action, values: Mapping[str, str], lang: Lang) -> dict[str, str]:
        """What can be said beside its field; the rest is for the core to say."""
        words, errors = form_page.WORDS[lang], {}
        with self._transactions.look(self._clock()) as work:
            today, currency = work.today, work.company.currency
        for item in action.inputs:
            value, most = values[item.name], form_page.MAX_LENGTH[item.type]
            try:
                if not value:
                    if item.required:
                        errors[item.name] = words["missing"]
                elif len(value) > most:
                    errors[item.name] = words["too_long"].format(n=most)
                elif item.choices and value not in {c.value for c in item.choices}:
                    errors[item.name] = words["choose"]
                elif item.type == "date" and item.name in DATES:
                    parse_date(value, today, future=item.name != "paid_on")
                elif item.type == "amount":
                    parse_amount(value, currency)
            except DomainError as error:
                message, hint = sentence(error.code, error.facts, lang)
                errors[item.name] = together(message, hint, lang)
        return errors

    # --- what stands in the books ---

    def _reader(self, ref: str) -> str | None:
        with self._transactions.look(self._clock()) as work:
            delivery = self._delivery(work, ref)
            return delivery.address if delivery is not None else None

    def _delivery(self, work: Work, ref: str) -> Delivery | None:
        query = select(Delivery).where(D.c.messenger == self._messenger.name)
        number = ref.removeprefix("d")
        kept = ref.startswith("d") and number.isdecimal() and len(number) <= 15
        # What has a name goes by that only, which nobody can guess.
        query = query.where(D.c.id == int(number), D.c.ref == "") if kept else query.where(D.c.ref == ref)
        return work.session.execute(query.order_by(D.c.id.desc()).limit(1)).scalar()

    def _asked(self, ref: str, user_id: str) -> Asked | None:
        with self._transactions.look(self._clock()) as work:
            delivery = self._delivery(work, ref)
            if delivery is None or delivery.address != user_id or delivery.subject == "command":
                return None
            person = person_of(work, self._messenger.name, user_id)
            if person is None or person.id != delivery.person_id:  # who left, or has another's account now, sees nothing
                return None
            lang = as_lang(person.locale, work.company.lang)
            loaded = load_view(work, of_delivery(delivery), lang)
            if isinstance(loaded, Cancel):
                card = replace(load(delivery.card["dump"]), actions=(), rows=())
            else:
                card = loaded.card(lang)
            return Asked(delivery.id or 0, delivery.address, delivery.rev, card, questions(card, lang), lang)

    # --- state ---

    async def _keep(self, key: str, ref: str, user: str, browser: str, lives: timedelta) -> None:
        now = self._clock()
        ends = (now + lives).isoformat()
        value = {"ref": ref, "user": user, "browser": browser, "ends": ends, "csrf": secrets.token_hex(16)}
        await asyncio.to_thread(self._memory.put, key, value, now)

    async def _take(self, key: str, request: Request) -> dict[str, Any] | None:
        return self._good(await asyncio.to_thread(self._memory.take, key), request)

    async def _known(self, token: str, request: Request) -> dict[str, Any] | None:
        if not _TOKEN.fullmatch(token):
            return None
        return self._good(await asyncio.to_thread(self._memory.get, f"form:{token}"), request)

    def _good(self, found: dict[str, Any] | None, request: Request) -> dict[str, Any] | None:
        """Not over, and in the browser that began."""
        if found is None or self._clock() > datetime.fromisoformat(found["ends"]):
            return None
        mine = hmac.compare_digest(request.cookies.get(COOKIE, "").encode(), str(found["browser"]).encode())
        return found if mine else None

    # --- pages ---

    def _hidden(self, asked: Asked, token: str, csrf: str) -> dict[str, str]:
        return {"_form": token, "_csrf": csrf, "_once": secrets.token_hex(16), "_rev": str(asked.rev)}

    def _sure(self, asked: Asked, token: str, csrf: str, action: Action, values: Mapping[str, str]) -> Response:
        """Asked again as long as the text is another than the one that was answered: it names amounts."""
        said = [(i.label, _shown(i, values[i.name])) for i in action.inputs if values[i.name]]
        question = Sure(action.id, action.label, action.confirm or "", said)
        hidden = {**self._hidden(asked, token, csrf), "_sure": _digest(question.question)}
        return self._page(lambda nonce: form_page.sure(asked.lang, question, values, hidden=hidden, nonce=nonce))

    def _asked_back(
        self, asked: Asked, token: str, csrf: str, action: Action, values: Mapping[str, str], card: Card, delivery_id: int
    ) -> Response:
        """A question that the product has kept (bot.questions): a yes is one to that message."""
        question = Sure(action.id, action.label, card.text, [(each.label, each.value) for each in card.fields])
        hidden = {**self._hidden(asked, token, csrf), "_ask": str(delivery_id)}
        return self._page(lambda nonce: form_page.sure(asked.lang, question, values, hidden=hidden, nonce=nonce))

    def _form(self, asked: Asked, token: str, csrf: str, filled: Filled | None) -> Response:
        hidden = self._hidden(asked, token, csrf)
        return self._page(
            lambda nonce: form_page.form(asked.card, asked.actions, hidden=hidden, filled=filled, nonce=nonce),
            422 if filled is not None and filled.errors else 200,
        )

    def _note(self, what: str, status: int) -> Response:
        return self._page(lambda nonce: form_page.note(what, self._lang, nonce), status)

    def _page(self, draw: Callable[[str], str], status: int = 200) -> Response:
        nonce = secrets.token_urlsafe(16)
        policy = (
            f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        return HTMLResponse(draw(nonce), status, headers={**HEADERS, "Content-Security-Policy": policy})


HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


def _beside(action: Action, reply: Reply) -> dict[str, str]:
    """The core's refusal, at the input that it is about."""
    return {reply.wrong if reply.wrong in {i.name for i in action.inputs} else "": reply.message}


def _digest(text: str) -> str:
    return hashlib.blake2s(text.encode(), digest_size=16).hexdigest()


def _shown(item: Input, value: str) -> str:
    return next((choice.label for choice in item.choices if choice.value == value), value)


def questions(card: Card, lang: Lang) -> tuple[Action, ...]:
    """The card's actions that ask something; “log result” as the results it leads to."""
    found: dict[str, Action] = {}
    for action in card.actions:
        if action.id == LOG:
            for choice in action.inputs[0].choices if action.inputs else ():
                if f"task.{choice.value}" in ACTION_IDS:
                    found.setdefault(f"task.{choice.value}", templates().action(f"task.{choice.value}", lang))
        elif action.inputs and action.id != OPENS:
            found[action.id] = action
    return tuple(found.values())


async def _fields(request: Request) -> dict[str, str]:
    """The fields of a form post; {} for anything that is none."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return {}
    try:
        found = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {clean(name): clean(values[0]) for name, values in found.items()}
