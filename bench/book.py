"""Made-up books: N receivables of N/20 customers in the middle of their dunning, with what the days before left behind.

Every customer has a case, an open task of its owner with the card of an earlier day, and a firing for every step that
a receivable has reached before. Which receivables are due for a step on which day is what differs.
"""

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from bench.stores import Store
from bot.transactions import Transactions
from core.dunning import stored
from core.dunning.policy import parse
from core.models import Case, Customer, Delivery, Entry, Firing, Person, Receivable, Task, TaskReceivable
from core.models.base import table_of
from core.time import Calendar, local_instant
from core.work import Company

DAY = date(2026, 7, 6)  # a Monday
STEPS = ((5, "l5", "overdue"), (20, "l20", "severe"), (40, "l40", "critical"))
A_CUSTOMER = 20  # receivables
REPS = 25
WAITS = (-12, 22, 45, 60, 75, 100, -20)  # ages of what no step is reached for in the days of a benchmark

POLICY = """
name = "ladder-5-20-40"
letters = "off"
[[ladder]]
name = "all"
""" + "".join(
    f'[[ladder.step]]\nid = "{step}"\nat = {at}\naudience = ["owner"]\naction = "task"\nseverity = "{severity}"\n'
    "answer_by = 2\n"
    for at, step, severity in STEPS
)

COMPANY = Company(Calendar(ZoneInfo("Asia/Shanghai"), "CN"))
Due = Callable[[int], date | None]  # the receivable -> the day on which one step is reached for it


def morning(day: date = DAY) -> datetime:
    return local_instant(day, datetime.min.time().replace(hour=9), COMPANY.calendar.zone)


def transactions(store: Store, name: str) -> Transactions:
    return Transactions(store.engine(name), COMPANY)


def due_for_a_step(i: int) -> date | None:
    """85 % of them on the day, each step a third."""
    return DAY if i % A_CUSTOMER < 17 else None


