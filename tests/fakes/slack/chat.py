"""chat.* and conversations.*, and what is the same wherever a message comes from: texts, blocks, metadata."""

import re
from typing import Any

from tests.fakes import slack_shapes
from tests.fakes.slack.blocks import MESSAGE_TEXT_OF_BLOCKS, check_blocks, letters
from tests.fakes.slack.state import APP, BOT_ID, BOT_USER, TEAM, Message, Refused, Workspace, with_ids
from tests.fakes.slack.web_api import Args, method, needs, truth

LONGEST_POST, LONGEST_UPDATE, SPLIT_AT = 40_000, 4_000, 4_000
LOOKS = "mrkdwn parse link_names unfurl_links unfurl_media username icon_emoji icon_url attachments"


def check_words(at: Workspace, what: str, thing: Any) -> None:
    """Slack would take these, and ping everyone or show a raw id."""
    if isinstance(thing, dict | list):
        for part in thing.values() if isinstance(thing, dict) else thing:
            check_words(at, what, part)
    elif isinstance(thing, str):
        for loud in re.findall(r"<!(?:channel|here|everyone|subteam)[^>]*>", thing):
            at.complain(f"{what}: unescaped {loud} pings everyone")
        for user in re.findall(r"<@([A-Z0-9]+)", thing):
            if user not in at.people and user != BOT_USER:
                at.complain(f"{what}: mentions {user}, whom nobody knows")


def check_content(at: Workspace, what: str, args: Args) -> None:
    """Refuses text and blocks that Slack refuses."""
    text, blocks = args.get("text"), args.get("blocks")
    if args.get("attachments"):
        at.complain(f"{what}: attachments are not simulated")
    if blocks is not None:
        if not isinstance(blocks, list):
            raise Refused("invalid_blocks_format")
        if found := check_blocks(blocks, "message", at.extra_blocks):
            raise Refused("invalid_blocks", found)
        if letters(blocks) > MESSAGE_TEXT_OF_BLOCKS:
            raise Refused("msg_blocks_too_long")
        if wrong := slack_shapes.look_at("message", blocks):
            at.complain(f"{what}: {wrong}")
    # Slack only warns when there are blocks, but then a lock screen and a screen reader have nothing to show.
    if not isinstance(text, str) or not text.strip():
        raise Refused("no_text", ["[ERROR] top-level text is missing"])
    check_words(at, what, [text, blocks])


def fitting(at: Workspace, what: str, args: Args) -> str:
    """The text as Slack posts it."""
    text = args["text"]
    if len(text) > LONGEST_POST:
        at.complain(f"{what}: text of {len(text)} is cut at {LONGEST_POST}")
    elif len(text) > SPLIT_AT and not args.get("blocks"):
        at.complain(f"{what}: text of {len(text)} is split into several messages")  # which the screen does not show
    return text[:LONGEST_POST]


def read_metadata(args: Args) -> dict[str, Any] | None:
    metadata = args.get("metadata")
    if not metadata:
        return None
    if not isinstance(metadata, dict) or not isinstance(metadata.get("event_type"), str):
        raise Refused("invalid_metadata_format")
    payload = metadata.get("event_payload")
    if not isinstance(payload, dict) or set(metadata) - {"event_type", "event_payload"}:
        raise Refused("invalid_metadata_format")
    for part in payload.values():
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
        if any(isinstance(one, dict | list) for one in inner):
            raise Refused("invalid_metadata_schema")  # [?] deeper than one level
    return metadata


def target(at: Workspace, channel: Any) -> str:
    """The id of the channel that a post goes to: a person's id means their DM."""
    if isinstance(channel, str) and channel in at.people:
        return at.dm(channel).id
    if channel not in at.channels:
        raise Refused("channel_not_found")
    if BOT_USER not in at.channels[channel].members:
        raise Refused("not_in_channel")
    return channel


def as_sent(at: Workspace, message: Message, *, metadata: bool = True) -> dict[str, Any]:
    """A message in the form that Slack gives to apps."""
    sent: dict[str, Any] = {"type": "message", "user": message.user, "ts": message.ts, "text": message.text, "team": TEAM}
    if message.by_bot:
        sent |= {"bot_id": BOT_ID, "app_id": APP, "bot_profile": {"id": BOT_ID, "app_id": APP, "team_id": TEAM}}
    if message.blocks:
        sent["blocks"] = message.blocks
    if message.metadata and metadata:
        sent["metadata"] = message.metadata
    if message.edited:
        sent["edited"] = {"user": message.user, "ts": message.ts}
    if message.thread_ts:
        sent["thread_ts"] = message.thread_ts
    if message.files:
        sent["files"] = [{"id": f, "name": at.files[f].name, "title": at.files[f].title} for f in message.files]
    return sent


@method("chat.postMessage", f"channel text blocks metadata thread_ts reply_broadcast markdown_text {LOOKS}", "chat:write")
def post_message(at: Workspace, args: Args) -> dict[str, Any]:
    channel = target(at, args.get("channel"))
    check_content(at, "chat.postMessage", args)
    metadata, thread = read_metadata(args), str(args.get("thread_ts") or "")
    if thread and at.message(channel, thread) is None:
        raise Refused("thread_not_found")  # [?] the name
    unfurls = {name: truth(args[name]) for name in ("unfurl_links", "unfurl_media") if name in args}
    text = fitting(at, "chat.postMessage", args)
    blocks = args.get("blocks") or []
    message = Message(channel, at.new_ts(), BOT_USER, text, blocks, metadata, thread_ts=thread, unfurls=unfurls)
    at.post(message)
    at.echo({"type": "message", "channel": channel, "channel_type": "im", **as_sent(at, message)})
    return {"channel": channel, "ts": message.ts, "message": as_sent(at, message)}


