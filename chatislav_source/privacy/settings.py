"""The settings under `[sources.chatislav.privacy]`, checked as far as no table is needed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypedDict

from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.actions import ACTIONS, PROFILES, Action
from chatislav_source.privacy.hashing import Keys, keys_of

SECTION = "[sources.chatislav.privacy]"
VERSION_MESSAGE = b"chatislav row version"
DIGEST_DIGITS = 16  # hex digits of a `_version` before the id of the settings
ID_DIGITS = 8  # hex digits; tells settings apart

RULES_VERSION = 1
"""Raise it when a change of code makes another text of the same value and action."""


class PrivacyArguments(TypedDict, total=False):
    """The settings as a user gives them; all are optional.

    `profile` chooses an action for each column, `columns` replaces it by column or by key path of
    a JSON column. `key` is the secret of hashes, `previous_key` the one before it.
    """

    profile: str | None
    columns: dict[str, Any] | None
    key: str | None
    previous_key: str | None


PRIVACY_SECRETS = frozenset({"key", "previous_key"})
"""Settings that dlt must treat as secrets."""


@dataclass(frozen=True)
class PrivacySettings:
    """The checked settings. `columns` are those given, by name or key path, over the profile.

    `secret` makes digests of original values useless to those who lack it.
    """

    profile: str = "keep"
    columns: tuple[tuple[str, Action], ...] = ()
    keys: Keys | None = None
    secret: bytes = field(default=b"", repr=False)

    @property
    def actions(self) -> dict[str, Action]:
        """By column or key path, the action; what is not named is kept."""
        return {**PROFILES[self.profile], **dict(self.columns)}

    @cached_property
    def id(self) -> str:
        """Hex digits that tell these settings from others; empty if everything is kept."""
        actions = {name: action for name, action in self.actions.items() if action != "keep"}
        if not actions:
            return ""
        key_id = self.keys.key.id if self.keys and "hash" in actions.values() else ""
        described = repr((RULES_VERSION, sorted(actions.items()), key_id)).encode()
        return hashlib.sha256(described).hexdigest()[:ID_DIGITS]

    def sealed(self, version: str) -> str:
        """The `_version` of a row of which a column is not kept: a digest, and the `id` after it.

        `version` is a digest of the original values, with which a phone number could be tried out
        if the rest of the row is known; so the result is keyed.
        """
        digest = hashlib.blake2b(
            version.encode(), digest_size=DIGEST_DIGITS // 2, key=self.secret
        ).hexdigest()
        return digest + self.id


def checked_settings(value: Any, api_key: str) -> PrivacySettings:
    """The settings of a configured value, None or a mapping like `PrivacyArguments`.

    `api_key` keys the digests where there is no other key.

    Raises:
        ConfigurationError: a setting, profile or action is unknown, or a key is too short or
            missing; no value of a key is shown.
    """
    refuse_unknown(value)
    given = value or {}
    keys = keys_of(given.get("key"), given.get("previous_key"))
    columns = tuple(sorted(_columns(given.get("columns"))))
    settings = PrivacySettings(_profile(given.get("profile")), columns, keys)
    if keys is None and "hash" in settings.actions.values():
        raise ConfigurationError(_missing_key(settings))
    secret = keys.key.secret if keys else api_key.encode()
    digest = hmac.digest(secret, VERSION_MESSAGE, "sha256")
    return PrivacySettings(settings.profile, settings.columns, keys, digest)


def refuse_unknown(value: Any) -> None:
    """Check the names of the settings in a configured value.

    Raises:
        ConfigurationError: it is no mapping, or one is unknown.
    """
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"privacy is a {type(value).__name__}; give a profile, columns and a key, as a dict or "
            f"under {SECTION}."
        )
    known = PrivacyArguments.__annotations__
    unknown = sorted(map(str, set(value) - set(known)))
    if unknown:
        raise ConfigurationError(
            f"{SECTION} has no setting {', '.join(unknown)}; choose from {', '.join(known)}."
        )


def _profile(value: Any) -> str:
    name = "keep" if value is None else value
    if not isinstance(name, str) or name not in PROFILES:
        raise ConfigurationError(
            f"profile of {SECTION} is {value!r}; choose from {', '.join(PROFILES)}."
        )
    return name


def _columns(value: Any, path: str = "") -> Iterator[tuple[str, Action]]:
    """The columns and key paths in a configured value; tables in it are the key paths."""
    if value is None:
        return
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"columns of {SECTION} is a {type(value).__name__}; write it as "
            '{ contact__ip_address = "mask", user_form = "drop" }.'
        )
    for key, action in value.items():
        name = f"{path}{key}"
        if isinstance(action, Mapping):
            yield from _columns(action, f"{name}.")
        elif isinstance(action, str) and action in ACTIONS:
            yield name, next(each for each in ACTIONS if each == action)
        else:
            raise ConfigurationError(
                f"The action of column {name} in {SECTION} is {action!r}; choose from "
                f"{', '.join(ACTIONS)}."
            )


def _missing_key(settings: PrivacySettings) -> str:
    hashed = ", ".join(name for name, action in settings.actions.items() if action == "hash")
    return (
        f"{SECTION} hashes {hashed}, but has no key. Make one with `openssl rand -hex 32`, and set "
        "it as SOURCES__CHATISLAV__PRIVACY__KEY or as key under that section of .dlt/secrets.toml."
    )
