"""Messengers: cards out against the same calls in a bare loop, and the platforms' limits reached but never broken."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench import bare, office, serving, taps
from bench.clock import Goal, Measure, interleave, seconds, spin
from bench.dunning import sides
from bench.far import Far
from bench.office import NAMES, Office
from bench.profile import where
from bench.stores import Store
from bot.notifications.sender import AT_ONCE

A_SECOND = {"slack": 1.0, "dingtalk": 20.0}  # the platforms' own limits; Slack's for each conversation, after three
A_MINUTE = 30  # WeCom's for each member
SLACK_BURST = 3
WINDOWS = 5


@dataclass(frozen=True)
class Crowd:
    """How many cards wait for how many people; `taps` at a hundred a second, `signed` one by one; `paced` each reader."""

    cards: int = 500
    people: int = 100
    taps: int = 200
    signed: int = 100
    paced: int = 28


def messengers(store: Store, crowd: Crowd, rounds: int) -> Iterator[Measure]:
    users = office.fill(store, crowd.cards, crowd.people)
    for name in office.NAMES:
        with Far(name) as far:
            far.do("people", users)
            with office.office(store, far, name) as product:
                product.without_limits()
                yield sending(product, crowd.cards, crowd.people, rounds)
            with office.office(store, far, name) as product:
                product.without_limits()
                product.listen()
                yield taps.acknowledged(product, crowd.taps, rounds)
            if name == "slack":
                with office.office(store, far, name, HUIKUAN_SLACK_MODE="http") as product:
                    product.without_limits()
                    product.listen()
                    yield taps.inbound(product, crowd.signed, rounds)
    store.drop(office.WAITING)
    yield from serving.memory(store)


def paced(store: Store, crowd: Crowd) -> Iterator[Measure]:
    """Limits on, at both ends: how much of what is allowed is used. Time is the platform's, so the database is any."""
    readers = AT_ONCE
    users = office.fill(store, crowd.paced * readers, readers)
    for name in office.NAMES:
        with Far(name) as far:
            far.do("people", users)
            far.do("limit", True)
            with office.office(store, far, name) as product:
                before = spin()
                product.anew()
                sent = product.send()
                measure = Measure(
                    f"{NAMES[name]}, paced: cards ÷ what {LIMITS[name]} allows", store.kind, Goal(0.8, least=True, most=1.0),
                    used(name, far.do("stamps")), f"{sent} cards to {readers} people", (before, spin()),
                )  # fmt: skip
            refused, wrong = far.do("refused"), far.do("wrong")
            measure.notes.append(f"the fake's own limit refused {refused}")
            measure.broken = f"{refused} refused" if refused or wrong or sent < crowd.paced * readers else ""
            yield measure
    store.drop(office.WAITING)


LIMITS = {
    "slack": "1 a second for each conversation",
    "dingtalk": "20 a second for the app",
    "wecom": "30 a minute for each member",
}


def used(name: str, stamps: dict[str, list[float]]) -> list[float]:
    """Shares of the limit, for each of what it counts apart; DingTalk's for all, in windows."""
    if name == "slack":
        return [len(each) / (SLACK_BURST + A_SECOND[name] * (each[-1] - each[0])) for each in stamps.values()]
    if name == "wecom":
        return [sum(at < each[0] + 60 for at in each) / A_MINUTE for each in stamps.values()]
    (times,) = stamps.values()
    length = (times[-1] - times[0]) / WINDOWS
    starts = [times[0] + n * length for n in range(WINDOWS)]
    return [sum(start <= at < start + length for at in times) / length / A_SECOND[name] for start in starts]


def sending(product: Office, cards: int, people: int, rounds: int) -> Measure:
    """Claim, render, send, record ÷ the same payloads by the same SDK or HTTP call, as many at a time."""
    far, name = product.far, product.messenger

    def ours() -> float:
        product.anew()
        sent: list[int] = []
        took = seconds(lambda: sent.append(product.send()))
        assert (sent[0], len(far.do("payloads")), far.do("wrong")) == (cards, cards, []), (sent, far.do("wrong"))
        return took

    ours()
    payloads = far.do("payloads")
    with bare.LOOPS[name](far.do("environment")) as loop:

        def bare_loop() -> float:
            far.do("clear")
            took = loop(payloads)
            assert (len(far.do("payloads")), far.do("wrong")) == (cards, []), far.do("wrong")
            return took

        bare_loop()
        found = interleave(rounds, ours=ours, bare=bare_loop)
    measure = Measure(
        f"{NAMES[name]}: {cards} waiting cards of {people} people, the same calls in a bare loop ÷ claim + render + send +"
        " record", product.store.kind, Goal(0.3, least=True), found.ratios("bare", "ours"), sides(found, "bare", "ours"),
        found.spins,
    )  # fmt: skip
    if not measure.goal.met(measure.value):
        product.anew()
        measure.where = where(product.send, inline=True)
    return measure
