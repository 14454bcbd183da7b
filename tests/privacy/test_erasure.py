"""Who was erased is recognised in any spelling, raw or hashed, and nobody else."""

from __future__ import annotations

import pytest

from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.erasure import EVERY_BOT, SESSION, Erased, Identity, texts_in
from chatislav_source.privacy.hashing import Key, Keys, Kind

OLD, NEW = Key(b"o" * 32), Key(b"n" * 32)
KEYS = Keys(NEW, OLD)
HASHED = Keys(OLD).hashes("phone", "+381601234567")[0]


@pytest.mark.parametrize("given", ["060/123-4567", HASHED, *KEYS.hashes("phone", "0601234567")])
@pytest.mark.parametrize("stored", ["+381601234567", "00381 60 1234567"])
def test_a_phone_number_is_recognised_in_any_spelling_by_value_and_by_hash(
    given: str, stored: str
) -> None:
    erased = Erased.of(KEYS, [Identity("phone", given)])

    assert erased.has("phone", stored)
    assert erased.has_any(["Ana", f" {stored} "])
    assert not erased.has("phone", "+381601234568")
    assert not erased.has_any(["Call 060/123-4567 now", "Ana", ""])
    assert not erased.has_session(101, stored)


def test_a_hash_in_a_table_is_recognised_if_it_is_of_either_key() -> None:
    erased = Erased.of(KEYS, [Identity("phone", "0601234567")])

    assert all(erased.has("phone", each) for each in KEYS.hashes("phone", "+381601234567"))


@pytest.mark.parametrize(
    ("kind", "given", "stored"),
    [("email", "Ana@Example.com", "ana@example.COM"), ("ip", "2001:db8::1", "2001:DB8:0:0::1")],
)
def test_values_in_documents_are_recognised_whatever_their_type(
    kind: Kind, given: str, stored: str
) -> None:
    erased = Erased.of(KEYS, [Identity(kind, given)])

    for document in ([{"a": [1, {"b": stored}]}], f'{{"a": "{stored}"}}', f'{{"a": "{stored}", no'):
        assert erased.has_any(texts_in(document))
    assert not erased.has_any(texts_in({stored: [None, True, 1.5]}))


def test_a_conversation_of_one_bot_is_not_that_of_another() -> None:
    (value_hash,) = Keys(NEW).hashes(SESSION, "s-1")
    erased = Erased.stored(Keys(NEW), [(SESSION, 101, value_hash)])

    assert erased is not None
    assert (erased.has_session(101, "s-1"), erased.has_session(102, "s-1")) == (True, False)
    assert not erased.kinds


def test_hashes_of_an_unknown_key_are_refused_and_none_at_all_need_no_key() -> None:
    stored = [("phone", EVERY_BOT, HASHED)]

    assert Erased.stored(None, []) is None
    assert Erased.stored(KEYS, stored) is not None
    for keys in (None, Keys(NEW)):
        with pytest.raises(ConfigurationError, match=f"privacy key {OLD.id}"):
            Erased.stored(keys, stored)
