"""An account that nobody has linked: it learns how to be linked, and nothing else."""

import unicodedata

from bot.adapters.base import Envelope, Reply
from bot.card import as_lang
from bot.text import clean
from bot.words import sentence, together
from core import accounts
from core.errors import DomainError
from core.work import Work

LINK = ("link", "绑定")
MAX_WORDS = 3  # /hk link CODE


def unknown(work: Work, envelope: Envelope) -> Reply:
    """“绑定 CODE” links the account; anything else is answered with the way to do so."""
    code = typed_code(clean(envelope.text))
    if not code:
        return Reply("not_allowed", sentence("account.unknown", {}, work.company.lang)[0])
    try:
        person = accounts.link(work, envelope.messenger, envelope.user_id, code)
    except DomainError as error:
        message, hint = sentence(error.code, error.facts, work.company.lang)
        return Reply("not_allowed", together(message, hint, work.company.lang))
    lang = as_lang(person.locale, work.company.lang)
    return Reply("done", sentence("account.linked", {"name": person.name}, lang)[0])


def typed_code(text: str) -> str:
    """What follows 绑定 or link; "" if the line says something else."""
    words = unicodedata.normalize("NFKC", text).removeprefix("/").split()  # ／绑定　ＡＢＣＤ is the same
    if words and words[0].lower() == "hk":
        words = words[1:]
    if not words or len(words) > MAX_WORDS:
        return ""
    first = words[0].lower().removeprefix("/")
    for word in LINK:
        if first == word:
            return "".join(words[1:])
        if word == "绑定" and first.startswith(word):
            return words[0].removeprefix("/")[len(word) :] + "".join(words[1:])
    return ""
