"""Interactive cards (the advanced generation): created from a template, delivered to chats, changed by key or whole."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from .state import CARD_ADVISED, Button, Card, Json, Message, Refused, World, needed, new_id, only_keys, text_map

CREATE = {
    "callbackRouteKey", "callbackType", "cardAtUserIds", "cardData", "cardTemplateId", "coFeedOpenSpaceModel",
    "imGroupOpenSpaceModel", "imRobotOpenSpaceModel", "imSingleOpenSpaceModel", "openDynamicDataConfig", "outTrackId",
    "privateData", "topOpenSpaceModel", "userId", "userIdType",
}
DELIVER = {
    "coFeedOpenDeliverModel", "docOpenDeliverModel", "imGroupOpenDeliverModel", "imRobotOpenDeliverModel",
    "imSingleOpenDeliverModel", "openSpaceId", "outTrackId", "topOpenDeliverModel", "userIdType",
}
UPDATE = {"cardData", "cardUpdateOptions", "outTrackId", "privateData", "userIdType"}
SPACE_MODEL = {"lastMessageI18n", "notification", "searchSupport", "supportForward"}
DELIVER_MODELS = {
    "IM_ROBOT": ("imRobotOpenDeliverModel", {"extension", "robotCode", "spaceType"}),
    "IM_GROUP": ("imGroupOpenDeliverModel", {"atUserIds", "extension", "recipients", "robotCode"}),
}
NOT_LOADED = "内容加载失败"  # all a person sees of a card whose template is not this app's


@dataclass(frozen=True)
class Face:
    """A card as one person's client draws it."""

    variables: dict[str, str]
    buttons: tuple[Button, ...] = ()
    form: tuple[Json, ...] = ()
    form_action: str = ""
    form_params: tuple[tuple[str, Any], ...] = ()
    problem: str = ""


