"""Our own public address, asked as a messenger would ask it: for `huikuan doctor`."""

import secrets
from dataclasses import dataclass
from typing import Any

import aiohttp

SECONDS = 10.0
MOST = 1000  # bytes of an answer that are looked at
WORD = "huikuan-doctor-"  # what doctor asks is answered, and is no call of the messenger's


def new_word() -> str:
    return WORD + secrets.token_hex(8)


def is_ours(word: str) -> bool:
    """Whether doctor asked, and not the messenger."""
    return word.startswith(WORD)


@dataclass(frozen=True)
class Reached:
    """`problem`: in a word why there was no answer, or HTTP and its status; "" with 200."""

    problem: str
    said: str = ""


async def ask(method: str, url: str, **request: Any) -> Reached:
    """One request; `request` as aiohttp takes it (params, data, headers). Follows nobody elsewhere."""
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS), trust_env=True) as session,
            session.request(method, url, allow_redirects=False, **request) as answer,
        ):
            said = (await answer.content.read(MOST)).decode(errors="replace")
            return Reached("" if answer.status == 200 else f"HTTP {answer.status}", said)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        return Reached(type(error).__name__)
