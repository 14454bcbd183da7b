"""The rules of every column, made from the settings and the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy.actions import Action, strictest
from chatislav_source.privacy.hashing import Key, Kind
from chatislav_source.privacy.settings import SECTION, PrivacySettings
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.private.json_rule import JsonRule
from chatislav_source.records.private.text_rule import TextRule
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import (
    ANALYTICS,
    CONVERSATIONS,
    EXTRA,
    MESSAGES,
    Column,
    JsonPath,
    Table,
)

Rule = TextRule | JsonRule

OF_PEOPLE = (CONVERSATIONS, MESSAGES)
"""Tables with data of single people; `analytics` has totals."""

KINDS: Mapping[str, Kind] = {"contact__ip_address": "ip", "contact__phone_number": "phone"}
"""What a column holds; any other text is only a text."""

NEEDED = {"created_at", "last_activity"}
"""Columns by which rows are found and counted, apart from keys."""

RAW = "raw"  # of `rejected`


@dataclass(frozen=True)
class Policy:
    """By table and column, the rules of those columns that are not kept as they are."""

    settings: PrivacySettings
    rules: Mapping[str, Mapping[str, Rule]]

    def of(self, table: Table) -> Mapping[str, Rule]:
        """The rules of a table; none if its rows stay as they are."""
        return self.rules.get(table.name, {})

    def sealing(self, table: Table) -> Callable[[str], str]:
        """Makes the `_version` of a row of the table of the digest of what the API sent."""
        made_of = OF_PEOPLE if table in OF_PEOPLE else (table,)  # a conversation has its messages
        return self.settings.sealed if any(map(self.of, made_of)) else str


def policy_of(settings: PrivacySettings) -> Policy:
    """The rules of every table.

    Raises:
        ConfigurationError: there is no such column, or its action cannot be honoured.
    """
    given = dict(settings.columns)
    for name, action in given.items():
        _check(name, action)
    actions, key = settings.actions, settings.keys.key if settings.keys else None
    of_totals = (ANALYTICS, ANALYTICS_PERIODS)  # with the same columns, apart from keys
    rules = {table.name: _rules(table, actions, key) for table in (*OF_PEOPLE, *of_totals)}
    whole = _strictest_of_people(actions)
    if EXTRA.name not in given and whole != "keep":
        for table in OF_PEOPLE:
            rules[table.name][EXTRA.name] = _json_rule(table, EXTRA, whole, actions, key)
    if whole != "keep":
        # a rejected record may hold any of these values, and in any shape
        rules[REJECTED.name] = {RAW: TextRule("drop", None, None)}
    return Policy(settings, {name: each for name, each in rules.items() if each})


def _strictest_of_people(actions: Mapping[str, Action]) -> Action:
    names = {column.name for table in OF_PEOPLE for column in table.columns}
    return strictest(action for name, action in actions.items() if name.partition(".")[0] in names)


def _rules(table: Table, actions: Mapping[str, Action], key: Key | None) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for column in filter(is_settable, table.columns):
        action = actions.get(column.name, "keep")
        if column.data_type == "json":
            of_json = _json_rule(table, column, action, actions, key)
            if not of_json.is_keep:
                rules[column.name] = of_json
        elif action != "keep":
            rules[column.name] = TextRule(action, KINDS.get(column.name), key)
    return rules


def _json_rule(
    table: Table, column: Column, action: Action, actions: Mapping[str, Action], key: Key | None
) -> JsonRule:
    """The rule of a JSON column; values in it that are also columns have at least their action."""
    own: JsonPath = column.json_path or ()  # `extra` may hold any value of the table
    parts = {
        path[len(own) :]: actions[each.name]
        for path, each in table.json_paths.items()
        if path[: len(own)] == own and len(path) > len(own) and each.name in actions
    }
    if own:
        action = strictest([action, *parts.values()]) if column.name not in actions else action
    rule = JsonRule(action, key)
    for path, of_part in parts.items():
        rule = rule.at(path, strictest([action, of_part]))
    for name, of_path in actions.items():
        outer, *inner = name.split(".")
        if outer == column.name and inner:
            rule = rule.at(tuple(inner), of_path)
    return rule


def is_settable(column: Column) -> bool:
    """Whether another action than `keep` may be given for a column."""
    has_value = column.json_path is not None or column.name == EXTRA.name
    return has_value and not column.key and column.name not in NEEDED


def _columns(name: str) -> list[Column]:
    """The columns of this name, of all tables that have settings."""
    tables = (*OF_PEOPLE, ANALYTICS)
    return [column for table in tables for column in table.columns if column.name == name]


def _check(name: str, action: Action) -> None:
    """Check that the action can be honoured for a column or key path.

    Raises:
        ConfigurationError: it cannot, or there is no such column.
    """
    column, _, path = name.partition(".")
    found = _columns(column)
    if not found:
        raise ConfigurationError(f"columns of {SECTION} has {column!r}; {_choices()}")
    settable = list(filter(is_settable, found))
    if not settable and action != "keep":
        raise ConfigurationError(
            f"columns of {SECTION} has {name!r}, by which rows are found and merged, or which "
            f"holds nothing of a person; {_choices()}"
        )
    if path and any(each.data_type != "json" for each in settable):
        raise ConfigurationError(f"{name!r} in {SECTION}: {column} is no JSON column.")
    possible = _possible(settable)
    if action not in possible:
        raise ConfigurationError(
            f"columns of {SECTION} cannot {action} {name}; choose from {', '.join(possible)}."
        )


def _possible(columns: Iterable[Column]) -> list[Action]:
    """The actions that can be honoured for all of these columns."""
    actions: list[Action] = ["keep"]
    kinds = {each.data_type for each in columns}
    if kinds <= {"text", "json"} and kinds:
        actions += ["scrub", "hash"]
        if all(each.data_type == "json" or each.name in KINDS for each in columns):
            actions.append("mask")
    return [*actions, "drop"]


def _choices() -> str:
    tables = (*OF_PEOPLE, ANALYTICS)
    names = {c.name for table in tables for c in table.columns if is_settable(c) and _is_text(c)}
    return f"choose from {', '.join(sorted(names))}."


def _is_text(column: Column) -> bool:
    return column.data_type in ("text", "json")