@method("chat.postEphemeral", f"channel user text blocks thread_ts {LOOKS}", "chat:write")
def post_ephemeral(at: Workspace, args: Args) -> dict[str, Any]:
    needs(args, "channel", "user")
    channel, user = target(at, args["channel"]), args["user"]
    if user not in at.channels[channel].members:
        raise Refused("user_not_in_channel")
    check_content(at, "chat.postEphemeral", args)
    text = fitting(at, "chat.postEphemeral", args)
    ephemeral = Message(channel, at.new_ts(), BOT_USER, text, args.get("blocks") or [], ephemeral=True, only_for=user)
    at.post(ephemeral)
    return {"message_ts": ephemeral.ts}


def own_message(at: Workspace, args: Args, error: str) -> Message:
    needs(args, "channel", "ts")
    if args["channel"] in at.people:
        at.complain("a message is changed by its channel D…, not by the person's id")
        raise Refused("channel_not_found")
    if args["channel"] not in at.channels:
        raise Refused("channel_not_found")
    message = at.message(args["channel"], str(args["ts"]))  # what is ephemeral cannot be found by its ts
    if message is None:
        raise Refused("message_not_found")
    if not message.by_bot:
        raise Refused(error)
    return message


@method(
    "chat.update", f"channel ts text blocks metadata as_user reply_broadcast file_ids markdown_text {LOOKS}", "chat:write"
)
def update(at: Workspace, args: Args) -> dict[str, Any]:
    message = own_message(at, args, "cant_update_message")
    check_content(at, "chat.update", args)
    if len(args["text"]) > LONGEST_UPDATE:
        raise Refused("msg_too_long")
    before = as_sent(at, message)
    blocks = args.get("blocks")
    message.text, message.blocks = args["text"], with_ids(blocks or [], at)
    message.edited = message.edited or not blocks
    if "metadata" in args or not at.update_keeps_metadata:
        message.metadata = read_metadata(args)
    changed = {"message": as_sent(at, message), "previous_message": before, "ts": at.new_ts(), "hidden": True}
    at.echo({"type": "message", "subtype": "message_changed", "channel": message.channel, "channel_type": "im", **changed})
    return {"channel": message.channel, "ts": message.ts, "text": message.text, "message": as_sent(at, message)}


@method("chat.delete", "channel ts as_user", "chat:write")
def delete(at: Workspace, args: Args) -> dict[str, Any]:
    message = own_message(at, args, "cant_delete_message")
    at.messages.remove(message)
    gone = {"previous_message": as_sent(at, message), "deleted_ts": message.ts, "ts": at.new_ts(), "hidden": True}
    at.echo({"type": "message", "subtype": "message_deleted", "channel": message.channel, "channel_type": "im", **gone})
    return {"channel": message.channel, "ts": message.ts}


@method("conversations.open", "channel users return_im prevent_creation", "im:write")
def open_conversation(at: Workspace, args: Args) -> dict[str, Any]:
    users = [u for u in str(args.get("users") or "").split(",") if u]
    if not users:
        raise Refused("users_list_not_supplied")
    if any(u not in at.people for u in users):
        raise Refused("user_not_found")
    if len(users) > 1:
        raise Refused("not_simulated", ["[ERROR] only one person's DM is simulated"])
    channel = at.dm(users[0])
    more = {"is_im": True, "user": users[0]} if truth(args.get("return_im")) else {}
    return {"channel": {"id": channel.id, **more}}


PAGING = "channel limit cursor oldest latest inclusive include_all_metadata"


@method("conversations.history", PAGING, "im:history")
def history(at: Workspace, args: Args) -> dict[str, Any]:
    return _listed(at, args, lambda m: not m.thread_ts or m.thread_ts == m.ts, newest_first=True)


@method("conversations.replies", f"{PAGING} ts", "im:history")
def replies(at: Workspace, args: Args) -> dict[str, Any]:
    ts = str(args.get("ts"))
    if at.message(str(args.get("channel")), ts) is None:
        raise Refused("thread_not_found")
    return _listed(at, args, lambda m: ts in (m.ts, m.thread_ts), newest_first=False)


def _listed(at: Workspace, args: Args, fits: Any, *, newest_first: bool) -> dict[str, Any]:
    if args.get("channel") not in at.channels:
        raise Refused("channel_not_found")
    oldest, latest = float(args.get("oldest") or 0), float(args.get("latest") or "inf")
    touch = truth(args.get("inclusive"))
    inside = [
        m
        for m in at.messages
        if m.channel == args["channel"] and not m.ephemeral and fits(m)
        if oldest < float(m.ts) < latest or (touch and float(m.ts) in (oldest, latest))
    ]
    inside.sort(key=lambda m: float(m.ts), reverse=newest_first)
    start, limit = int(args.get("cursor") or 0), int(args.get("limit") or 100)
    page = inside[start : start + limit]
    more = start + limit < len(inside)
    shown = [as_sent(at, m, metadata=truth(args.get("include_all_metadata"))) for m in page]
    return {
        "messages": shown,
        "has_more": more,
        "response_metadata": {"next_cursor": str(start + limit) if more else ""},
    }
