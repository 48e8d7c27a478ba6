"""The older API at oapi.dingtalk.com: who is who, and uploads. Errors come with HTTP 200 and an `errcode`."""

from aiohttp import web

from .state import Refused, User, World, new_id, only_keys


class Oapi:
    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/topapi/v2/user/getbymobile", self.by_mobile)
        app.router.add_post("/topapi/v2/user/get", self.user)
        app.router.add_post("/topapi/user/getbyunionid", self.by_union_id)
        app.router.add_post("/media/upload", self.upload)

    def _staff(self) -> list[User]:
        return [user for user in self.world.users.values() if user.corp_id == self.world.corp_id]

    async def by_mobile(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), {"mobile", "support_exclusive_account_search"}, "getbymobile")
        found = [user for user in self._staff() if user.mobile and user.mobile == body.get("mobile")]
        return _found({"userid": found[0].user_id} if found else None)

    async def user(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), {"userid", "language"}, "user/get")
        found = [user for user in self._staff() if user.user_id == body.get("userid")]
        return _found(self._shown(found[0]) if found else None)

    def _shown(self, user: User) -> dict[str, object]:
        shown = {"userid": user.user_id, "unionid": user.union_id, "name": user.name, "mobile": user.mobile}
        return {**shown, "dept_id_list": [1], "active": True}

    async def by_union_id(self, request: web.Request) -> web.Response:
        """From memory only [?]."""
        body = only_keys(await request.json(), {"unionid"}, "getbyunionid")
        found = [user for user in self._staff() if user.union_id == body.get("unionid")]
        return _found({"userid": found[0].user_id, "contact_type": 0} if found else None, 60121)

    async def upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        kind = request.query.get("type") or form.get("type")
        media = form.get("media")
        if kind not in {"image", "voice", "video", "file"}:
            raise Refused("40004", f"不合法的媒体文件类型 {kind!r}")
        if not isinstance(media, web.FileField):
            raise Refused("41005", "缺少多媒体文件数据")
        media_id = "@lAD" + new_id()
        self.world.media[media_id] = media.file.read()
        answer = {"errcode": 0, "errmsg": "ok", "type": kind, "media_id": media_id}
        return web.json_response({**answer, "created_at": int(self.world.now() * 1000)})


def _found(result: dict[str, object] | None, code: int = 60121) -> web.Response:
    """60121: DingTalk's "no such user". Not knowing somebody is no fault of the product."""
    if result is None:
        raise Refused(str(code), "找不到该用户", wrong=False)
    return web.json_response({"errcode": 0, "errmsg": "ok", "result": result, "request_id": new_id()})
