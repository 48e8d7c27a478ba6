"""auth, users, views and files, and the response_url."""

from typing import Any

from aiohttp import web

from tests.fakes import slack_shapes
from tests.fakes.slack.blocks import check_view
from tests.fakes.slack.chat import check_content, check_words, fitting, target
from tests.fakes.slack.elements import state_of
from tests.fakes.slack.state import (
    APP,
    BOT_ID,
    BOT_USER,
    MOST_VIEWS,
    RESPONSE_SECONDS,
    RESPONSE_USES,
    TEAM,
    TEAM_DOMAIN,
    Call,
    Message,
    Person,
    Refused,
    ResponseUrl,
    SharedFile,
    View,
    Workspace,
    with_ids,
)
from tests.fakes.slack.web_api import Args, method, needs, refusal, with_faults


@method("auth.test")
def auth_test(at: Workspace, args: Args) -> dict[str, Any]:
    bot = {"user": "huikuan", "user_id": BOT_USER, "bot_id": BOT_ID}
    return {"url": f"{at.base}/", "team": TEAM_DOMAIN, "team_id": TEAM, "is_enterprise_install": False, **bot}


def _user(one: Person) -> dict[str, Any]:
    profile = {"email": one.email, "real_name": one.real_name, "display_name": one.name}
    who = {"id": one.id, "team_id": TEAM, "name": one.name, "real_name": one.real_name, "profile": profile}
    return {"user": {**who, "deleted": False, "is_bot": False, "tz": "Asia/Shanghai", "tz_offset": 28800}}


@method("users.info", "user include_locale", "users:read")
def users_info(at: Workspace, args: Args) -> dict[str, Any]:
    if args.get("user") not in at.people:
        raise Refused("user_not_found")
    return _user(at.people[args["user"]])


@method("users.lookupByEmail", "email", "users:read.email")
def lookup(at: Workspace, args: Args) -> dict[str, Any]:
    asked = str(args.get("email") or "").lower()
    found = next((p for p in at.people.values() if p.email.lower() == asked), None)
    if found is None:
        raise Refused("users_not_found")
    return _user(found)


def as_view(at: Workspace, view: View) -> dict[str, Any]:
    """A view in the form that Slack gives to apps."""
    body = {"private_metadata": "", "callback_id": "", "external_id": "", **view.body}
    ids = {"id": view.id, "team_id": TEAM, "app_id": APP, "bot_id": BOT_ID, "app_installed_team_id": TEAM}
    chain = {"hash": view.hash, "root_view_id": view.root, "previous_view_id": view.previous}
    flags = {name: body.get(name, False) for name in ("clear_on_close", "notify_on_close")}
    words = {name: body.get(name) for name in ("title", "submit", "close")}
    state = {"state": {"values": state_of(at, view.id, view.user, view.blocks)}}
    return {**body, **words, **flags, **ids, **chain, **state}


def good_view(at: Workspace, view: Any, place: str) -> dict[str, Any]:
    if found := check_view(view, place, at.extra_blocks):
        raise Refused("invalid_arguments", found)
    check_words(at, f"a {place}", view)
    if wrong := slack_shapes.look_at(place, view):
        at.complain(f"a {place}: {wrong}")
    return {**view, "blocks": with_ids(view["blocks"], at)}


def put_on_top(at: Workspace, user: str, body: dict[str, Any], *, fresh: bool) -> View:
    """A modal that opens; `fresh` closes those below."""
    stack = at.stacks.setdefault(user, [])
    if fresh:
        stack.clear()
    if len(stack) >= MOST_VIEWS:
        raise Refused("push_limit_reached")
    _unique_external_id(at, body, "")
    new = at.new_id("V")
    root, previous = (stack[0], stack[-1]) if stack else (new, None)
    view = at.views[new] = View(new, user, body, at.new_id("h"), root, previous)
    stack.append(new)
    return view


def _unique_external_id(at: Workspace, body: dict[str, Any], own: str) -> None:
    open_now = {one for stack in at.stacks.values() for one in stack} - {own}
    if body.get("external_id") and body["external_id"] in {at.views[one].body.get("external_id") for one in open_now}:
        raise Refused("duplicate_external_id")


@method("views.open", "trigger_id view interactivity_pointer")
def views_open(at: Workspace, args: Args) -> dict[str, Any]:
    needs(args, "trigger_id", "view")
    body = good_view(at, args["view"], "modal")
    return {"view": as_view(at, put_on_top(at, at.use_trigger(args["trigger_id"]), body, fresh=True))}


@method("views.push", "trigger_id view interactivity_pointer")
def views_push(at: Workspace, args: Args) -> dict[str, Any]:
    needs(args, "trigger_id", "view")
    body = good_view(at, args["view"], "modal")
    return {"view": as_view(at, put_on_top(at, at.use_trigger(args["trigger_id"]), body, fresh=False))}


@method("views.update", "view_id external_id hash view")
def views_update(at: Workspace, args: Args) -> dict[str, Any]:
    needs(args, "view")
    view = _open_view(at, args)
    if args.get("hash") and args["hash"] != view.hash:
        raise Refused("hash_conflict")
    change(at, view, args["view"])
    return {"view": as_view(at, view)}


def change(at: Workspace, view: View, body: Any) -> None:
    good = good_view(at, body, "modal")
    _unique_external_id(at, good, view.id)
    view.body, view.hash = good, at.new_id("h")


def _open_view(at: Workspace, args: Args) -> View:
    for view in (at.views[one] for stack in at.stacks.values() for one in stack):
        if args.get("view_id") == view.id or (args.get("external_id") or "-") == view.body.get("external_id"):
            return view
    raise Refused("not_found")


