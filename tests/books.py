"""What stands in the books of a story's company, as it says it: customers by code, amounts in major units."""

from contextlib import AbstractContextManager

from sqlalchemy import select

from core.models import Case, Firing, Hold, Person, Promise, Receivable, Task
from core.models.base import table_of
from core.money import format_major
from core.work import Work


class Books:
    """Reads alone; the harness has the database and knows who is who."""

    def look(self) -> AbstractContextManager[Work]:
        raise NotImplementedError

    def _customer_id(self, work: Work, code: str) -> int:
        raise NotImplementedError

    def _receivable(self, work: Work, number: str) -> Receivable:
        raise NotImplementedError

    def case(self, customer: str, currency: str = "CNY") -> Case | None:
        with self.look() as work:
            K = table_of(Case)
            return work.session.execute(
                select(Case)
                .where(K.c.customer_id == self._customer_id(work, customer), K.c.currency == currency)
                .order_by(K.c.id.desc())
                .limit(1)
            ).scalar_one_or_none()

    def state(self, customer: str, currency: str = "CNY") -> str:
        """Of the case: open, waiting or closed; "" when there is none."""
        case = self.case(customer, currency)
        return "" if case is None else str(case.state)

    def promises(self, customer: str) -> list[str]:
        with self.look() as work:
            P = table_of(Promise)
            mine = select(P.c.state).where(P.c.customer_id == self._customer_id(work, customer)).order_by(P.c.id)
            return [str(state) for state in work.session.execute(mine).scalars()]

    def tasks(self, customer: str, kind: str = "collect") -> list[tuple[str, str]]:
        """(handle, state) of every task about a customer, oldest first."""
        with self.look() as work:
            T, P = table_of(Task), table_of(Person)
            rows = work.session.execute(
                select(P.c.handle, T.c.state)
                .join(P, P.c.id == T.c.person_id)
                .where(T.c.customer_id == self._customer_id(work, customer), T.c.kind == kind)
                .order_by(T.c.id)
            )
            return [(handle, str(state)) for handle, state in rows]

    def firings(self, number: str) -> list[tuple[str, str, str]]:
        """(day, step, outcome) of every firing of a receivable, by day and offset."""
        with self.look() as work:
            F, R = table_of(Firing), table_of(Receivable)
            rows = work.session.execute(
                select(F.c.fired_on, F.c.step, F.c.outcome)
                .join(R, R.c.id == F.c.receivable_id)
                .where(R.c.number == number)
                .order_by(F.c.fired_on, F.c.offset_days, F.c.step)
            )
            return [(f"{day:%m-%d}", step, str(outcome)) for day, step, outcome in rows]

    def open(self, number: str) -> str:
        """What is left of a receivable, in major units."""
        with self.look() as work:
            found = self._receivable(work, number)
            return format_major(found.open_minor, found.currency)

    def holds(self, customer: str) -> list[str]:
        """Kinds of the holds that run."""
        with self.look() as work:
            H = table_of(Hold)
            mine = H.c.customer_id == self._customer_id(work, customer)
            runs = (mine, H.c.ended_on.is_(None), H.c.from_on <= work.today)
            return sorted(work.session.execute(select(H.c.kind).where(*runs)).scalars())
