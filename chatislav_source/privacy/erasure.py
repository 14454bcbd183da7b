"""Who was erased: keyed hashes, and what matches them.

A person is a phone number, an e-mail address or an IP address; a conversation is a session id. A
value matches in any spelling, and also where a table holds only its hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson

from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.hashing import EMAIL, HASH, PHONE, Keys, Kind, canonical_ip

SESSION: Kind = "session_id"
PERSON_KINDS: tuple[Kind, ...] = ("phone", "email", "ip")
EVERY_BOT = 0
"""In the place of a bot: what was erased is of no single bot."""

QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
NO_KEY = (
    "{what} needs key in [sources.chatislav.privacy]: the table forgotten has keyed hashes only. "
)
NEW_KEY = (
    "Make one with `openssl rand -hex 32`, set it as SOURCES__CHATISLAV__PRIVACY__KEY or in "
    ".dlt/secrets.toml, wherever a sync runs, and keep it: without it nobody erased can be "
    "recognised."
)
LOST_KEY = (
    "The table forgotten has hashes of the privacy key {ids}, which is not configured. Without it "
    "the erased could not be recognised, and would be loaded again. Set the key that was used by "
    "`chatislav forget` as key or previous_key of [sources.chatislav.privacy]."
)


@dataclass(frozen=True)
class Identity:
    """What identifies a person or a conversation; `value` may be a keyed hash already."""

    kind: Kind
    value: str = field(repr=False)  # personal data


@dataclass(frozen=True)
class Erased:
    """Hashes of what was erased, as (kind, bot, hash), and the keys to recognise it with."""

    keys: Keys
    hashes: frozenset[tuple[str, int, str]]

    @classmethod
    def stored(cls, keys: Keys | None, hashes: Iterable[tuple[str, int, str]]) -> Erased | None:
        """Those of the table `forgotten`; None if it has none.

        Raises:
            ConfigurationError: a key is missing, so that they could not be recognised.
        """
        found = frozenset(hashes)
        if not found:
            return None
        if keys is None:
            raise ConfigurationError(LOST_KEY.format(ids=_ids(found)))
        known = {key.id for key in keys.known}
        unknown = {each for each in found if _key_id(each[2]) not in known}
        if unknown:
            raise ConfigurationError(LOST_KEY.format(ids=_ids(unknown)))
        return cls(keys, found)

    @classmethod
    def of(cls, keys: Keys, identities: Iterable[Identity]) -> Erased:
        """Those of identities that a user gives, in every hash that tables may hold."""
        return cls(
            keys,
            frozenset(
                (each.kind, EVERY_BOT, found) for each in identities for found in _all(keys, each)
            ),
        )

    @cached_property
    def kinds(self) -> frozenset[str]:
        """The kinds of persons that were erased; sessions are no persons."""
        return frozenset(kind for kind, _, _ in self.hashes if kind != SESSION)

    def has_session(self, bot_id: int, session_id: str) -> bool:
        """Whether a conversation was erased by its session id."""
        return self._has(SESSION, session_id, (EVERY_BOT, bot_id))

    def has(self, kind: Kind, text: str | None) -> bool:
        """Whether a value is of an erased person."""
        return text is not None and kind in self.kinds and self._has(kind, text, (EVERY_BOT,))

    def has_any(self, values: Iterable[str]) -> bool:
        """Whether one of these texts, of unknown meaning, is a value of an erased person."""
        return any(self._is_value(text) for text in values)

    def _is_value(self, text: str) -> bool:
        stripped = text.strip()
        if HASH.fullmatch(stripped):
            return any(self.has(kind, stripped) for kind in PERSON_KINDS)
        looks = {
            "email": EMAIL.fullmatch(stripped),
            "phone": PHONE.fullmatch(stripped),
            "ip": canonical_ip(stripped),
        }
        return any(looks[kind] and self.has(kind, stripped) for kind in PERSON_KINDS)

    def _has(self, kind: Kind, text: str, bots: Sequence[int]) -> bool:
        found = (text,) if HASH.fullmatch(text) else self.keys.hashes(kind, text)
        return any((kind, bot_id, each) in self.hashes for bot_id in bots for each in found)


def stored_hash(keys: Keys, identity: Identity) -> str:
    """The hash of an identity for the table `forgotten`: by the newest key, if it is no hash."""
    return _all(keys, identity)[0]


def _all(keys: Keys, identity: Identity) -> tuple[str, ...]:
    text = identity.value.strip()
    return (text,) if HASH.fullmatch(text) else keys.hashes(identity.kind, text)


def required(keys: Keys | None) -> Keys:
    """The keys.

    Raises:
        ConfigurationError: there are none.
    """
    if keys is None:
        raise ConfigurationError(NO_KEY.format(what="`chatislav forget`") + NEW_KEY)
    return keys


def texts_in(document: Any) -> Iterator[str]:
    """The texts and whole numbers of a JSON value, or of its text, without the names of fields.

    Of a text that is no JSON, such as a record that cannot be read, what stands in quotation marks.
    """
    value = _decoded(document)
    if isinstance(value, str):
        yield from (value, *QUOTED.findall(value))
        return
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, dict | list):
            waiting += each.values() if isinstance(each, dict) else each
        elif isinstance(each, str | int) and not isinstance(each, bool):
            yield str(each)


def _decoded(document: Any) -> Any:
    if not isinstance(document, bytes | str):
        return document
    try:
        return orjson.loads(document)
    except ValueError:
        return str(document)


def _key_id(keyed_hash: str) -> str:
    return keyed_hash.removeprefix("h").partition("_")[0]


def _ids(hashes: Iterable[tuple[str, int, str]]) -> str:
    return ", ".join(sorted({_key_id(each) for _, _, each in hashes}))
