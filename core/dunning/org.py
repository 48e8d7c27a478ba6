"""Who an audience is: people, roles and the manager tree, as plain values. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Member:
    """A person as far as the engine needs one. `zone` is where they read, or None for the company's. `away`: today, so
    that `deputy_id` decides about credit in their place."""

    id: int
    handle: str
    name: str
    roles: frozenset[str]
    manager_id: int | None = None
    region: str = ""
    active: bool = True
    zone: ZoneInfo | None = None
    lang: str = "zh"
    deputy_id: int | None = None
    away: bool = False
    decides: bool = True  # has a role with which somebody decides about credit


class Org:
    """Everybody, with the answers to "who is told?" (dunning.md section 7)."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = {m.id: m for m in members}
        self._by_handle = {m.handle: m for m in self.members.values()}
        self._cache: dict[tuple[str, int | None, int | None, str], tuple[tuple[int, ...], bool]] = {}

    def active(self, person_id: int | None) -> bool:
        return person_id is not None and person_id in self.members and self.members[person_id].active

    def holders(self, role: str, region: str = "") -> list[int]:
        """The active holders of a role: those of the region, else all of them."""
        all_of_them = sorted(m.id for m in self.members.values() if m.active and role in m.roles)
        return [i for i in all_of_them if region and self.members[i].region == region] or all_of_them

    def above(self, person_id: int | None) -> list[int]:
        """The distinct active managers upwards, nearest first. Survives circles and people who manage themselves."""
        chain: list[int] = []
        seen = {person_id}
        at = self.members.get(person_id) if person_id is not None else None
        while at is not None and at.manager_id is not None and at.manager_id not in seen:
            seen.add(at.manager_id)
            at = self.members.get(at.manager_id)
            if at is not None and at.active:
                chain.append(at.id)
        return chain

    def stand_in(self, person_id: int, never: Collection[int] = ()) -> int:
        """Who decides in somebody's place today: themselves, or while they are away their deputy, or the deputy's deputy.

        Where that leads to nobody (no deputy, a circle, only somebody in `never` or without such a role), it stays with the
        person.
        """
        seen, at = {person_id}, self.members[person_id]
        while at.away or not at.active:
            deputy = self.members.get(at.deputy_id) if at.deputy_id is not None else None
            if deputy is None or deputy.id in seen or deputy.id in never or not deputy.decides:
                return person_id
            seen.add(deputy.id)
            at = deputy
        return at.id

    def of_handle(self, handle: str) -> int | None:
        member = self._by_handle.get(handle)
        return member.id if member is not None else None

    def chain(self, person_id: int | None) -> list[int]:
        """Who hears of somebody's silence, in order: managers upwards, then finance_manager, then admin."""
        found = self.above(person_id)
        for role in ("finance_manager", "admin"):
            found += [i for i in self.holders(role) if i not in found and i != person_id][:1]
        return found

    def responsible(self, receivable_owner: int | None, customer_owner: int | None) -> int | None:
        """Whose business it is: the receivable's owner, else the customer's; None if neither is an active person."""
        for person in (receivable_owner, customer_owner):
            if self.active(person):
                return person
        return None

    def resolve(
        self, audience: str, receivable_owner: int | None, customer_owner: int | None, region: str = ""
    ) -> tuple[tuple[int, ...], bool]:
        """The people of a staff audience, and whether they are only stand-ins because nobody fits its name."""
        key = (audience, receivable_owner, customer_owner, region)
        if key not in self._cache:
            self._cache[key] = self._resolve(*key)
        return self._cache[key]

    def _resolve(
        self, audience: str, receivable_owner: int | None, customer_owner: int | None, region: str
    ) -> tuple[tuple[int, ...], bool]:
        named = self._named(audience, receivable_owner, customer_owner, region)
        if named:
            return tuple(named), False
        owner = self.responsible(receivable_owner, customer_owner)
        if owner is not None:
            return (owner,), True
        for gone in (receivable_owner, customer_owner):
            above = self.above(gone)
            if above:
                return (above[0],), True
        for role in ("finance_manager", "admin"):
            holders = self.holders(role)
            if holders:
                return tuple(holders[:1]), True
        return (), True

    def _named(self, audience: str, receivable_owner: int | None, customer_owner: int | None, region: str) -> list[int]:
        kind, _, name = audience.partition(":")
        if kind == "role":
            return self.holders(name, region)
        if kind == "person":
            member = self._by_handle.get(name)
            return [member.id] if member is not None and member.active else []
        owner = self.responsible(receivable_owner, customer_owner)
        if audience == "owner":
            return [] if owner is None else [owner]
        # The managers of an owner who has left still know the business.
        base = owner if owner is not None else (receivable_owner or customer_owner)
        above = self.above(base)
        if audience == "owner.manager":
            return above[:1] or self.holders("finance_manager")[:1]
        if audience == "owner.director":
            directors = [i for i in above if "sales_director" in self.members[i].roles]
            return directors[:1] or self.holders("sales_director", region)
        return []
