"""`KeySet` behaves as Python's set, and takes a fifth of its memory."""

from __future__ import annotations

import sys
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.streams.key_set import SLOTS, KeySet

# few values, so that they repeat, and some that belong into the same slot
hashes = st.integers(-3, 3).map(lambda number: number * SLOTS).map(hash) | st.text().map(hash)


@given(st.lists(st.lists(hashes)))
def test_keys_are_counted_and_kept_once_like_in_a_set(pages: list[list[int]]) -> None:
    keys, expected = KeySet(), set[int]()

    for page in pages:
        new = set(page) - expected
        expected |= new
        assert keys.add(page) == len(new)

    assert len(keys) == len(expected)
    assert sorted(keys) == sorted(expected)
    assert all(key in keys for key in expected)
    assert not any(key in keys for key in {*map(hash, range(-3, 3)), -1} - expected)


def test_more_keys_than_slots_are_kept() -> None:
    given_keys = [hash(str(number)) for number in range(10 * SLOTS)]
    keys = KeySet()

    assert keys.add(given_keys[: 3 * SLOTS]) == 3 * SLOTS
    assert keys.add(given_keys) == 7 * SLOTS

    assert keys.add(given_keys) == 0
    assert sorted(keys) == sorted(given_keys)


def test_a_hash_of_an_empty_text_is_a_key_like_any_other() -> None:
    keys = KeySet()

    assert hash("") == 0
    assert keys.add([0]) == 1
    assert keys.add([0]) == 0
    assert list(keys) == [0]


def test_a_key_takes_at_most_24_bytes() -> None:
    pages = 1_000
    tracemalloc.start()
    keys = KeySet()

    for page in range(pages):
        keys.add([hash(f"{page} {number}") for number in range(100)])

    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(keys) <= 24
    assert sys.getsizeof(set(keys)) / len(keys) > 24  # without the integers of a set
