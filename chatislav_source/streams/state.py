"""The format of a stored state, for both streams: fields, versions, and checks before use.

A state is a plain dict of JSON values, changed by pure functions into new dicts. A new field needs
a line in the stream's `StateFormat`, and a migration that sets its default in older states.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

logger = logging.getLogger(__name__)

State = dict[str, Any]
"""The state of one partition, as JSON values."""

Migration = Callable[[State], State]
"""Converts a state to the next version."""

Check = Callable[[Any], object]
"""Raises AttributeError, TypeError or ValueError for a value that a field cannot have."""


@dataclass(frozen=True)
class Field:
    """One field of a state."""

    default: Any
    check: Check
    description: str


@dataclass(frozen=True)
class StateFormat:
    """The fields and migrations of one stream's state.

    `migrations[0]` converts version 1 to version 2, and so on; the last one returns the
    current version.
    """

    fields: dict[str, Field]
    migrations: tuple[Migration, ...]

    @property
    def version(self) -> int:
        """The current version."""
        return len(self.migrations) + 1

    def fresh(self, bot_id: int, api: str) -> State:
        """The state of a bot that was never read from the API at `api`."""
        defaults = {name: deepcopy(field.default) for name, field in self.fields.items()}
        return {"version": self.version, "bot_id": bot_id, "api": api, **defaults}

    def restored(
        self, stored: Any, bot_id: int, api: str, range_problem: Callable[[State], str | None]
    ) -> tuple[State, str | None]:
        """`stored` in the current version; or a fresh state, and why `stored` is not used.

        Fields that this version does not know are kept. `range_problem` gets a well-formed state
        and returns which of its values is impossible, or None.
        """
        fresh = self.fresh(bot_id, api)
        if stored is None:
            return fresh, None
        try:
            known = self._migrated(stored)
            problem = self._problem(known, bot_id, api) or range_problem(known)
        except (AttributeError, KeyError, TypeError) as error:
            problem = f"it is damaged ({type(error).__name__})"
        except ValueError as error:
            problem = str(error)
        return (fresh, problem) if problem else (known, None)

    def _migrated(self, stored: State) -> State:
        version = stored["version"]
        if type(version) is not int or not 1 <= version <= self.version:
            raise ValueError(f"it is of version {version!r}, this is version {self.version}")
        state = dict(stored)
        for migration in self.migrations[version - 1 :]:
            state = migration(state)
        return {**state, "version": self.version}

    def _problem(self, state: State, bot_id: int, api: str) -> str | None:
        if state["bot_id"] != bot_id:
            return f"it is of another bot, {state['bot_id']!r}"
        if state["api"] != api:
            return f"it is of another API, {state['api']!r}"
        record(**{name: field.check for name, field in self.fields.items()})(state)
        return None


def without_fields(*names: str) -> Migration:
    """The migration that removes these fields."""
    return lambda state: {name: value for name, value in state.items() if name not in names}


without_seal = without_fields("seal")
"""Converts version 1 to 2, in both streams: removes the hash over the whole state."""


def record(**checks: Check) -> Check:
    """A check of a dict that has at least these fields; the error names the field."""

    def check(value: Any) -> None:
        for name, check_field in checks.items():
            try:
                check_field(value[name])
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise ValueError(f"its field {name!r} is damaged or missing") from error

    return check


def optional(check: Check) -> Check:
    """A check of a value that may be null."""
    return lambda value: None if value is None else check(value)


def list_of(check: Check) -> Check:
    """A check of a list and each of its items."""

    def check_list(value: Any) -> None:
        of_type(list)(value)
        for item in value:
            check(item)

    return check_list


def dict_of(check_key: Check, check_value: Check) -> Check:
    """A check of a dict, each of its keys and each of its values."""

    def check_dict(value: Any) -> None:
        of_type(dict)(value)
        for key, item in value.items():
            check_key(key)
            check_value(item)

    return check_dict


def of_type(*types: type) -> Check:
    """A check of a value's type; a boolean is not a number."""

    def check(value: Any) -> None:
        if not isinstance(value, types) or isinstance(value, bool):
            raise TypeError(f"it is {type(value).__name__}")

    return check


def one_of(*values: str) -> Check:
    """A check that the value is one of `values`."""

    def check(value: Any) -> None:
        if value not in values:
            raise ValueError(f"{value!r} is not one of {values}")

    return check


def warn_unused(problem: str | None, bot_id: int) -> None:
    """Log why a stored state is not used, if there is a reason."""
    if problem:
        logger.warning(
            "Bot %s: the stored state is not used, because %s. Everything is read again.",
            bot_id,
            problem,
        )
