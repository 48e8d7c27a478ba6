"""What is written as JSON is read again as the same, however odd it is."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.jsontext import encode

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


class State(StrEnum):
    open = "open"


@dataclass
class Thing:
    x: int


@given(VALUES)
def test_it_is_read_as_it_was(value: object) -> None:
    assert json.loads(encode(value)) == value


def test_integers_of_any_length_stay_whole() -> None:
    for number in (2**53 + 1, 2**64, -(2**70), 10**40):
        assert json.loads(encode({"extra": number})) == {"extra": number}


def test_half_of_a_pair_of_surrogates_and_a_zero_byte_are_kept() -> None:
    for odd in ("\ud800", "a\udfffb", "\x00", "\u2028", "😀", "‮沪"):
        assert json.loads(encode([odd])) == [odd]


def test_keys_and_enums_are_as_the_standard_library_writes_them() -> None:
    assert json.loads(encode({1: State.open, State.open: 2})) == {"1": "open", "open": 2}


@pytest.mark.parametrize("odd", [Decimal("1.5"), date(2026, 7, 1), datetime(2026, 7, 1, tzinfo=UTC), Thing(1), {1, 2}])
def test_what_is_no_json_is_refused(odd: object) -> None:
    """Money as a Decimal, say: quietly written as something else, it would be read as that."""
    with pytest.raises(TypeError):
        encode({"value": odd})


def test_what_somebody_knows_how_to_write_is_asked_for() -> None:
    days = {"due": date(2028, 2, 29), "at": datetime(2026, 7, 1, 9, tzinfo=UTC), "much": 2**70}
    written = encode(days, lambda value: value.isoformat())
    assert json.loads(written) == {"due": "2028-02-29", "at": "2026-07-01T09:00:00+00:00", "much": 2**70}


def test_depth_beyond_reason_is_an_error_and_no_crash() -> None:
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    assert json.loads(encode(deep)) == deep
