"""DingTalk's own to-do list (待办). It speaks of people by unionId."""

from typing import Any

from aiohttp import web

from .state import Json, Refused, Todo, User, World, needed, new_id, only_keys

CREATE = {
    "actionList", "bizCategoryId", "contentFieldList", "creatorId", "description", "detailUrl", "dueTime", "executorIds",
    "isOnlyShowExecutor", "notifyConfigs", "participantIds", "priority", "remindNotifyConfigs", "reminderTimeStamp",
    "sourceId", "subject", "thirdExtension", "todoType",
}
UPDATE = {"contentFieldList", "description", "done", "dueTime", "executorIds", "participantIds", "subject"}
CODE = "todo.taskCreate.paramError"


class Todos:
    def __init__(self, world: World) -> None:
        self.world = world

    def routes(self, app: web.Application) -> None:
        base = "/v1.0/todo/users/{union_id}/tasks"
        app.router.add_post(base, self.create)
        app.router.add_get(base + "/sources/{source_id}", self.by_source)
        app.router.add_get(base + "/{task_id}", self.get)
        app.router.add_put(base + "/{task_id}", self.update)
        app.router.add_put(base + "/{task_id}/executorStatus", self.executor_status)
        app.router.add_delete(base + "/{task_id}", self.delete)

    def _person(self, union_id: Any, what: str) -> User:
        found = self.world.by_union_id(union_id) if isinstance(union_id, str) else None
        if found is None:
            hint = ", it is a userId" if union_id in self.world.users else ""
            raise Refused("todo.unionId.invalid", f"{what}: {union_id!r} is no unionId{hint}")
        return found

    def _operator(self, request: web.Request) -> str:
        if "operatorId" in request.query:
            self._person(request.query["operatorId"], "operatorId")
        return self._person(request.match_info["union_id"], "the path").union_id

    async def create(self, request: web.Request) -> web.Response:
        owner = self._operator(request)
        body = only_keys(await request.json(), CREATE, "todo create")
        needed(body, "todo create", "subject")
        self._check(body)
        if any(each.source_id == body.get("sourceId") for each in self.world.todos.values() if each.source_id):
            raise Refused(CODE, "task exist", wrong=False)
        todo = Todo(
            new_id("task"),
            body.get("sourceId", ""),
            owner,
            body["subject"],
            body.get("description", ""),
            body.get("creatorId", owner),
            list(body.get("executorIds") or []),
            list(body.get("participantIds") or []),
            body.get("dueTime"),
            body.get("priority", 20),
            (body.get("detailUrl") or {}).get("appUrl", ""),
            bool(body.get("isOnlyShowExecutor")),
        )
        self.world.todos[todo.todo_id] = todo
        return web.json_response(self._shown(todo))

    def _check(self, body: Json) -> None:
        for key, most in (("subject", 1024), ("description", 4096)):
            if not isinstance(body.get(key, ""), str) or len(body.get(key, "")) > most:
                raise Refused(CODE, f"{key} is not a text of at most {most} characters")
        for key in ("executorIds", "participantIds"):
            for union_id in body.get(key) or []:
                self._person(union_id, key)
        if body.get("creatorId") is not None:
            self._person(body["creatorId"], "creatorId")
        due = body.get("dueTime")
        if due is not None and (type(due) is not int or due < 10**12):
            raise Refused(CODE, f"dueTime {due!r} is not in milliseconds")
        if body.get("priority", 20) not in (10, 20, 30, 40):
            raise Refused(CODE, f"priority {body['priority']!r} is none of 10, 20, 30, 40")
        for key, allowed in (("detailUrl", {"appUrl", "pcUrl"}), ("notifyConfigs", {"dingNotify", "sendAssistantChat"})):
            if body.get(key) is not None:  # whether detailUrl may be left out is unverified [?]: it may
                only_keys(body[key], allowed | {"sendTodoApn"}, key)

    def _todo(self, request: web.Request) -> Todo:
        self._operator(request)
        todo = self.world.todos.get(request.match_info["task_id"])
        if todo is None:
            raise Refused("todo.task.notExist", "task not exist", wrong=False)
        return todo

    async def get(self, request: web.Request) -> web.Response:
        return web.json_response(self._shown(self._todo(request)))

    async def by_source(self, request: web.Request) -> web.Response:
        self._operator(request)
        source_id = request.match_info["source_id"]
        found = next((each for each in self.world.todos.values() if each.source_id == source_id), None)
        if found is None:
            raise Refused("todo.task.notExist", "task not exist", wrong=False)
        return web.json_response(self._shown(found))

    async def update(self, request: web.Request) -> web.Response:
        todo = self._todo(request)
        body = only_keys(await request.json(), UPDATE, "todo update")
        self._check(body)
        todo.subject = body.get("subject", todo.subject)
        todo.description = body.get("description", todo.description)
        todo.due = body.get("dueTime", todo.due)
        todo.executors = list(body.get("executorIds", todo.executors))
        todo.participants = list(body.get("participantIds", todo.participants))
        if "done" in body:
            todo.done = body["done"] is True
            todo.ticked = set(todo.executors) if todo.done else set()
        return web.json_response({"result": True})

    async def executor_status(self, request: web.Request) -> web.Response:
        todo = self._todo(request)
        body = only_keys(await request.json(), {"executorStatusList"}, "executorStatus")
        needed(body, "executorStatus", "executorStatusList")
        for row in body["executorStatusList"]:
            only_keys(row, {"id", "isDone"}, "executorStatusList")
            if row["id"] not in todo.executors:
                raise Refused("todo.executor.invalid", f"{row['id']} does not execute this task")
            (todo.ticked.add if row["isDone"] else todo.ticked.discard)(row["id"])
        todo.done = bool(todo.executors) and todo.ticked >= set(todo.executors)
        return web.json_response({"result": True})

    async def delete(self, request: web.Request) -> web.Response:
        del self.world.todos[self._todo(request).todo_id]
        return web.json_response({"result": True, "requestId": new_id()})

    def _shown(self, todo: Todo) -> Json:
        return {
            "id": todo.todo_id,
            "sourceId": todo.source_id,
            "subject": todo.subject,
            "description": todo.description,
            "creatorId": todo.creator,
            "executorIds": todo.executors,
            "participantIds": todo.participants,
            "dueTime": todo.due,
            "priority": todo.priority,
            "done": todo.done,
            "detailUrl": {"appUrl": todo.url},
            "isOnlyShowExecutor": todo.only_executors,
            "requestId": new_id(),
        }
