"""Derives msgspec types for the API's objects from the columns of a table, and makes Arrow arrays.

A field of a type has the name of its column; an object without a column has the name that
`attribute_of` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import accumulate
from operator import attrgetter
from typing import Any

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from msgspec import Raw, Struct

from chatislav_source.records.columns import instants
from chatislav_source.records.json_decoder import EXTREME_NUMBER, has_repeated_name
from chatislav_source.records.rejected.page_text import may_be_too_deep
from chatislav_source.records.schema import ARROW_TYPES, Column, DataType, JsonPath

NULL = Raw(b"null")

JSON_TYPES: dict[DataType, Any] = {
    "bigint": int | None,
    "text": str | None,
    "timestamp": str | None,
    "bool": bool | None,
    "json": Raw,  # the raw bytes
    "double": int | float | None,
}
"""The JSON type that is decoded for a column's type; no JSON value becomes a date."""


def struct_of(
    columns: dict[JsonPath, Column],
    path: JsonPath = (),
    model: type[Struct] = Struct,
    accepts_unknown: bool = False,
) -> type[Struct]:
    """The type of the object at `path`, with the fields of `model` and those that have a column.

    Other fields are refused, unless `accepts_unknown`. Only fields of `model` are required. The
    fields have the order of the columns, which is the API's, as msgspec finds the next field
    fastest; a subclass of `model` would have the fields of `model` first.
    """
    given = {each.encode_name: each for each in msgspec.structs.fields(model)}
    names = [each[len(path)] for each in columns if _is_inside(each, path)]
    fields: list[tuple[str, Any, Any]] = []
    for name in dict.fromkeys([*names, *given]):
        inner = (*path, name)
        if name in given:
            field = msgspec.field(name=name, default=given[name].default)
            fields.append((given[name].name, given[name].type, field))
        elif column := columns.get(inner):
            absent = NULL if column.data_type == "json" else None
            field = msgspec.field(name=name, default=absent)
            fields.append((column.name, JSON_TYPES[column.data_type], field))
        else:
            nested = struct_of(columns, inner, accepts_unknown=accepts_unknown)
            field = msgspec.field(name=name, default=None)
            fields.append((attribute_of(inner), nested | None, field))
    return msgspec.defstruct(
        "_".join(("Api", *path)),
        fields,
        kw_only=True,
        forbid_unknown_fields=not accepts_unknown,
        gc=False,
    )


def attribute_of(path: JsonPath) -> str:
    """Name of the field that holds the object at `path`."""
    return "object_" + "_".join(path)


def _is_inside(path: JsonPath, outer: JsonPath) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


@dataclass(frozen=True)
class NestedObject:
    """An object that contains values of columns, and how it is decoded.

    `attribute` is its name in the enclosing object. `decoder` decodes its raw JSON if the whole
    object is a column too; None if it is decoded already.
    """

    path: JsonPath
    attribute: str
    absent: Struct
    decoder: msgspec.json.Decoder[Any] | None

    def of(self, parents: Sequence[Any]) -> list[Any]:
        """The object of each of `parents`; `absent` if it is null or missing.

        Raises:
            msgspec.MsgspecError: one is not as documented.
        """
        found = map(attrgetter(self.attribute), parents)
        if self.decoder:
            found = self.decoder.decode(b"[" + b",".join(found) + b"]")
        return [each or self.absent for each in found]


def nested_objects(columns: dict[JsonPath, Column]) -> list[NestedObject]:
    """The nested objects, each after the object that contains it."""
    paths = {each[:depth] for each in columns for depth in range(1, len(each))}
    return [_nested_object(columns, path) for path in sorted(paths, key=len)]


def _nested_object(columns: dict[JsonPath, Column], path: JsonPath) -> NestedObject:
    struct = struct_of(columns, path, accepts_unknown=True)
    column = columns.get(path)
    decoder = msgspec.json.Decoder(list[struct | None]) if column else None  # type: ignore[valid-type]
    return NestedObject(path, column.name if column else attribute_of(path), struct(), decoder)


class ObjectColumns:
    """Makes the Arrow arrays of `columns` from decoded objects of `struct_of(columns)`."""

    def __init__(self, columns: dict[JsonPath, Column]) -> None:
        self._columns = columns
        self._nested = nested_objects(columns)

    def arrays(self, objects: Sequence[Struct]) -> dict[str, pa.Array]:
        """By column name, the values of all objects, in order.

        Raises:
            msgspec.MsgspecError, ValueError, OverflowError: a value does not fit its column.
        """
        by_path: dict[JsonPath, Sequence[Any]] = {(): objects}
        for nested in self._nested:
            by_path[nested.path] = nested.of(by_path[nested.path[:-1]])
        return {
            column.name: array_of(
                list(map(attrgetter(column.name), by_path[path[:-1]])), column.data_type
            )
            for path, column in self._columns.items()
        }


def array_of(values: list[Any], data_type: DataType) -> pa.Array:
    """The Arrow array of decoded values, which have the type in `JSON_TYPES`.

    Raises:
        ValueError, OverflowError: a value does not fit its column.
    """
    if data_type == "json":
        return _json_array(values)
    if data_type == "timestamp":
        return instants(pa.array(values, pa.string()), UTC)
    return pa.array(values, ARROW_TYPES[data_type])


def _json_array(values: list[Raw]) -> pa.Array:
    """The raw JSON texts, each on one line; the decoder has refused unstorable characters."""
    joined = b"".join(values)
    if b"\n" in joined:
        raise ValueError("more than one line")  # JSON lines cannot contain a line break
    _check(list(set(map(bytes, values))))  # most are the same, as forms are empty
    ends = pa.array(list(accumulate(map(len, values), initial=0)), pa.int32())
    texts = pa.StringArray.from_buffers(len(values), ends.buffers()[1], pa.py_buffer(joined))
    return pc.if_else(pc.equal(texts, "null"), None, texts)


def _check(texts: list[bytes]) -> None:
    """Refuse what some warehouses do: extreme numbers and depths, and names that come twice."""
    if any(map(may_be_too_deep, texts)):
        raise ValueError("nested too deep")
    lines = b"\n".join(texts)
    if EXTREME_NUMBER.search(lines):
        raise ValueError("a number that a warehouse may not hold")
    if b":" in lines and has_repeated_name(orjson.loads(b"[" + b",".join(texts) + b"]"), lines):
        raise ValueError("a name that comes twice")
