"""Finding a customer by what somebody typed: code, name, short name, alias, pinyin, initials, or nearly one of them.

`Customer.search` holds the folded names, one a line, with a line break on both ends, so that "equal to a name",
"a name begins so" and "somewhere in a name" are three LIKE patterns on one column.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, case, func, literal, select
from sqlmodel import Session, col

from core.models import Customer
from core.permissions import Scope, may_see_customer

LIMIT = 9  # how many hits a choice can show
FUZZY_CUTOFF = 82
FUZZY_MIN = 4  # shorter texts are near to everything

# What most names end with says nothing about which of them is meant.
_SUFFIXES = (
    "股份有限公司", "有限责任公司", "集团有限公司", "有限公司", "集团公司", "分公司", "公司", "集团",
    "coltd", "limited", "ltd", "llc", "inc", "gmbh", "corporation", "corp", "company",
)  # fmt: skip


def fold(text: str) -> str:
    """Full-width to half-width, upper to lower case, without spaces and punctuation. Has no LIKE wildcards left."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return "".join(char for char in folded if unicodedata.category(char)[0] in "LNM")


def index_text(code: str, name: str, short_name: str = "", aliases: Iterable[str] = ()) -> str:
    """The value of `Customer.search`; to be written whenever one of these fields changes."""
    names = [name, short_name, *aliases]
    lines = [fold(text) for text in (code, *names)]
    for text in names:
        if _chinese(text):
            lines += _pinyin(text)
    return "\n" + "\n".join(dict.fromkeys(line for line in lines if line)) + "\n"


def find(session: Session, scope: Scope, text: str) -> tuple[bool, list[Customer]]:
    """(exact, customers), the nearest first. Exact: the one customer whose code, name, short name or alias this is."""
    found = find_prefix(session, scope, [text])
    return found.exact, found.customers


@dataclass(frozen=True, slots=True)
class Found:
    """`words` of the words typed name the customer; the rest says something else."""

    words: int
    exact: bool
    customers: list[Customer]
    fuzzy: bool = False


def find_prefix(session: Session, scope: Scope, words: Sequence[str]) -> Found:
    """The customer that the longest possible run of first words names: names may contain spaces and digits.

    A code typed exactly as it is written always wins, so there is a way to name each customer without doubt.
    """
    texts = [" ".join(words[:count]).strip() for count in range(1, len(words) + 1)]
    if scope.nothing or not texts:
        return Found(0, False, [])
    by_code = _by_code(session, scope, texts)
    if by_code and by_code.words == len(words):
        return by_code
    by_name = _by_text(session, scope, texts)
    if by_code and not (by_name.exact and by_name.words > by_code.words):
        return by_code
    if by_name.customers:
        return by_name
    return _by_sound_or_nearly(session, scope, texts)


_BY_CODE = select(Customer).where(col(Customer.code).in_(bindparam("codes", expanding=True)))


def _by_code(session: Session, scope: Scope, texts: list[str]) -> Found | None:
    """The usual way, so without building a statement: who owns the customer sees it, only others must be looked up."""
    hits = sorted(session.execute(_BY_CODE, {"codes": texts}).scalars(), key=lambda customer: -len(customer.code))
    for hit in hits:
        if scope.whole(hit.owner_id, hit.region, hit.id) or may_see_customer(session, scope, hit.id or 0):
            return Found(texts.index(hit.code) + 1, True, [hit])
    return None


def _by_text(session: Session, scope: Scope, texts: Sequence[str]) -> Found:
    """One pass over the `search` column: each longer text begins with the shortest, so its LIKE finds all of them."""
    folded = [fold(text) for text in texts]
    shortest = next((text for text in folded if text), "")
    if not shortest:
        return Found(0, False, [])
    search = col(Customer.search)
    lengths = [count for count in range(len(folded), 0, -1) if folded[count - 1]]
    ranks = [(count, kind) for count in lengths for kind in (_EQUAL, _BEGINS)] + [(count, _HOLDS) for count in lengths]
    rank = case(
        *((search.like(kind.format(folded[count - 1])), literal(at)) for at, (count, kind) in enumerate(ranks)),
        else_=literal(len(ranks)),
    )
    wanted = (
        select(Customer, rank.label("rank"))
        .where(search.like(f"%{shortest}%"), scope.customers())
        .order_by(rank, func.length(Customer.name), Customer.code)
        .limit(LIMIT)
    )
    rows = [(row[0], *ranks[row.rank]) for row in session.execute(wanted)]
    if not rows:
        return Found(0, False, [])
    _, words, best = rows[0]
    text = texts[words - 1]
    hits = [customer for customer, count, kind in rows if count == words and (kind == _HOLDS) == (best == _HOLDS)]
    hits = [customer for customer in hits if _reads_as(customer, text)]
    if not hits:
        return _by_text(session, scope, texts[: words - 1])
    named = [customer for customer in hits if folded[words - 1] in {fold(name) for name in _names(customer)}]
    return Found(words, len(named) == 1, named or hits)


