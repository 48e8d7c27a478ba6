"""Who may do what about credit: the table is the test. Every role, every action and command, for real.

Each cell has a letter for each of the five scopes, in this order:

    own         the person looks after the customer
    below       somebody who reports to the person does
    region      somebody else does; the person has a region, and the customer is in it
    elsewhere   somebody else does, and the customer is in another region
    anybody     somebody else does, and the person has no region

    y  it is done                 n  it is refused
    x  as if there were no such customer or order: the same answer as for one that was never there
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlmodel import Session

from bot.commands import COMMANDS, handle
from bot.commands.parser import BUTTONS
from core.actions import TABLE, ActionRequest, execute
from core.credit import holds, orders, requests
from core.credit.incoming import NewOrder
from core.dunning.policy import default_policy, parse
from core.dunning.stored import _store, active
from core.models import CreditRequest, Hold, LimitProposal, Order, Person
from core.permissions import ROLES
from core.work import Work
from tests.factories import DAY, customer, make_work, person

SCOPES = ("own", "below", "region", "elsewhere", "anybody")
ORDER = (
    "rep", "sales_manager", "sales_director", "finance", "finance_manager", "finance_director", "risk", "management",
    "admin",
)  # fmt: skip
# fmt: off
MATRIX: dict[str, tuple[str, ...]] = {
    #                             rep      manager  director finance  fin.mgr  fin.dir  risk     mgmt     admin
    "credit.approve":             ("nnnnn", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy"),
    "credit.approve_with":        ("nnnnn", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy"),
    "credit.reject":              ("nnnnn", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy"),
    "credit.approve of others":   ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyyy", "nnnnn", "nnnnn", "nnnnn"),
    "credit.reject of others":    ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyyy", "nnnnn", "nnnnn", "nnnnn"),
    "credit.explain":             ("ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn"),
    "credit.withdraw":            ("ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn", "ynnnn"),
    "credit.ask_again":           ("yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn"),
    "person.away":                ("yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yyyyy"),
    "person.back":                ("yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yyyyy"),
    "limit.agree":                ("nnnnn", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy"),
    "limit.decline":              ("nnnnn", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy"),
    "limit.set":                  ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyny", "nyyny", "nnnnn", "nyyny", "nnnnn"),
    "limit.ask":                  ("ynnnn", "yynnn", "yynnn", "yyyny", "yynnn", "yynnn", "yyyny", "yynnn", "nnnnn"),
    "group.limit_set":            ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyxy", "nyyxy", "nnnnn", "nyyxy", "nnnnn"),
    "hold.set":                   ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "yyyny", "yyyny", "yyyny", "nnnnn", "nnnnn"),
    "hold.lift":                  ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyny", "nnnnn", "nyyny", "nnnnn"),
    "hold.lift of a ladder":      ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyny", "nnnnn", "nyyny", "nnnnn"),
    "blacklist.set":              ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "yyyny", "yyyny", "yyyny", "nnnnn", "nnnnn"),
    "blacklist.end":              ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "yyyny", "nnnnn", "yyyny", "nnnnn"),
    "rating.set":                 ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyny", "nyyny", "nyyny", "nyyny", "nnnnn"),
    "/credit":                    ("yxxxx", "yyxxx", "yyxxx", "yyyxy", "yyyxy", "yyyxy", "yyyxy", "yyyxy", "xxxxx"),
    "/rating":                    ("yxxxx", "yyxxx", "yyxxx", "yyyxy", "yyyxy", "yyyxy", "yyyxy", "yyyxy", "xxxxx"),
    "/rating B":                  ("nxxxx", "nnxxx", "nnxxx", "nnnxn", "nyyxy", "nyyxy", "nyyxy", "nyyxy", "xxxxx"),
    "/deviation":                 ("nnnnn", "nnnnn", "nnnnn", "yyyxy", "yyyxy", "yyyxy", "yyyxy", "yyyxy", "nnnnn"),
    "/order":                     ("yxxxx", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy"),
    "/order of others":           ("yxxxx", "yyxxx", "yyxxx", "yyyxy", "yyyxy", "yyyyy", "yyyxy", "yyyxy", "yxxxx"),
    "/approvals":                 ("nnnnn", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy", "nyyyy"),
    "/limit":                     ("nxxxx", "nnxxx", "nnxxx", "nnnxn", "nyyxy", "nyyxy", "nnnxn", "nyyxy", "xxxxx"),
    "/hold":                      ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "yyyxy", "yyyxy", "yyyxy", "nnnnn", "nnnnn"),
    "/unhold":                    ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "nyyxy", "nnnnn", "nyyxy", "nnnnn"),
    "/blacklist":                 ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "yyyxy", "yyyxy", "yyyxy", "nnnnn", "nnnnn"),
    "/unblacklist":               ("nnnnn", "nnnnn", "nnnnn", "nnnnn", "nnnnn", "yyyxy", "nnnnn", "yyyxy", "nnnnn"),
    "/away":                      ("yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy"),
    "/away @":                    ("yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yyyyy"),
    "/back":                      ("yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy", "yyyyy"),
    "/back @":                    ("yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yynnn", "yyyyy"),
}
# fmt: on
# What has nothing to do with credit. Any other action or command must stand in the table.
OTHER_ACTIONS = ("task.", "customer.", "claim.", "promise.", "pause.", "dispute.", "receipt.", "credit_note.", "letters.")
OTHER_COMMANDS = frozenset({
    "balance", "aging", "overdue", "todo", "promise", "paid", "dispute", "pause", "unpause", "log", "snooze", "receipt",
    "allocate", "credit-note", "trace", "help", "whoami", "lang", "link", "notify",
})  # fmt: skip


# What each row of the table does. GHOST takes the place of the customer, the order and the group for who sees none.
REAL = {"customer": "C-101", "order": "SO1", "other": "SO2", "group": "华北组"}
GHOST = {"customer": "C-404", "order": "SO404", "other": "SO405", "group": "无此组"}


@dataclass
class World:
    """X has the role. The customer 甲公司 is X's, or somebody else's. The policy asks X's role about its order SO1, which is
    over the limit, and finance directors about SO2; nobody is asked about their own."""

    work: Work
    x: Person
    owner: Person
    chief: Person
    ids: dict[str, int]

    def acts(self, action: str, about: str, **given: str) -> Any:
        subject = about.removesuffix(" of others")
        asked = ActionRequest(self.x.id or 0, action, given, subject=subject, subject_id=self.ids[about])
        return execute(self.work, asked)

    def types(self, text: str, words: dict[str, str]) -> Any:
        mine = replace(self.work, person_id=self.x.id, actor=self.x.handle)
        return handle(mine, self.x, text.format(**words, person=self.owner.handle), lang="zh", confirmed=True)

    def by_chief(self, does: Callable[..., Any], *given: Any) -> None:
        does(replace(self.work, person_id=self.chief.id, actor="chief"), self.ids["customer"], *given)


def _held(world: World) -> None:
    world.by_chief(holds.hold, "对账")


def _of_ladder(world: World) -> None:
    world.work.session.add(Hold(customer_id=world.ids["customer"], currency="CNY", kind="order", from_on=DAY))


def _no_proposal(world: World) -> None:
    world.work.session.get_one(LimitProposal, world.ids["proposal"]).state = "expired"


def _blacklisted(world: World) -> None:
    world.by_chief(holds.blacklist, "失信")


def _expired(world: World) -> None:
    request = world.work.session.get_one(CreditRequest, world.ids["credit"])
    order = world.work.session.get_one(Order, world.ids["order"])
    requests.expire(world.work, active(world.work)[1], request, order)


def _away(world: World) -> None:
    world.owner.away_from = world.owner.away_until = DAY


def _self_away(world: World) -> None:
    world.x.away_from = world.x.away_until = DAY


@dataclass(frozen=True)
class Deed:
    """One row: an action on a subject with its input, or a line that is typed; `before`: what must be so first."""

    subject: str = ""
    given: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    before: Callable[[World], None] | None = None


_UNTIL = "2026-08-31"
DEEDS: dict[str, Deed] = {
    "credit.approve": Deed("credit"),
    "credit.approve_with": Deed("credit", {"prepay_percent": "30"}),
    "credit.reject": Deed("credit", {"reason": "先收款"}),
    "credit.approve of others": Deed("credit of others"),
    "credit.reject of others": Deed("credit of others", {"reason": "先收款"}),
    "credit.explain": Deed("order", {"note": "老客户"}),
    "credit.withdraw": Deed("order", {"reason": "不做了"}),
    "credit.ask_again": Deed("order", before=_expired),
    "person.away": Deed("person", {"until": _UNTIL}),
    "person.back": Deed("person", before=_away),
    "limit.agree": Deed("proposal"),
    "limit.decline": Deed("proposal", {"reason": "再看看"}),
    "limit.set": Deed("customer", {"amount": "5000.00", "reason": "旺季"}),
    "limit.ask": Deed("customer", {"amount": "5000.00", "until": _UNTIL, "reason": "旺季"}, before=_no_proposal),
    "group.limit_set": Deed("group", {"amount": "9000.00", "reason": "旺季"}),
    "hold.set": Deed("customer", {"reason": "对账"}),
    "hold.lift": Deed("customer", {"reason": "已清"}, before=_held),
    "hold.lift of a ladder": Deed("customer", {"reason": "有还款计划", "until": _UNTIL}, before=_of_ladder),
    "blacklist.set": Deed("customer", {"reason": "失信"}),
    "blacklist.end": Deed("customer", {"reason": "已清"}, before=_blacklisted),
    "rating.set": Deed("customer", {"rating": "B", "until": _UNTIL, "reason": "熟悉"}),
    "/credit": Deed(text="/credit {customer}"),
    "/rating": Deed(text="/rating {customer}"),
    "/rating B": Deed(text="/rating {customer} B 到 " + _UNTIL + " 熟悉"),
    "/deviation": Deed(text="/deviation"),
    "/order": Deed(text="/order {order}"),
    "/order of others": Deed(text="/order {other}"),
    "/approvals": Deed(text="/approvals"),
    "/limit": Deed(text="/limit {customer} 5000 旺季"),
    "/hold": Deed(text="/hold {customer} 对账"),
    "/unhold": Deed(text="/unhold {customer} 已清", before=_held),
    "/blacklist": Deed(text="/blacklist {customer} 失信"),
    "/unblacklist": Deed(text="/unblacklist {customer} 已清", before=_blacklisted),
    "/away": Deed(text="/away " + _UNTIL),
    "/away @": Deed(text="/away @{person} " + _UNTIL),
    "/back": Deed(text="/back", before=_self_away),
    "/back @": Deed(text="/back @{person}", before=_away),
}


def build(session: Session, role: str, scope: str) -> World:
    work = make_work(session)
    x = person(work, "x", role, region={"region": "华北", "elsewhere": "华南"}.get(scope, ""))
    chief = person(work, "chief", "finance_director;management")
    owner = x if scope == "own" else person(work, "owner", "rep", manager=x if scope == "below" else None)
    decides = "finance_director" if role == "rep" else role  # the rules never let a rep decide
    asks = f'''[credit.proposals]
audience = ["role:{decides}"]

[[credit.route]]
name = "x"
reasons = ["over_limit"]
rungs = [{{ audience = ["role:{decides}", "role:finance_director"] }}]

[[credit.route]]'''
    toml = default_policy("CNY").text.replace("[[credit.route]]", asks, 1)
    _store(work, parse(toml, "test", "CNY"), work.now)
    c = customer(work, "C-101", "甲公司", owner, region="华北", credit_limit_minor=100_000, group_name="华北组")
    customer(work, "C-102", "乙公司", owner, region="华北", group_name="华北组")
    made = orders.submit(work, active(work)[1], NewOrder("SO1", "C-101", 200_000, "CNY"), "shop")
    beside = orders.submit(work, active(work)[1], NewOrder("SO2", "C-101", 100, "CNY", terms_days=90), "shop")
    ids = {"customer": c.id, "order": made.order.id, "person": owner.id, "group": 1}
    ids |= {"credit": made.request_id, "credit of others": beside.request_id}
    proposal = LimitProposal(
        customer_id=c.id or 0, kind="raise", before_minor=100_000, after_minor=115_000, currency="CNY", opened_at=work.now,
        expires_on=DAY,
    )  # fmt: skip
    session.add(proposal)
    session.flush()
    ids["proposal"] = proposal.id
    assert all(ids.values())
    return World(work, x, owner, chief, {name: id_ or 0 for name, id_ in ids.items()})


def done(world: World, name: str, words: dict[str, str]) -> Any:
    """What comes of it, and then it never happened."""
    deed = DEEDS[name]
    with world.work.session.begin_nested() as savepoint:
        if deed.before is not None:
            deed.before(world)
            world.work.session.flush()
        if deed.text:
            answer = world.types(deed.text, words)
        else:
            more = {"group": words["group"]} if deed.subject == "group" else {}
            answer = world.acts(name.split(" ")[0], deed.subject, **deed.given, **more)
        savepoint.rollback()
    world.work.session.expire_all()
    return answer


def letter(name: str, answer: Any) -> str:
    result, code = str(getattr(answer, "outcome", None) or answer.result), answer.code
    if name == "/approvals":
        return "y" if answer.json["approvals"] else "n"
    if name == "/deviation" and result == "done":  # of whom they see
        return "y" if answer.json["compared"] + answer.json["without_limit"] + answer.json["without_model"] else "x"
    if code in ("customer.unknown", "order.unknown", "group.unknown", "person.unknown"):
        return "x"
    assert result in ("done", "not_allowed") or code == "credit.own_order", (name, answer)
    return "y" if result == "done" else "n"


@pytest.mark.parametrize("role", ORDER)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_cell_of_the_table(session: Session, role: str) -> None:
    found = {name: "" for name in DEEDS}
    for scope in SCOPES:
        with session.begin_nested() as savepoint:
            world = build(session, role, scope)
            blind = letter("/credit", done(world, "/credit", REAL)) != "y"
            for name in DEEDS:
                answer = done(world, name, REAL)
                found[name] += (mine := letter(name, answer))
                if not blind or not tells_of_customers(name):
                    continue
                assert mine != "y" or name.startswith("/order"), f"{role}, {scope}: {name} of a customer that they don't see"
                if mine != "y" and DEEDS[name].subject != "customer":  # whose id nobody can type
                    told, ghost = shown(answer), shown(done(world, name, GHOST))
                    assert hidden(told, REAL) == hidden(ghost, GHOST), f"{role}, {scope}: {name} tells that it exists"
            savepoint.rollback()
        session.expunge_all()
        session.info.clear()
    column = ORDER.index(role)
    wrong = {name: (cells, MATRIX[name][column]) for name, cells in found.items() if cells != MATRIX[name][column]}
    assert not wrong, f"{role}: (is, in the table) {wrong}"


def tells_of_customers(name: str) -> bool:
    return DEEDS[name].subject in ("customer", "group") or any(f"{{{one}}}" in DEEDS[name].text for one in REAL)


def shown(answer: Any) -> str:
    return str((answer.code, dict(answer.facts), getattr(answer, "json", None), getattr(answer, "customer_id", None)))


def hidden(text: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        text = text.replace(word, name)
    return text


def test_the_table_is_complete() -> None:
    """A role, an action or a command that comes later needs its row here."""
    assert set(ORDER) == ROLES
    assert all(len(row) == len(ORDER) and {len(cell) for cell in row} == {len(SCOPES)} for row in MATRIX.values())
    assert list(MATRIX) == list(DEEDS)
    actions = {name for name in TABLE if not name.startswith(OTHER_ACTIONS)}
    assert actions == {name.split(" ")[0] for name in DEEDS if not name.startswith("/")}
    assert COMMANDS.keys() - OTHER_COMMANDS - BUTTONS == {name.split()[0][1:] for name in DEEDS if name.startswith("/")}
