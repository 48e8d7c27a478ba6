"""What people did since the bot was switched on: the engine runs through these days, and they answer on their phones."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import select, true

from bot.adapters.base import Reply
from bot.app import App
from bot.demo.history import Days
from bot.web.shop import next_number
from core.credit import orders
from core.credit.incoming import parse
from core.dunning.stored import active
from core.models import Customer, Delivery, Receipt, Receivable, Task, TaskState
from core.models.base import table_of
from core.time import local_instant

log = logging.getLogger(__name__)
D, C, T, R, N = (table_of(m) for m in (Delivery, Customer, Task, Receivable, Receipt))
WELL = ("done", "already")
SHOP = "shop"  # the system that the sample company's orders come from


@dataclass(frozen=True, slots=True)
class Act:
    """On working day `on` at `at`, `who` presses `action` on the card of `code`, or types `text`. Without either an order
    of that customer comes in: `given` is what its system sends.

    Values of the form `+2` and `-1` are dates: so many working days after the act. `{+3}` is one inside a text,
    `{receipt}` the customer's newest receipt and `{open}` its oldest open receivable.
    """

    on: int
    at: str
    who: str
    code: str
    action: str = ""
    text: str = ""
    given: dict[str, Any] = field(default_factory=dict)


def _tap(on: int, at: str, who: str, code: str, action: str, **given: str) -> Act:
    return Act(on, at, who, code, action=action, given=given)


def _say(on: int, at: str, who: str, code: str, text: str) -> Act:
    return Act(on, at, who, code, text=text)


def _order(on: int, at: str, code: str, amount: str, **more: Any) -> Act:
    return Act(on, at, "", code, given={"amount": amount, **more})


ACTS = {
    "zh": {
        "moving": "工厂搬迁，账务人员不在",
        "director": "等集团排款，月底前给答复",
        "approval": "等总部批付款",
        "copy": "发票复印件",
        "quality": "两台夹具精度不合格",
        "later": "下季度一次付清",
        "sure": "客户说会按期付款",
        "nobody": "先电话确认了联系人，待指定负责人",
        "season": "老客户，旺季备货，上月货款已到账",
        "project": "项目设备，验收后付款",
        "old debts": "先还旧账，再谈新单",
        "fixture": "数控夹具 A2",
    },
    "en": {
        "moving": "The plant is moving, nobody there to pay",
        "director": "Waits for the group's payment run",
        "approval": "Head office has to approve it",
        "copy": "copy of the invoice",
        "quality": "two fixtures are out of tolerance",
        "later": "all of it next quarter",
        "sure": "They say they will pay on time",
        "nobody": "Found their contact by phone; an owner is still to be named",
        "season": "An old customer, stocking up for the season; last month is paid",
        "project": "Equipment of a project, to be paid after acceptance",
        "old debts": "The old debts first",
        "fixture": "CNC fixture A2",
    },
}


def acts(lang: str) -> tuple[Act, ...]:
    """Everybody's answers. 李娜 says nothing about C003, whose silence climbs to her manager."""
    words = ACTS["en" if lang == "en" else "zh"]
    return (
        _tap(-6, "10:30", "zhengkai", "C012", "task.other", note=words["director"]),
        _tap(-6, "14:20", "lina", "C004", "task.promise", date="+2", note=words["approval"]),
        _tap(-6, "15:05", "zhaoxue", "C021", "task.paid", paid_on="-1"),
        _tap(-6, "15:20", "zhaoxue", "C017", "task.not_reached", again_on="+4"),
        _tap(-6, "16:30", "liuyang", "C026", "task.other", note=words["approval"]),
        _tap(-5, "09:30", "zhaoxue", "C022", "task.not_reached", again_on="+3"),
        _tap(-5, "10:15", "lina", "C007", "task.dispute", reason="quality", amount="30000", note=words["quality"]),
        _tap(-5, "10:40", "zhoumin", "C021", "claim.confirm", number="HD-20871"),
        _say(-5, "11:10", "chenhao", "C014", "/pause C014 until {+5} " + words["moving"]),
        _tap(-5, "14:00", "lina", "C005", "task.promise", date="=0"),
        _tap(-5, "15:20", "linyue", "C037", "task.promise", date="+8"),
        _say(-5, "15:25", "linyue", "C038", "/promise C038 {+9} USD 18200"),
        _tap(-5, "16:45", "chenhao", "C011", "task.other", note=words["approval"]),
        _tap(-5, "17:10", "zhaoxue", "C024", "task.copy", what=words["copy"]),
        _order(-4, "09:40", "C002", "88000.00"),
        _tap(-4, "10:05", "lina", "C001", "task.other", note=words["sure"]),
        _tap(-4, "10:50", "chenhao", "C013", "task.other", note=words["sure"]),
        _tap(-4, "11:20", "zhaoxue", "C020", "task.other", note=words["sure"]),
        _tap(-4, "14:30", "lina", "C009", "task.not_reached", again_on="+2"),
        _tap(-3, "10:40", "linyue", "C038", "task.not_reached", again_on="+3"),
        _say(-3, "11:00", "zhoumin", "C008", "/receipt C008 76300 {+0} HD-20894"),
        _say(-3, "11:02", "zhoumin", "C008", "/allocate {receipt} {open}"),
        _order(-3, "14:30", "C018", "126000.00"),
        _order(-3, "15:10", "C031", "9400.00", lines=[{"item": words["fixture"], "price": "4700.00", "cost": "5100.00"}]),
        _tap(-3, "16:20", "liuyang", "C031", "task.not_reached", again_on="+2"),
        _tap(-2, "09:50", "lina", "C006", "task.part_paid", amount="80000", paid_on="+0"),
        _tap(-2, "10:30", "hejing", "C034", "task.other", note=words["nobody"]),
        _say(-2, "11:30", "zhoumin", "C016", "/receipt C016 83000 {+0} HD-20911"),
        _order(-2, "15:40", "C019", "132000.00", note=words["project"]),
        _tap(-2, "16:10", "wutao", "C019", "credit.approve"),
        _order(-1, "10:20", "C022", "58000.00"),
        _tap(-1, "11:05", "zhengkai", "C022", "credit.reject", reason=words["old debts"]),
        _tap(-1, "11:10", "zhaoxue", "C017", "task.promise", date="+40", note=words["later"]),
        _say(-1, "15:30", "wangjianguo", "C003", "/balance C003"),
        _order(-1, "17:10", "C008", "286000.00", note=words["season"]),  # waits for the finance director this morning
    )