_EQUAL, _BEGINS, _HOLDS = "%\n{}\n%", "%\n{}%", "%{}%"


def _names(customer: Customer) -> tuple[str, ...]:
    return (customer.code, customer.name, customer.short_name, *customer.aliases)


def _reads_as(customer: Customer, text: str) -> bool:
    """Folding forgets spaces, so `C01 9` looks like C019: words with digits count only where the name has that space."""
    later = text.split()[1:]
    if not any(char.isdigit() for word in later for char in word):
        return True
    return any(_spaced(text) in _spaced(name) for name in _names(customer))


def _spaced(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _by_sound_or_nearly(session: Session, scope: Scope, texts: list[str]) -> Found:
    """For what no customer is called: the same sound in other characters, then a typing error. Never for numbers."""
    for count in range(len(texts), 0, -1):
        if _chinese(texts[count - 1]) and len(fold(texts[count - 1])) > 1:
            found = _by_text(session, scope, [_pinyin(texts[count - 1])[0]])
            heard = [customer for customer in found.customers if _sounds_like(customer, texts[count - 1])]
            if heard:
                return Found(count, False, heard, fuzzy=True)
    queries = {count: _plain(fold(text)) for count, text in enumerate(texts, 1)}
    queries = {n: q for n, q in queries.items() if len(q) >= FUZZY_MIN and not any(char.isdigit() for char in q)}
    if not queries:
        return Found(0, False, [])
    from rapidfuzz import fuzz, process

    rows = session.execute(select(Customer.id, Customer.search).where(scope.customers())).all()  # type: ignore[call-overload]
    lines, owners = [], []
    for customer_id, search in rows:
        for line in search.split():
            lines.append(_plain(line))
            owners.append(customer_id)
    best: tuple[float, int, list[int]] = (0.0, 0, [])
    for count, query in queries.items():
        hits = process.extract(query, lines, scorer=fuzz.ratio, score_cutoff=FUZZY_CUTOFF, limit=LIMIT)
        if hits and (hits[0][1], count) > best[:2]:
            best = (hits[0][1], count, list(dict.fromkeys(owners[hit[2]] for hit in hits)))
    _, words, ids = best
    if not ids:
        return Found(0, False, [])
    loaded = {c.id: c for c in session.execute(select(Customer).where(col(Customer.id).in_(ids))).scalars()}
    return Found(words, False, [loaded[customer_id] for customer_id in ids], fuzzy=True)


def _sounds_like(customer: Customer, text: str) -> bool:
    """Syllable by syllable: 华信 (hua xin) is not the beginning of 华兴 (hua xing)."""
    from pypinyin import lazy_pinyin

    wanted = lazy_pinyin(fold(text))
    for name in _names(customer):
        heard = lazy_pinyin(fold(name))
        if any(heard[at : at + len(wanted)] == wanted for at in range(len(heard) - len(wanted) + 1)):
            return True
    return False


def _plain(folded: str) -> str:
    for suffix in _SUFFIXES:
        if folded.endswith(suffix) and len(folded) > len(suffix):
            return folded.removesuffix(suffix)
    return folded


def _chinese(text: str) -> bool:
    return any("\u3400" <= char <= "\u9fff" for char in text)


def sound(text: str) -> str:
    """Full pinyin, without tones."""
    return _pinyin(text)[0]


def _pinyin(text: str) -> list[str]:
    """Full pinyin and initials. The dictionary behind it loads in a tenth of a second: only when it is needed."""
    from pypinyin import Style, lazy_pinyin

    text = unicodedata.normalize("NFKC", text)
    return [fold("".join(lazy_pinyin(text))), fold("".join(lazy_pinyin(text, style=Style.FIRST_LETTER)))]
