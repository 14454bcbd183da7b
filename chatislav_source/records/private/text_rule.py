"""What is done with the values of a text column."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.privacy.actions import Action
from chatislav_source.privacy.hashing import Key, Kind, keyed_hash, kind_of, normalised
from chatislav_source.privacy.masking import masked, masked_ip, masked_phone
from chatislav_source.privacy.scrubbing import MAY_HOLD, scrubbed


@dataclass(frozen=True)
class TextRule:
    """The action for texts; `kind` is what they are, None if each may be something else."""

    action: Action
    kind: Kind | None
    key: Key | None

    @cached_property
    def value(self) -> Callable[[str], str | None]:
        """The text after the action, None if nothing is left."""
        of: dict[Action, Callable[[str], str | None]] = {
            "keep": str,
            "scrub": scrubbed,
            "mask": self._masked,
            "hash": self._hashed,
            "drop": lambda _: None,
        }
        return of[self.action]

    def _masked(self, text: str) -> str | None:
        if self.kind == "ip":
            return masked_ip(text)
        return masked_phone(text) if self.kind == "phone" else masked(text)

    def _hashed(self, text: str) -> str:
        if self.key is None:
            raise ValueError("a rule that hashes has a key")
        return keyed_hash(self.key, normalised(self.kind or kind_of(text), text))

    def array(self, texts: pa.Array) -> pa.Array:
        """The texts after the action; each different text is handled once."""
        if self.action == "drop":
            return pa.nulls(len(texts), texts.type)
        if self.action == "scrub":
            return self._scrubbed(texts)
        return each_once(texts, self.value)

    def _scrubbed(self, texts: pa.Array) -> pa.Array:
        """The texts scrubbed; Arrow finds the few that need it."""
        needs_it = pc.fill_null(pc.match_substring_regex(texts, MAY_HOLD), False)
        if not pc.any(needs_it).as_py():
            return texts
        return pc.replace_with_mask(texts, needs_it, each_once(texts.filter(needs_it), self.value))


def each_once(texts: pa.Array, of: Callable[[str], str | None]) -> pa.Array:
    """The texts after `of`, which is called once for each different text; null stays null."""
    encoded = texts.dictionary_encode()
    done = pa.array([of(text) for text in encoded.dictionary.to_pylist()], texts.type)
    return done.take(encoded.indices)
