"""`/aging` and `/balance` as a finance person types them."""

from collections.abc import Callable, Iterator
from time import perf_counter

from sqlalchemy import bindparam, select

from bench import book
from bench.clock import Goal, Measure, interleave, seconds
from bench.dunning import count, sides
from bench.profile import where
from bench.reference import reference
from bench.stores import Store
from bot import commands
from core.models import CreditLine, CreditNote, Customer, Hold, Order, Pause, Person, Promise, Receipt, Receivable, Shipment
from core.models.base import table_of
from core.work import Work

ASKED = 300  # customers a round


def figures(store: Store, receivables: int, rounds: int, *, filled: bool) -> Iterator[Measure]:
    """On the book that the mornings left (`filled`), or on one of its own."""
    name = "book_large"
    if not filled:
        book.fill(store, name, receivables, lambda i: None)
    transactions = book.transactions(store, name)
    customers = receivables // book.A_CUSTOMER
    asked = [1 + i * 7919 % customers for i in range(min(ASKED, customers))]

    def say(text: str) -> commands.CommandReply:
        with transactions.look(book.morning()) as work:
            person = work.session.get(Person, 1)
            assert person is not None
            return commands.handle(work, person, text, lang="zh")

    def aging() -> float:
        replies = []
        took = seconds(lambda: replies.append(say("/aging")))
        answer = replies[0].json
        assert len(answer["groups"]) + answer.get("rest", {"groups": 0})["groups"] == customers, answer
        return took

    aging()
    found = interleave(rounds, ours=aging, flat=lambda: reference(store, name, book.DAY))
    measure = Measure(
        f"`/aging` over all at {count(receivables)} ÷ reference statement", store.kind, Goal(1.5),
        found.ratios("ours", "flat"), sides(found, "ours", "flat"), found.spins,
    )  # fmt: skip
    if not measure.goal.met(measure.value):
        measure.where = where(lambda: say("/aging"))
    yield measure

    def balance() -> float:
        return p99(asked, lambda c: say(f"/balance K{c}"))

    def plain() -> float:
        def read(customer: int) -> None:
            with transactions.look(book.morning()) as work:
                plain_rows(work, customer)

        return p99(asked, read)

    assert say(f"/balance K{asked[0]}").kind == "reply.balance"
    balance(), plain()
    found = interleave(rounds, ours=balance, plain=plain)
    measure = Measure(
        f"`/balance` p99 at {count(receivables)} ÷ the plain SELECTs of one customer's rows", store.kind, Goal(3),
        found.ratios("ours", "plain"), sides(found, "ours", "plain"), found.spins,
    )  # fmt: skip
    if not measure.goal.met(measure.value):
        measure.where = where(lambda: [say(f"/balance K{c}") for c in asked])
    yield measure
    store.drop(name)


_ID = bindparam("customer")
_PLAIN = [select(table_of(Customer)).where(table_of(Customer).c.id == _ID)] + [
    select(table_of(model)).where(table_of(model).c.customer_id == _ID)
    for model in (Receivable, Receipt, CreditNote, Promise, Pause, Hold, Order, Shipment, CreditLine)
]


def plain_rows(work: Work, customer: int) -> None:
    """Every row of the tables that a balance is made from, as they are, through the same kind of session."""
    for statement in _PLAIN:
        work.session.execute(statement, {"customer": customer}).all()


def p99(customers: list[int], ask: Callable[[int], object]) -> float:
    times = []
    for customer in customers:
        start = perf_counter()
        ask(customer)
        times.append(perf_counter() - start)
    times.sort()
    return times[min(len(times) - 1, int(len(times) * 0.99))]


