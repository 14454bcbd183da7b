"""Finds the fields of an object that have no column."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from chatislav_source.records.json_decoder import Row
from chatislav_source.records.schema import Table


@dataclass(frozen=True)
class KnownFields:
    """`names` are fields of an object with a column; `nested` are objects without one."""

    names: frozenset[str]
    nested: dict[str, KnownFields]

    def unknown_in(self, value: Row) -> Row | None:
        """The fields of `value` without a column, under the API's names; None if there are none."""
        found: Row = {}
        if not self.names.issuperset(value):
            found = {name: value[name] for name in value if name not in self.names}
        for name, fields in self.nested.items():
            inner = value.get(name)
            if isinstance(inner, dict):
                inner = fields.unknown_in(inner)
            if inner is not None:
                found[name] = inner
        return found or None


def known_fields(table: Table, others: Iterable[str] = ()) -> KnownFields:
    """The fields that have a column of `table`, and `others`, which are stored elsewhere."""
    paths = [path for path in table.json_paths if not table.is_part_of_json(path)]
    known = _fields_at(paths, 0)
    return KnownFields(known.names.union(others), known.nested)


def _fields_at(paths: list[tuple[str, ...]], depth: int) -> KnownFields:
    """The fields of the object at the prefix of length `depth` that all `paths` share."""
    objects = dict.fromkeys(path[depth] for path in paths if len(path) > depth + 1)
    nested = {
        name: _fields_at([path for path in paths if path[depth] == name], depth + 1)
        for name in objects
    }
    return KnownFields(frozenset(path[depth] for path in paths), nested)
