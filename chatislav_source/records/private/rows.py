"""Applies the rules to Arrow tables, column by column."""

from __future__ import annotations

import pyarrow as pa

from chatislav_source.records.private.json_rule import JsonRule
from chatislav_source.records.private.policy import Policy, Rule
from chatislav_source.records.private.text_rule import each_once
from chatislav_source.records.schema import CONVERSATIONS, VERSION, Table


def private(policy: Policy, table: Table, rows: pa.Table) -> pa.Table:
    """The rows after the actions for their columns; their `_version` is sealed where it is not."""
    for name, rule in policy.of(table).items():
        rows = _with(rows, name, _applied(rule, rows[name].combine_chunks()))
    sealed = policy.sealing(table)
    if table is CONVERSATIONS and sealed is not str:  # other tables are compared before, so sealed
        rows = _with(rows, VERSION.name, each_once(rows[VERSION.name].combine_chunks(), sealed))
    return rows


def _applied(rule: Rule, values: pa.Array) -> pa.Array:
    if isinstance(rule, JsonRule):
        return each_once(values, rule.text)
    return pa.nulls(len(values), values.type) if rule.action == "drop" else rule.array(values)


def _with(rows: pa.Table, name: str, values: pa.Array) -> pa.Table:
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(place), values)