def mornings(receivables: int, firing: int, days: list[date]) -> Due:
    """`firing` of them on each of the days, each of another customer, as long as there are enough customers."""
    customers = receivables // A_CUSTOMER
    due: dict[int, date] = {}
    for k, day in enumerate(days):
        for j in range(firing):
            n = k * firing + j
            due[(n % customers) * A_CUSTOMER + n // customers] = day
    return due.get


def empty(store: Store, name: str, customers: int, reps: int = REPS) -> None:
    """The schema, the policy, the people and the customers."""
    store.create(name)
    with transactions(store, name).work(morning(DAY - timedelta(days=3))) as work:
        boss = Person(handle="boss", name="王总", roles=["finance_manager"])
        work.session.add(boss)
        work.session.flush()
        for n in range(reps):
            work.session.add(Person(handle=f"rep{n}", name=f"业务{n}", roles=["rep"], manager_id=boss.id))
        work.session.flush()
    with transactions(store, name).work(morning(DAY - timedelta(days=3)), person_id=1) as work:
        stored.apply(work, parse(POLICY, "bench", COMPANY.currency))
    with store.raw(name) as connection:
        cursor = connection.cursor()
        cursor.execute("BEGIN")
        _temporary(cursor, "fill_customer", "id bigint, owner bigint, search text")
        rows = ((c, 2 + c % reps, f"\nk{c}\n客户{c}\nkehu{c}\nkh{c}\n") for c in range(1, customers + 1))
        store.fill(cursor, "fill_customer", 3, rows)
        _insert(cursor, Customer, "fill_customer v", id="v.id", code="'K' || v.id", name="'客户' || v.id",
                owner_id="v.owner", search="v.search")  # fmt: skip
        cursor.execute("COMMIT")
        _count_on(store, cursor)


def fill(store: Store, name: str, receivables: int, due: Due, reps: int = REPS) -> None:
    """`name` becomes a book of so many receivables, and gets the flat table of the reference statement."""
    customers = receivables // A_CUSTOMER
    empty(store, name, customers, reps)
    engine = store.engine(name)
    tables = [table_of(m) for m in (Receivable, Entry, Case, Task, TaskReceivable, Firing, Delivery)]
    # An index is dearer to keep than to make.
    with engine.begin() as session:
        for table in tables:
            for index in table.indexes:
                index.drop(session)
    with store.raw(name) as connection:
        cursor = connection.cursor()
        if store.kind == "postgresql":
            cursor.execute("SET session_replication_role = replica")
        cursor.execute("BEGIN")
        _temporary(
            cursor, "fill",
            "id bigint, customer bigint, owner bigint, amount bigint, due_on date, issued_on date, look date, last integer",
        )  # fmt: skip
        store.fill(cursor, "fill", 8, _receivables(receivables, due, reps))
        at = f"'{morning(DAY - timedelta(days=90)):%Y-%m-%d %H:%M:%S}'"
        before = f"'{DAY - timedelta(days=4)}'"
        _insert(cursor, Case, "customer v", id="v.id", customer_id="v.id", currency="'CNY'", severity="'severe'",
                opened_on=before, policy_id="1")  # fmt: skip
        _insert(cursor, Task, "customer v", id="v.id", customer_id="v.id", person_id="v.owner_id", opened_at=at,
                severity="'severe'")  # fmt: skip
        _insert(cursor, Delivery, "customer v", id="v.id", messenger="'local'", address="'rep'", person_id="v.owner_id",
                customer_id="v.id", kind="'task.overdue'", subject="'task'", subject_id="v.id", at=at, on_date=before,
                updated_at=at)  # fmt: skip
        _insert(cursor, Receivable, "fill v", id="v.id", number="'R' || v.id", source="'bench'", customer_id="v.customer",
                issued_on="v.issued_on", due_on="v.due_on", amount_minor="v.amount", open_minor="v.amount",
                currency="'CNY'", next_step_on="v.look", case_id="CASE WHEN v.last >= 0 THEN v.customer END",
                ladder="CASE WHEN v.last >= 0 THEN 'all' ELSE '' END")  # fmt: skip
        _insert(cursor, Entry, "fill v", id="v.id", customer_id="v.customer", currency="'CNY'", receivable_id="v.id",
                kind="'issue'", amount_minor="v.amount", effective_on="v.issued_on", recorded_at=at)  # fmt: skip
        for n, (offset, step, severity) in enumerate(STEPS):
            _insert(cursor, Firing, f"fill v WHERE v.last >= {n}", receivable_id="v.id", due_on="v.due_on", step=f"'{step}'",
                    audience="'owner'", case_id="v.customer", customer_id="v.customer", ladder="'all'",
                    offset_days=str(offset), action="'task'", kind="'task.overdue'", severity=f"'{severity}'",
                    fired_on=before, recorded_at=at, outcome="'acted'", reason="''", task_id="v.customer",
                    to="""'["rep"]'""")  # fmt: skip
        _insert(cursor, TaskReceivable, "fill v WHERE v.last >= 0", task_id="v.customer", receivable_id="v.id")
        cursor.execute("CREATE TABLE flat (customer bigint, due_on date, open_minor bigint)")
        cursor.execute("INSERT INTO flat SELECT customer, due_on, amount FROM fill")
        cursor.execute("CREATE TABLE plain (id bigint, customer bigint, due_on date, open_minor bigint, last integer)")
        cursor.execute("INSERT INTO plain SELECT id, customer, due_on, amount, last FROM fill")
        cursor.execute("COMMIT")
        _count_on(store, cursor)
    with engine.begin() as session:
        for table in tables:
            for index in table.indexes:
                index.create(session)
    store.let_go(name)
    store.settle(name)


def _receivables(count: int, due: Due, reps: int) -> Iterator[tuple[object, ...]]:
    """(id, customer, owner, amount, due, issued, next look, which step it had last: -1 for none)."""
    offsets = [at for at, _, _ in STEPS]
    texts: dict[date | None, str | None] = {None: None}

    def text(day: date | None) -> str | None:
        if day not in texts:
            texts[day] = day.isoformat() if day else None
        return texts[day]

    for i in range(count):
        day, customer = due(i), i // A_CUSTOMER + 1
        if day is not None:
            at = i % len(STEPS)
            due_on, look, last = day - timedelta(days=offsets[at]), day, at - 1
        else:
            age = WAITS[i % len(WAITS)]
            due_on = DAY - timedelta(days=age)
            last = sum(offset <= age for offset in offsets) - 1
            look = due_on + timedelta(days=offsets[last + 1]) if last + 1 < len(offsets) else None
        amount = 10_000 + i * 7919 % 5_000_000
        yield i + 1, customer, 2 + customer % reps, amount, text(due_on), text(due_on - timedelta(days=30)), text(look), last


def _temporary(cursor: object, table: str, columns: str) -> None:
    cursor.execute(f"CREATE TEMPORARY TABLE {table} ({columns})")  # type: ignore[attr-defined]


def _insert(cursor: object, model: type, rows: str, /, **given: str) -> None:
    """INSERT ... SELECT: expressions for what is given, the model's defaults for the rest."""
    values = dict(given)
    for column in table_of(model).columns:
        field = model.model_fields[column.name]  # type: ignore[attr-defined]
        if column.name not in values and not field.is_required():
            default = field.get_default(call_default_factory=True)
            if default is not None:
                values[column.name] = _literal(default)
    names = ", ".join(f'"{name}"' for name in values)
    cursor.execute(  # type: ignore[attr-defined]
        f'INSERT INTO {table_of(model).name} ({names}) SELECT {", ".join(values.values())} FROM {rows}'
    )


def _literal(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return "'[]'" if isinstance(value, list) else "'{}'"
    return f"'{value}'" if isinstance(value, str) else str(value)


def _count_on(store: Store, cursor: object) -> None:
    """PostgreSQL's sequences go on after the keys we gave ourselves."""
    if store.kind != "postgresql":
        return
    for table in ("customer", "receivable", "entry", "case_file", "task", "firing", "delivery"):
        cursor.execute(  # type: ignore[attr-defined]
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT coalesce(max(id), 0) + 1 FROM {table}))"
        )