class Cards:
    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/v1.0/card/instances", self.create)
        app.router.add_post("/v1.0/card/instances/deliver", self.deliver)
        app.router.add_post("/v1.0/card/instances/createAndDeliver", self.create_and_deliver)
        app.router.add_put("/v1.0/card/instances", self.update)

    # --- calls ------------------------------------------------------------------------------------

    async def create(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), CREATE, "card/instances")
        needed(body, "card/instances", "cardTemplateId", "outTrackId", "cardData")
        self._create(body)
        return web.json_response({"success": True, "result": body["outTrackId"]})

    async def deliver(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), DELIVER, "card/instances/deliver")
        needed(body, "card/instances/deliver", "outTrackId", "openSpaceId")
        results = self._deliver(self._known(body["outTrackId"]), body)
        return web.json_response({"success": True, "result": results})

    async def create_and_deliver(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), CREATE | DELIVER, "createAndDeliver")
        needed(body, "createAndDeliver", "cardTemplateId", "outTrackId", "cardData", "openSpaceId")
        results = self._deliver(self._create(body), body)
        return web.json_response({"success": True, "result": {"outTrackId": body["outTrackId"], "deliverResults": results}})

    async def update(self, request: web.Request) -> web.Response:
        body = only_keys(await request.json(), UPDATE, "PUT card/instances")
        needed(body, "PUT card/instances", "outTrackId")
        card = self._known(body["outTrackId"])
        self._user_id_type(body)
        private = {user: text_map(held, f"privateData of {user}") for user, held in (body.get("privateData") or {}).items()}
        self.change(card, body.get("cardUpdateOptions"), text_map(body.get("cardData"), "cardData"), private, body)
        return web.json_response({"success": True, "result": True})

    def _known(self, out_track_id: str) -> Card:
        card = self.world.cards.get(out_track_id)
        if card is None:  # the real code is unverified [?]; asking after an unclear create is no fault of the product
            raise Refused("param.outTrackIdNotExist", f"no card has the outTrackId {out_track_id}", wrong=False)
        return card

    def _user_id_type(self, body: Json) -> None:
        if body.get("userIdType") != 1:
            self.world.complain(f"card {body.get('outTrackId')}: userIdType is not 1, some clients then show no card")

    def _create(self, body: Json) -> Card:
        template = self.world.templates.get(body["cardTemplateId"])
        if template is not None and not template.published:
            raise Refused("param.templateUnpublished", "param.templateUnpublished", wrong=False)
        existing = self.world.cards.get(body["outTrackId"])
        if existing is not None:  # re-use or refusal is unverified [?]
            if self.world.second_create == "refuse":
                raise Refused("param.outTrackIdExist", "the outTrackId is taken", wrong=False)
            return existing
        if body.get("callbackType") == "HTTP":
            needed(body, "callbackType HTTP", "callbackRouteKey")
        self._user_id_type(body)
        private = {user: text_map(held, f"privateData of {user}") for user, held in (body.get("privateData") or {}).items()}
        card = Card(
            body["outTrackId"],
            body["cardTemplateId"],
            body.get("callbackType") == "STREAM",
            dict(text_map(body["cardData"], "cardData")),
            private,
        )
        for model in ("imRobotOpenSpaceModel", "imGroupOpenSpaceModel"):
            if body.get(model) is not None:
                only_keys(body[model], SPACE_MODEL, model)
                card.space_models.add(model)
        self.world.cards[card.out_track_id] = card
        self._check(card, card.data, private)
        return card

    # --- delivery ---------------------------------------------------------------------------------

    def _deliver(self, card: Card, body: Json) -> list[Json]:
        """One result a space. What DingTalk cannot deliver is told in here, inside HTTP 200."""
        prefix, _, spaces = body["openSpaceId"].partition("//")
        if prefix != "dtv1.card" or not spaces:
            return [self._result(body["openSpaceId"], "", "spaceId is illegal")]
        return [self._deliver_to(card, space, body) for space in spaces.split(";")]

    def _deliver_to(self, card: Card, where: str, body: Json) -> Json:
        kind, _, space = where.partition(".")
        name, allowed = DELIVER_MODELS.get(kind, ("", set()))
        model = body.get(name)
        if not name or not model or name.replace("Deliver", "Space") not in card.space_models:
            return self._result(space, kind, "spaceId is illegal")
        only_keys(model, allowed, name)
        people = self._people(kind, space)
        if people is None or model.get("robotCode", self.world.robot_code) != self.world.robot_code:
            return self._result(space, kind, "spaceId is illegal")
        if kind == "IM_ROBOT" and model.get("spaceType") != "IM_ROBOT":
            return self._result(space, kind, "spaceId is illegal")
        if model.get("recipients"):
            people = [user for user in people if user in model["recipients"]]
        if f"{kind}.{space}" not in card.spaces:
            card.spaces.append(f"{kind}.{space}")
            conversation = space if kind == "IM_GROUP" else None
            self.world.post(Message(new_id("msg"), "card", "robot", people, conversation, card=card))
        return self._result(space, kind)

    def _people(self, kind: str, space: str) -> list[str] | None:
        if kind == "IM_ROBOT":
            return [space] if space in self.world.users and space not in self.world.invalid else None
        return self.world.groups.get(space)

    def _result(self, space: str, kind: str, error: str = "") -> Json:
        found = {"success": not error, "spaceId": space, "spaceType": kind, "carrierId": "" if error else new_id()}
        return {**found, "errorMsg": error}

    # --- changes ----------------------------------------------------------------------------------

    def change(self, card: Card, options: Any, data: dict[str, str], private: Json, given: Json) -> None:
        """By key, or, without the option, all variables are replaced."""
        chosen = only_keys(options or {}, {"updateCardDataByKey", "updatePrivateDataByKey"}, "cardUpdateOptions")
        if given.get("cardData") is not None:
            card.data = {**card.data, **data} if chosen.get("updateCardDataByKey") is True else dict(data)
        for user, values in private.items():
            by_key = chosen.get("updatePrivateDataByKey") is True
            card.private[user] = {**card.private.get(user, {}), **values} if by_key else dict(values)
        self._check(card, data, private)

    def apply_answer(self, card: Card, user_id: str, answer: Any) -> bool:
        """The answer to a tap: True when it changed the card."""
        if answer in (None, "", {}):
            return False
        try:
            answer = only_keys(answer, {"cardUpdateOptions", "cardData", "userPrivateData"}, "the answer to a tap")
            data = text_map(answer.get("cardData"), "the answer's cardData")
            mine = text_map(answer.get("userPrivateData"), "the answer's userPrivateData")
            private = {user_id: mine} if answer.get("userPrivateData") is not None else {}
            self.change(card, answer.get("cardUpdateOptions"), data, private, answer)
        except Refused as refused:
            self.world.complain(f"card {card.out_track_id}: {refused}")
            return False
        return True

    def _check(self, card: Card, data: dict[str, str], private: Json) -> None:
        """What DingTalk takes without a word and then does not show."""
        everything = [data, *private.values()]
        for key, value in ((key, value) for values in everything for key, value in values.items()):
            if len(value) > CARD_ADVISED:
                self.world.complain(f"card {card.out_track_id}: {key} has {len(value)} characters, sources cap it lower")
        for user in private.keys() - self.world.users.keys():
            self.world.complain(f"card {card.out_track_id}: privateData of {user!r}, who is nobody")
        template = self.world.templates.get(card.template_id)
        if template is None:
            return
        for name in sorted({name for values in everything for name in template.unknown(values)}):
            self.world.complain(f"card {card.out_track_id}: the template has no variable {name}")
        for name in sorted({name for values in private.values() for name in template.not_private(values)}):
            self.world.complain(f"card {card.out_track_id}: {name} is not private in the template")
        for user in {"", *private}:
            problem = self.face(card, user).problem
            if problem:
                self.world.complain(f"card {card.out_track_id}: {problem}")

    # --- what a person sees -----------------------------------------------------------------------

    def face(self, card: Card, user_id: str) -> Face:
        template = self.world.templates.get(card.template_id)
        if template is None:
            return Face({}, problem=NOT_LOADED)
        values = card.for_user(user_id)
        try:
            buttons = tuple(_button(each) for group in template.button_groups(values) for each in group)
            form = template.form(values)
        except ValueError as fault:
            return Face(values, problem=f"{NOT_LOADED}: {fault}")
        fields, action, params = form or ([], "", {})
        return Face(values, buttons, tuple(fields), action, tuple(params.items()))


def _button(given: Json) -> Button:
    params = given["event"]["params"]
    enabled = given.get("status", "normal") == "normal"
    return Button(given["text"], params.get("actionId", ""), params.get("params") or {}, params.get("url", ""), enabled)
