"""Converts JSON values to Arrow columns; values that do not fit their column are returned apart.

Fast conversion passes a whole column to Arrow. If Arrow refuses it, each value is coerced alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from chatislav_source.records.schema import ARROW_TYPES, DataType

UnrepresentableValues = dict[int, Any]
"""Row number → the value that did not fit the column."""

NAIVE_EPOCH = datetime(1970, 1, 1)
EPOCH = NAIVE_EPOCH.replace(tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
FIRST_MICROSECOND = -62_135_596_800_000_000  # since 1970; Arrow reaches further than Python
LAST_MICROSECOND = 253_402_300_799_999_999


class Unrepresentable:
    """The type of `UNREPRESENTABLE`, which stands for a value that its column cannot represent."""


UNREPRESENTABLE = Unrepresentable()


def json_text(value: Any) -> str | None:
    """`value` as compact JSON, None for None; integers of any size keep all digits."""
    if value is None:
        return None
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def column_array(
    values: Sequence[Any], data_type: DataType, zone: tzinfo
) -> tuple[pa.Array, UnrepresentableValues]:
    """The values as an Arrow array of `data_type`, and those it cannot represent, null there.

    Timestamps without an offset are read in `zone`.
    """
    if data_type == "json":
        return pa.array([json_text(value) for value in values], pa.string()), {}
    try:
        return _fast_array(values, data_type, zone), {}
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return _coerced_array(values, data_type, zone)


def _fast_array(values: Sequence[Any], data_type: DataType, zone: tzinfo) -> pa.Array:
    if data_type == "timestamp":
        return instants(pa.array(values, pa.string()), zone)
    if data_type in ("bigint", "double"):
        # with a given type, Arrow converts 1.5 and True to 1; so it infers the type
        found = pa.array(values)
        if data_type == "double" and bool in map(type, values):
            raise pa.ArrowInvalid("among floats, Arrow converts True to 1.0")
        if not (
            pa.types.is_null(found.type)
            or pa.types.is_integer(found.type)
            or (data_type == "double" and pa.types.is_floating(found.type))
        ):
            raise pa.ArrowInvalid(f"{found.type} in a {data_type} column")
        return found.cast(ARROW_TYPES[data_type])
    return pa.array(values, ARROW_TYPES[data_type])


def instants(texts: pa.Array, zone: tzinfo) -> pa.Array:
    """ISO texts as instants in UTC; those without an offset are read in `zone`.

    Raises:
        pa.ArrowInvalid: a text is no instant, or only some have an offset.
    """
    if zone is UTC:
        try:
            naive = pc.cast(texts, pa.timestamp("us"))
            return _in_range(naive.view(ARROW_TYPES["timestamp"]))  # UTC needs no conversion
        except pa.ArrowInvalid:
            pass  # at least one has an offset; perhaps all have
    return _in_range(pc.cast(texts, ARROW_TYPES["timestamp"]))  # refused if one has no offset


def _in_range(instants: pa.Array) -> pa.Array:
    bounds = pc.min_max(instants.cast(pa.int64()))
    first, last = bounds["min"].as_py(), bounds["max"].as_py()
    if first is not None and (first < FIRST_MICROSECOND or last > LAST_MICROSECOND):
        raise pa.ArrowInvalid("an instant that Python cannot hold")
    return instants


def _coerced_array(
    values: Sequence[Any], data_type: DataType, zone: tzinfo
) -> tuple[pa.Array, UnrepresentableValues]:
    coerced: list[Any] = []
    unrepresentable: UnrepresentableValues = {}
    for number, value in enumerate(values):
        result = None if value is None else coerce(value, data_type, zone)
        if isinstance(result, Unrepresentable):
            unrepresentable[number] = value
            result = None
        coerced.append(result)
    return pa.array(coerced, ARROW_TYPES[data_type]), unrepresentable


def coerce(value: Any, data_type: DataType, zone: tzinfo) -> Any:
    """`value` as `data_type` if the conversion is lossless, else `UNREPRESENTABLE`."""
    if data_type == "timestamp":
        return instant(value, zone)
    if data_type == "bool":
        return value if isinstance(value, bool) else UNREPRESENTABLE
    if data_type == "text":
        return _text(value)
    if data_type == "bigint":
        return _whole_number(value)
    return _double(value) if data_type == "double" else UNREPRESENTABLE


def _text(value: Any) -> Any:
    if isinstance(value, str):
        return value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return str(value) if is_number else UNREPRESENTABLE


def _whole_number(value: Any) -> Any:
    # True is an int in Python, so a rating of true is 1
    is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return int(value) if is_whole and INT64_MIN <= value <= INT64_MAX else UNREPRESENTABLE


def _double(value: Any) -> Any:
    if isinstance(value, float):
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        return UNREPRESENTABLE
    try:
        number = float(value)
    except OverflowError:
        return UNREPRESENTABLE
    return number if number == value else UNREPRESENTABLE  # Python compares int and float exactly


def instant(value: Any, zone: tzinfo) -> datetime | Unrepresentable:
    """An ISO date-time as an instant in UTC, to the microsecond.

    Without an offset it is read in `zone`: an hour repeated by daylight saving time is read as the
    first one, a skipped hour with the offset before the change.
    """
    if not isinstance(value, str):
        return UNREPRESENTABLE
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return UNREPRESENTABLE


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 in UTC; a moment without an offset is read in UTC.

    Raises:
        OverflowError: it is before the year 1 or after 9999 in UTC.
    """
    epoch = EPOCH if moment.tzinfo else NAIVE_EPOCH
    # of the base class, as subclasses of a library have their own type of difference
    since = datetime.__sub__(moment, epoch) // MICROSECOND
    if not FIRST_MICROSECOND <= since <= LAST_MICROSECOND:
        raise OverflowError("an instant that Python cannot hold in UTC")
    return since


def value_at(item: Mapping[str, Any], path: tuple[str, ...]) -> Any:
    """The value at `path`; None where a part of the path is missing or not an object."""
    value: Any = item
    for name in path:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
