"""Files into somebody's direct messages: an address to upload to, the bytes, and then where they belong."""

import logging
import re

import aiohttp

from bot.adapters.base import Refused, Retry, Sent, Unknown
from bot.adapters.slack.client import Api

log = logging.getLogger(__name__)

_UPLOADS = re.compile(r"https://[a-z0-9-]+\.slack\.com/")  # Slack's is files.slack.com


async def upload(api: Api, channel: str, name: str, content: bytes) -> Sent | Retry | Refused | Unknown:
    """`channel`: the id of the direct messages. The file is visible only after the last step."""
    asked = await api("files.getUploadURLExternal", filename=name, length=len(content))
    if asked.problem is not None:
        return asked.problem
    where, file_id = str(asked.data.get("upload_url", "")), str(asked.data.get("file_id", ""))
    if not (api.ours(where) or _UPLOADS.match(where)):
        return Refused("the address to upload to is none of Slack's")
    try:
        async with api.session.post(where, data=content, proxy=api.client.proxy, allow_redirects=False) as answer:
            await answer.read()
            if answer.status != 200:
                return Retry(30.0, f"HTTP {answer.status}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Retry(30.0, type(error).__name__)
    done = await api("files.completeUploadExternal", files=[{"id": file_id, "title": name}], channel_id=channel)
    return done.problem or Sent(file_id)