@dataclass(slots=True)
class Story:
    app: App
    days: Days
    progress: Callable[[date], None]

    async def run(self, until: datetime) -> None:
        """From 09:00 of the first day up to `until`: a cycle every morning, then the answers of the day."""
        calendar = self.app.company.calendar
        script = acts(self.app.company.lang)
        index_of = {day: index for index, day in self.days.by_index.items()}
        day = self.days.first
        while day <= self.days.today:
            morning = local_instant(day, time(9), calendar.zone)
            if morning > until:
                break
            await self._tick(morning)
            index = index_of.get(day)
            if index is not None and index < 0:
                for act in (a for a in script if a.on == index):
                    await self._act(act, local_instant(day, time.fromisoformat(act.at), calendar.zone))
            self.progress(day)
            day += timedelta(days=1)
        if self.app.clock() < until:
            await self._tick(until)

    async def _tick(self, at: datetime) -> None:
        self.app.set_clock(at)
        await self.app.tick(at)

    async def _act(self, act: Act, at: datetime) -> None:
        self.app.set_clock(at)
        if not act.who:
            return await self._submit(act, at)
        if act.text:
            reply: Reply | None = await self.app.local.say(act.who, self._filled(act))
        else:
            reply = await self._press(act)
        if reply is None:  # long holidays: the day of a step fell before the story, or after it
            log.info("%s has no card about %s on which to press %s", act.who, act.code, act.action)
        elif reply.outcome not in WELL:
            log.warning("%s, %s, %s: %s", act.who, act.code, act.action or act.text, reply.message)

    async def _submit(self, act: Act, at: datetime) -> None:
        """As the order system does it over the REST API."""
        with self.app.work(at, actor="api:demo", channel="api") as work:
            new = parse({"number": next_number(work), "customer": act.code, **act.given}, work.company.currency)
            orders.submit(work, active(work)[1], new, SHOP)
        await self.app.deliver(at)

    async def _press(self, act: Act) -> Reply | None:
        found = self._card(act)
        if found is None:
            return None
        delivery_id, rev, task_id = found
        if task_id is not None:  # a line of the morning digest opens its task
            opened = await self.app.local.tap(act.who, delivery_id, "task.open", rev, {"task": str(task_id)})
            if opened.delivery_id is None:
                return opened
            delivery_id, rev = opened.delivery_id, 1
        given = {name: self._value(value, act.on) for name, value in act.given.items()}
        return await self.app.local.tap(act.who, delivery_id, act.action, rev, given)

    def _card(self, act: Act) -> tuple[int, int, int | None] | None:
        """(delivery, revision, task to open first) of the open card about the customer; else of the digest."""
        subject = act.action.partition(".")[0]
        about = T.c.kind == "collect" if subject == "task" else true()
        with self.app.transactions.look(self.app.clock()) as work:
            mine = (
                select(D.c.id, D.c.rev)
                .join(C, C.c.id == D.c.customer_id)
                .outerjoin(T, (T.c.id == D.c.subject_id) & (D.c.subject == "task"))
                .where(C.c.code == act.code, D.c.address == act.who, D.c.subject == subject, D.c.state == "open", about)
                .where(D.c.kind.not_like("note.%"))
                .order_by(D.c.id.desc())
                .limit(1)
            )
            row = work.session.execute(mine).first()
            if row is not None:
                return row.id, row.rev, None
            task = work.session.execute(
                select(T.c.id, T.c.person_id)
                .join(C, C.c.id == T.c.customer_id)
                .where(C.c.code == act.code, T.c.state == TaskState.open, T.c.kind == "collect")
                .where(D.c.person_id == T.c.person_id, D.c.address == act.who)
                .limit(1)
            ).first()
            if task is None:
                return None
            digest = work.session.execute(
                select(D.c.id, D.c.rev)
                .where(D.c.subject == "digest", D.c.person_id == task.person_id)
                .order_by(D.c.id.desc())
                .limit(1)
            ).first()
            return (digest.id, digest.rev, task.id) if digest is not None else None

    # --- dates ---

    def _value(self, value: str, on: int) -> str:
        if value[:1] == "=":
            return self.days[int(value[1:])].isoformat()
        return self._day(value, on).isoformat() if value[:1] in "+-" else value

    def _day(self, value: str, on: int) -> date:
        count, calendar = int(value), self.app.company.calendar
        day = self.days[on]
        for _ in range(-count):
            day = calendar.previous_working_day(day)
        return calendar.add_working_days(day, max(count, 0))

    def _filled(self, act: Act) -> str:
        text = act.text
        for count in range(10):
            text = text.replace(f"{{+{count}}}", self._day(f"+{count}", act.on).isoformat())
        if "{receipt}" in text or "{open}" in text:
            with self.app.transactions.look(self.app.clock()) as work:
                customer = select(C.c.id).where(C.c.code == act.code).scalar_subquery()
                receipt = select(N.c.number).where(N.c.customer_id == customer).order_by(N.c.id.desc()).limit(1)
                unpaid = select(R.c.number).where(R.c.customer_id == customer, R.c.open_minor > 0)
                open_ = unpaid.order_by(R.c.due_on).limit(1)
                text = text.replace("{receipt}", work.session.execute(receipt).scalar() or "")
                text = text.replace("{open}", work.session.execute(open_).scalar() or "")
        return text
