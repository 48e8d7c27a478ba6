"""People and their accounts. The whole file is one transaction, so managers may stand below their people."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, delete, select, tuple_
from sqlmodel import Session

from core import names
from core.ingest.context import Item, Run
from core.ingest.lookups import People, audit_many, insert_ids, padded, plain, write_changes
from core.ingest.reasons import Reject
from core.ledger.marks import mark_asked
from core.models import Account, Person
from core.models.base import among
from core.permissions import ROLES, decides_credit
from core.revive import moved, revive
from core.work import Work

P: Table = Person.__table__  # type: ignore[attr-defined]
A: Table = Account.__table__  # type: ignore[attr-defined]

_DEFAULTS = {
    "roles": [], "email": "", "mobile": "", "locale": "", "timezone": "", "region": "", "active": True,
    "away_from": None, "away_until": None,
}  # fmt: skip
_FIELDS = ("name", *_DEFAULTS)
_DECIDES = {"roles", "region", "active", "away_from", "away_until", "manager_id", "deputy_id"}  # who decides about credit
_ABOVE = {"manager": "manager_id", "deputy": "deputy_id"}


class PeopleLoader:
    def __init__(self, run: Run) -> None:
        self.run = run

    def load(self, work: Work, items: Sequence[Item]) -> None:
        session = work.session
        known = {row.handle.casefold(): row for row in session.execute(select(P))}
        everybody = People.load(session)
        items = self._resolvable(items, everybody)
        if not items:
            return
        fresh = [item for item in items if item.row["handle"].casefold() not in known]
        old = [item for item in items if item.row["handle"].casefold() in known]
        ids = insert_ids(session, Person, [self._columns(item) for item in fresh])
        for item, made in zip(fresh, ids, strict=True):
            everybody.add(made, item.row["handle"], item.row["name"])
        for item in old:
            everybody.add(known[item.row["handle"].casefold()].id, item.row["handle"], item.row["name"])
        audit_many(work, "person.created", "person", [(made, None, {"by": "import"}) for made in ids])
        changes: dict[int, dict[str, Any]] = {}
        for item, made in zip(fresh, ids, strict=True):
            above = {column: everybody.get(item.row[name], name) for name, column in _ABOVE.items() if name in item.row}
            if above:
                changes[made] = above
        self.run.report.created += len(fresh)
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        for item in old:
            was = known[item.row["handle"].casefold()]
            if new := self._differences(item, was, everybody):
                changes[was.id] = new
                before = {name: plain(getattr(was, name)) for name in new}
                after = {name: plain(value) for name, value in new.items()}
                audits.append((was.id, None, {"handle": was.handle, "before": before, "after": after}))
                self.run.report.updated += 1
            else:
                self.run.report.unchanged += 1
        audit_many(work, "person.updated", "person", audits)
        write_changes(session, P, changes)
        if any(_DECIDES & new.keys() for new in changes.values()) or any(item.row.get("roles") for item in fresh):
            mark_asked(work)
        revive(work, [person for person, new in changes.items() if new.get("active")])
        self._warn(session, items)

    def _resolvable(self, items: Sequence[Item], known: People) -> list[Item]:
        """Without the rows whose manager or deputy is neither known nor a row that stays; until nothing changes."""
        left = list(items)
        while True:
            after = known.copy()
            for number, item in enumerate(left, 1):
                handle = item.row["handle"]
                after.add(after.of_handle(handle) or -number, handle, item.row["name"])
            staying = []
            for item in left:
                try:
                    self._days(item)
                    for column in _ABOVE:
                        if column in item.row:
                            self._check(item, column, after)
                except Reject as error:
                    self.run.reject(item.number, item.cells, error)
                else:
                    staying.append(item)
            if len(staying) == len(left):
                return left
            left = staying

    def _days(self, item: Item) -> None:
        start, until = item.row.get("away_from"), item.row.get("away_until")
        if start is not None and until is not None and until < start:
            raise Reject("away_backwards", "away_until", until.isoformat())

    def _check(self, item: Item, column: str, after: People) -> None:
        """`after`: everybody with the names of this file, and their former ones."""
        text = item.row[column].removeprefix("@")
        if text.casefold() == item.row["handle"].casefold():
            raise Reject("own_manager", column, text)
        after.get(item.row[column], column)

    def _columns(self, item: Item) -> dict[str, Any]:
        row = item.row
        made = {name: row.get(name, default) for name, default in _DEFAULTS.items()}
        return {**made, "handle": row["handle"], "name": row["name"], "source": self.run.source, "edited": []}

    def _differences(self, item: Item, was: Any, everybody: People) -> dict[str, Any]:
        row = dict(item.row)
        for name, column in _ABOVE.items():
            if name in row:
                row[column] = everybody.get(row[name], name)
        names = {**{name: name for name in _FIELDS}, "manager_id": "manager", "deputy_id": "deputy"}
        return changed(self.run, item, row, was, names)

    def _warn(self, session: Session, items: Sequence[Item]) -> None:
        report = self.run.report
        above = {row.id: row.manager_id for row in session.execute(select(P.c.id, P.c.manager_id))}
        ids = {row.handle.casefold(): row.id for row in session.execute(select(P.c.id, P.c.handle))}
        for item in items:
            for role in item.row.get("roles", ()):
                if role not in ROLES:
                    self._warn_of_role(item, role)
            start = ids[item.row["handle"].casefold()]
            seen: set[int] = set()
            person = above[start]
            while person is not None and person not in seen and person != start:
                seen.add(person)
                person = above[person]
            if person == start:
                report.warn(item.number, "manager_cycle", "manager", item.row["handle"])
            self._warn_of_deputy(session, item, start)

    def _warn_of_role(self, item: Item, role: str) -> None:
        lang = self.run.report.lang
        near, allowed = names.near_roles(role, lang), names.roles(lang).values()
        if lang == "zh":
            facts = {"allowed": "、".join(allowed), "near": f"，是不是{'或'.join(near)}" if near else ""}
        else:
            facts = {"allowed": ", ".join(allowed), "near": f": {' or '.join(near)}, perhaps" if near else ""}
        self.run.report.warn(item.number, "unknown_role", "roles", role, **facts)

    def _warn_of_deputy(self, session: Session, item: Item, person_id: int) -> None:
        """A deputy without a role to decide with leaves decisions with whoever is away."""
        if not item.row.get("deputy"):
            return
        person = session.execute(select(P.c.roles, P.c.deputy_id).where(P.c.id == person_id)).one()
        roles = session.execute(select(P.c.roles).where(P.c.id == person.deputy_id)).scalar() or ()
        if decides_credit(person.roles) and not decides_credit(roles):
            self.run.report.warn(item.number, "deputy_no_authority", "deputy", item.row["deputy"])


class AccountsLoader:
    def __init__(self, run: Run) -> None:
        self.run = run

    def load(self, work: Work, items: Sequence[Item]) -> None:
        session, report = work.session, self.run.report
        people = self.run.people(session)
        query = select(A).where(A.c.user_id.in_(padded(item.row["user_id"] for item in items)))
        known = {(row.messenger, row.user_id): row for row in session.execute(query)}
        fresh: list[dict[str, Any]] = []
        changes: dict[int, dict[str, Any]] = {}
        gone: dict[int, set[tuple[str, str]]] = defaultdict(set)  # accounts that are no longer a person's
        preferred: dict[int, tuple[str, str]] = {}
        audits: list[tuple[int, int | None, dict[str, Any]]] = []
        persons: list[tuple[Item, int]] = []
        for item in items:
            row = item.row
            try:
                persons.append((item, people.get(row["person"], "person")))
            except Reject as error:
                self.run.reject(item.number, item.cells, error)
                continue
            if row.get("preferred"):
                preferred[persons[-1][1]] = (row["messenger"], row["user_id"])
        former = _former(session, persons)
        for item, person in persons:
            row = item.row
            key = (row["messenger"], row["user_id"])
            if row.get("preferred"):
                row["preferred"] = preferred[person] == key  # of several in one file the last one counts
            if row["messenger"] not in self.run.company.messengers:
                report.warn(item.number, "messenger_off", "messenger", row["messenger"])
            was = known.get(key)
            if was is None or was.person_id != person:
                # How somebody reads there doesn't change with the account.
                before = former.pop((person, key[0]), [])
                for name in ("preferred", "text_only"):
                    row.setdefault(name, any(getattr(one, name) for one in before))
                for one in before:
                    gone[person].add((one.messenger, one.user_id))
                    report.warn(
                        item.number, "account_replaced", "user_id", key[1], who=row["person"], messenger=key[0],
                        kept=one.user_id,
                    )  # fmt: skip
            if was is None:
                fresh.append({
                    "person_id": person, "messenger": key[0], "user_id": key[1], "preferred": row["preferred"],
                    "text_only": row["text_only"],
                })  # fmt: skip
                continue
            new: dict[str, Any] = {}
            if was.person_id != person:
                kept = session.scalar(select(P.c.handle).where(P.c.id == was.person_id))
                report.warn(item.number, "account_moved", "person", row["user_id"], kept=kept, who=row["person"])
                new["person_id"] = person
                gone[was.person_id].add(key)
            new |= {
                name: row[name]
                for name in ("preferred", "text_only")
                if name in row and row[name] != getattr(was, name)
            }
            if new:
                changes[was.id] = new
                report.updated += 1
                audits.append((was.id, None, {"account": list(key), "after": new}))
            else:
                report.unchanged += 1
        ids = insert_ids(session, Account, fresh)
        report.created += len(ids)
        audit_many(work, "account.created", "account", [(made, None, {"by": "import"}) for made in ids])
        audit_many(work, "account.updated", "account", audits)
        write_changes(session, A, changes)
        self._one_preferred(session, preferred)
        self._take_away(work, gone, {(row["messenger"], row["user_id"]) for row in (item.row for item in items)})
        # Also those that were known: their messenger may be in use only since.
        revive(work, {person for item, person in persons if item.row["messenger"] in self.run.company.messengers})

    def _take_away(self, work: Work, gone: dict[int, set[tuple[str, str]]], stated: set[tuple[str, str]]) -> None:
        """`stated`: what is somebody's by this file stays."""
        ended = {place for places in gone.values() for place in places} - stated
        if ended:
            query = select(A.c.id, A.c.messenger, A.c.user_id).where(tuple_(A.c.messenger, A.c.user_id).in_(sorted(ended)))
            rows = work.session.execute(query).all()
            audits = [(row.id, None, {"account": [row.messenger, row.user_id], "by": "import"}) for row in rows]
            audit_many(work, "account.removed", "account", audits)
            work.session.execute(delete(A).where(A.c.id.in_([row.id for row in rows])))
        for person, places in sorted(gone.items()):
            moved(work, person, places)

    def _one_preferred(self, session: Session, preferred: dict[int, tuple[str, str]]) -> None:
        """A newly preferred account takes the place of the person's former one."""
        query = select(A).where(A.c.person_id.in_(preferred), A.c.preferred.is_(True))
        former = {
            row.id: {"preferred": False}
            for row in session.execute(query)
            if (row.messenger, row.user_id) != preferred[row.person_id]
        }
        write_changes(session, A, former)


def _former(session: Session, persons: Sequence[tuple[Item, int]]) -> dict[tuple[int, str], list[Any]]:
    """By person and messenger the accounts that they have there and that the file doesn't give them."""
    stated = {(person, item.row["messenger"], item.row["user_id"]) for item, person in persons}
    found: dict[tuple[int, str], list[Any]] = defaultdict(list)
    query = select(A).where(among(A.c.person_id, {person for _, person in persons})).order_by(A.c.id)
    for row in session.execute(query):
        if (row.person_id, row.messenger, row.user_id) not in stated:
            found[row.person_id, row.messenger].append(row)
    return found


def changed(run: Run, item: Item, row: dict[str, Any], was: Any, names: dict[str, str]) -> dict[str, Any]:
    """Columns of the table whose value in the row is another one. `names`: column of the table -> of the file."""
    new: dict[str, Any] = {}
    for column, name in names.items():
        value = row.get(column)
        if value is None or value == getattr(was, column):
            continue
        if was.edited and (column in was.edited or name in was.edited):
            kept = getattr(was, column)
            run.report.warn(item.number, "edited_wins", name, _shown(row.get(name, value)), kept=_shown(kept))
        else:
            new[column] = value
    return new


def _shown(value: Any) -> str:
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)