@method("views.publish", "user_id hash view interactivity_pointer")
def views_publish(at: Workspace, args: Args) -> dict[str, Any]:
    needs(args, "user_id", "view")
    user = args["user_id"]
    if user not in at.people:
        raise Refused("invalid_arguments", ["[ERROR] user_id is nobody's"])
    before = at.homes.get(user)
    if args.get("hash") and before is not None and args["hash"] != before.hash:
        raise Refused("hash_conflict")
    body = good_view(at, args["view"], "home")
    own = before.id if before is not None else at.new_id("V")
    at.homes[user] = View(own, user, body, at.new_id("h"), own)
    return {"view": as_view(at, at.homes[user])}


@method("files.getUploadURLExternal", "filename length alt_txt snippet_type", "files:write")
def upload_url(at: Workspace, args: Args) -> dict[str, Any]:
    needs(args, "filename", "length")
    if len(str(args.get("alt_txt") or "")) > 1000:
        raise Refused("alt_txt_too_large")
    new = at.new_id("F")
    at.files[new] = SharedFile(new, args["filename"], int(args["length"]), str(args.get("alt_txt") or ""))
    return {"upload_url": f"{at.base}/upload/{new}", "file_id": new}


@method("files.completeUploadExternal", "files channel_id channels initial_comment thread_ts blocks", "files:write")
def complete_upload(at: Workspace, args: Args) -> dict[str, Any]:
    named = args.get("files")
    if not isinstance(named, list) or not named:
        raise Refused("invalid_arguments", ["[ERROR] missing required field: files"])
    ids = [one.get("id") for one in named]
    for one in named:
        file = at.files.get(one.get("id"))
        if file is None or file.data is None:
            raise Refused("file_not_found")
        if len(file.data) != file.length:
            raise Refused("file_upload_size_mismatch")  # [?] the name
        file.title = one.get("title") or file.name
    wanted = str(args.get("channels") or args.get("channel_id") or "")
    for channel in [target(at, name) for name in wanted.split(",") if name]:
        _share(at, channel, ids, args)
    return {"files": [{"id": i, "title": at.files[i].title, "name": at.files[i].name} for i in ids]}


def _share(at: Workspace, channel: str, ids: list[str], args: Args) -> None:
    words, thread = str(args.get("initial_comment") or ""), str(args.get("thread_ts") or "")
    at.post(Message(channel, at.new_ts(), BOT_USER, words, args.get("blocks") or [], thread_ts=thread, files=ids))
    for one in ids:
        at.files[one].channels.append(channel)


async def receive_upload(at: Workspace, request: web.Request) -> web.StreamResponse:
    """The bytes of a file, raw or as a form."""
    file = at.files.get(request.match_info["file"])
    if file is None or file.data is not None:
        return web.Response(status=404)
    if request.content_type == "multipart/form-data":
        part = next((p for p in (await request.post()).values() if isinstance(p, web.FileField)), None)
        sent = part.file.read() if part is not None else b""
    else:
        sent = await request.read()

    def keep() -> web.Response:
        file.data = sent
        return web.Response(text=f"OK - {len(sent)}")

    return await with_faults(at, request, "upload", keep)


ANSWER_WORDS = """text blocks attachments response_type replace_original delete_original thread_ts metadata
unfurl_links unfurl_media mrkdwn"""
ANSWER_KEYS = frozenset(ANSWER_WORDS.split())


def answer_in_place(at: Workspace, known: ResponseUrl, what: str, sent: dict[str, Any]) -> None:
    """What a product says through an ack or a response_url."""
    for extra in sorted(set(sent) - ANSWER_KEYS):
        at.complain(f"{what}: unknown key {extra}")
    if sent.get("response_type", "ephemeral") not in ("ephemeral", "in_channel"):
        at.complain(f"{what}: unknown response_type {sent['response_type']}")
    old = at.message(known.channel, known.message_ts, known.user) if known.message_ts else None
    if sent.get("delete_original"):
        if old is not None:
            at.messages.remove(old)
        return
    check_content(at, what, sent)
    text, blocks = fitting(at, what, sent), sent.get("blocks") or []
    if sent.get("replace_original") and old is not None:  # [?] without the key nothing is replaced
        old.text, old.blocks = text, with_ids(blocks, at)
        return
    private = sent.get("response_type", "ephemeral") == "ephemeral"
    new = Message(known.channel, at.new_ts(), BOT_USER, text, blocks, ephemeral=private)
    new.only_for = known.user if private else ""
    at.post(new)
    known.message_ts = known.message_ts or new.ts


async def respond(at: Workspace, request: web.Request) -> web.StreamResponse:
    """A response_url: five times within half an hour, then no more. How Slack words a refusal is from memory [?]."""
    known = at.response_urls.get(request.match_info["key"])
    try:
        sent = await request.json()
    except ValueError:
        at.complain("response_url: the body is not JSON")
        return web.Response(status=400, text="invalid_payload")
    at.calls.append(Call("response_url", sent, at.now()))

    def do() -> web.Response:
        if known is None:
            return web.json_response({"ok": False, "error": "invalid_url"}, status=404)
        if known.uses >= RESPONSE_USES or at.now() - known.made > RESPONSE_SECONDS:
            gone = "used_url" if known.uses >= RESPONSE_USES else "expired_url"
            return web.json_response({"ok": False, "error": gone}, status=404)
        known.uses += 1
        try:
            answer_in_place(at, known, "response_url", sent)
        except Refused as no:
            return web.json_response(refusal(at, "response_url", no))
        return web.Response(text="ok")

    return await with_faults(at, request, "response_url", do)
