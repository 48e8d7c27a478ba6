"""`python -m bench [--quick] [--only NAME ...] [--db sqlite|postgresql] [--write docs/benchmarks.md]`"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import cards, credit, dunning, figures, imports, messengers, ratings, starts, table, verdicts
from bench.clock import ROUNDS, Measure
from bench.messengers import Crowd
from bench.stores import STORES, Store

ON_DATABASES = ("runs", "cycles", "figures", "imports", "memory", "ratings", "credit", "messengers")
BY_THEMSELVES = ("cards", "help", "demo")


@dataclass(frozen=True)
class Sizes:
    run: tuple[int, int] = (10_000, 100_000)
    ledger: tuple[int, int] = (100_000, 1_000_000)
    firing: int = 1_000
    file: tuple[int, int] = (20_000, 200_000)
    rated: int = 100_000
    orders: int = 400
    cards: int = 2_000
    crowd: Crowd = field(default_factory=Crowd)
    rounds: int = ROUNDS
    from_nothing: bool = True


QUICK = Sizes(
    run=(1_000, 10_000), ledger=(10_000, 100_000), firing=100, file=(2_000, 20_000), rated=10_000, orders=100, cards=500,
    crowd=Crowd(cards=50, people=10, taps=50, signed=10, paced=4), from_nothing=False,
)  # fmt: skip


def measures(names: set[str], kinds: tuple[str, ...], sizes: Sizes, folder: Path) -> Iterator[Measure]:
    for kind in kinds if names & set(ON_DATABASES) else ():
        with closing(STORES[kind](folder)) as store:
            yield from on(store, names, sizes)
    if "cards" in names:
        yield from cards.cards(sizes.cards, sizes.rounds)
    if "help" in names:
        yield from starts.help_(sizes.rounds)
    if "demo" in names:
        yield from starts.demo(from_nothing=sizes.from_nothing)


def on(store: Store, names: set[str], sizes: Sizes) -> Iterator[Measure]:
    if "runs" in names:
        yield from dunning.runs(store, *sizes.run, sizes.rounds)
    if "cycles" in names:
        yield from dunning.cycles(store, *sizes.ledger, sizes.firing, sizes.rounds)
    if "figures" in names:
        yield from figures.figures(store, sizes.ledger[1], sizes.rounds, filled="cycles" in names)
    elif "cycles" in names:
        store.drop("book_large")
    if "imports" in names:
        yield from imports.imports(store, sizes.file[1], sizes.rounds)
    if "memory" in names:
        yield from imports.memory(store, *sizes.file)
    if "ratings" in names:
        yield from ratings.ratings(store, sizes.rated, sizes.rounds)
    if "credit" in names:
        yield from credit.checks(store, sizes.ledger[0], sizes.orders, sizes.rounds)
        yield from verdicts.verdicts(store, sizes.orders, sizes.rounds)
    if "messengers" in names:
        yield from messengers.messengers(store, sizes.crowd, sizes.rounds)
    if "messengers" in names and store.kind == "sqlite":
        yield from messengers.paced(store, sizes.crowd)


def main() -> None:
    everything = (*ON_DATABASES, *BY_THEMSELVES)
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios against the least that could do the same.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes: to see that it works")
    parser.add_argument("--only", action="append", choices=everything, metavar="NAME", help=", ".join(everything))
    parser.add_argument("--db", choices=tuple(STORES), help="one database only")
    parser.add_argument("--write", type=Path, metavar="FILE", help="put the results into this page, keep its others")
    asked = parser.parse_args()
    names = set(asked.only or everything)
    kinds = (asked.db,) if asked.db else tuple(STORES)
    with tempfile.TemporaryDirectory(prefix="huikuan-bench-") as folder:
        found = []
        for measure in measures(names, kinds, QUICK if asked.quick else Sizes(), Path(folder)):
            print(table.line(measure), *table.below(measure), sep="", end="", flush=True)
            found.append(measure)
            if asked.write:
                table.write(asked.write, found)


if __name__ == "__main__":
    main()
