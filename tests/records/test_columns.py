"""Each value is in its column exactly, or returned apart: no value is lost or changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chatislav_source.records.columns import (
    UNREPRESENTABLE,
    Unrepresentable,
    coerce,
    column_array,
    instant,
    json_text,
    microseconds,
    value_at,
)
from chatislav_source.records.schema import ARROW_TYPES, DataType

SURROGATE = chr(0xD800)
BELGRADE = ZoneInfo("Europe/Belgrade")
ZONES = st.sampled_from([UTC, BELGRADE])
KINDS: list[DataType] = ["bigint", "text", "timestamp", "bool", "double"]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = (
    st.integers(-(2**70), 2**70)
    | st.sampled_from([2**53, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**400])
    | st.floats()
)
OFFSETS = st.sampled_from(["", "Z", "+02:00", "-0530", "+02", "-00:00", "+99:99", " Z", "z"])


@st.composite
def date_texts(draw: st.DrawFn) -> str:
    """Dates and date-times in many ISO formats, valid and almost valid."""
    day = draw(st.sampled_from(["2026-06-23", "0001-01-01", "9999-12-31", "0000-01-01"]))
    time = draw(st.sampled_from(["", "T10", "T10:15", " 10:15:20", "T10:15:60", "T24:00:00"]))
    fraction = draw(st.sampled_from(["", ".1", ".123", ".123456", ",5", ".1234567"]))
    return day + time + (fraction if time.count(":") == 2 else "") + (draw(OFFSETS) if time else "")


ISO_TEXTS = (
    date_texts()
    | st.builds(datetime.isoformat, st.datetimes())
    | st.builds(datetime.isoformat, st.datetimes(timezones=st.timezones()))
    | st.sampled_from(["20260623T101500", "2026-W26-2", "2026-06-23T1015", "", "soon"])
)
VALUES = (
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXTS
    | ISO_TEXTS
    | st.lists(st.integers(), max_size=2)
    | st.dictionaries(TEXTS, st.integers(), max_size=2)
)
ALIKE = st.sampled_from([st.booleans(), NUMBERS, TEXTS, ISO_TEXTS, VALUES]).flatmap(
    lambda values: st.lists(st.none() | values, max_size=6)
)


@pytest.mark.parametrize("kind", KINDS)
@given(values=ALIKE, zone=ZONES)
@example(values=["9999-12-31T23:59:59-05:00"], zone=UTC)
@example(values=["0000-01-01T00:00:00"], zone=UTC)
@example(values=[1e300, 2**53 + 2], zone=UTC)
@example(values=[True, 1], zone=UTC)
@example(values=[0.0, False], zone=UTC)
def test_a_column_equals_its_values_coerced_one_by_one(
    kind: DataType, values: list[Any], zone: tzinfo
) -> None:
    alone = [None if value is None else coerce(value, kind, zone) for value in values]

    array, unrepresentable = column_array(values, kind, zone)

    expected = [None if isinstance(value, Unrepresentable) else value for value in alone]
    assert array.type == ARROW_TYPES[kind]
    assert repr(array.to_pylist()) == repr(pa.array(expected, ARROW_TYPES[kind]).to_pylist())
    assert {n: repr(value) for n, value in unrepresentable.items()} == {
        n: repr(values[n]) for n, value in enumerate(alone) if isinstance(value, Unrepresentable)
    }


@given(st.integers() | st.floats(allow_nan=False))
def test_a_number_is_in_a_column_exactly_or_not_at_all(number: float) -> None:
    whole, double = coerce(number, "bigint", UTC), coerce(number, "double", UTC)

    assert whole is UNREPRESENTABLE or whole == number
    assert double is UNREPRESENTABLE or double == number


@pytest.mark.parametrize(
    ("kind", "value", "fitted"),
    [
        pytest.param("bigint", True, 1, id="a rating of true is 1"),
        pytest.param("bigint", False, 0, id="a rating of false is 0"),
        pytest.param("bigint", 1.0, 1, id="a whole number with a point"),
        pytest.param("bigint", 1.5, UNREPRESENTABLE, id="not whole"),
        pytest.param("bigint", "1", UNREPRESENTABLE, id="a number as text"),
        pytest.param("bigint", 2**63, UNREPRESENTABLE, id="beyond 64 bits"),
        pytest.param("bigint", float("inf"), UNREPRESENTABLE, id="infinite"),
        pytest.param("text", 123, "123", id="a number where text is due"),
        pytest.param("text", 1.5, UNREPRESENTABLE, id="no text from a decimal"),
        pytest.param("text", False, UNREPRESENTABLE, id="no text from a flag"),
        pytest.param("bool", 1, UNREPRESENTABLE, id="1 is not true"),
        pytest.param("bool", "true", UNREPRESENTABLE, id="text is not true"),
        pytest.param("double", 2, 2.0, id="a whole number is a double too"),
        pytest.param("double", 2**53 + 1, UNREPRESENTABLE, id="not exact in a double"),
        pytest.param("double", 2**54, 2.0**54, id="large, but exact"),
        pytest.param("double", 10**400, UNREPRESENTABLE, id="greater than any double"),
        pytest.param("double", True, UNREPRESENTABLE, id="true is not a number"),
        pytest.param("timestamp", 1782209700, UNREPRESENTABLE, id="a number is not an instant"),
    ],
)
def test_values_that_fit_a_column(kind: DataType, value: Any, fitted: Any) -> None:
    result = coerce(value, kind, UTC)

    assert repr(result) == repr(fitted)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        pytest.param("2026-06-23T10:15:00", "2026-06-23T08:15:00", id="summer"),
        pytest.param("2026-01-23T10:15:00", "2026-01-23T09:15:00", id="winter"),
        pytest.param("2026-06-23T10:15:00Z", "2026-06-23T10:15:00", id="with an offset"),
        pytest.param("2026-06-23T10:15:00-05:00", "2026-06-23T15:15:00", id="another offset"),
        pytest.param("2026-10-25T02:30:00", "2026-10-25T00:30:00", id="repeated hour: the first"),
        pytest.param(
            "2026-10-25T02:30:00+01:00", "2026-10-25T01:30:00", id="repeated, with offset"
        ),
        pytest.param("2026-03-29T02:30:00", "2026-03-29T01:30:00", id="skipped hour"),
        pytest.param("2026-06-23", "2026-06-22T22:00:00", id="a day begins at midnight"),
    ],
)
def test_a_local_time_of_belgrade_is_stored_in_utc(text: str, utc: str) -> None:
    array, unrepresentable = column_array([text], "timestamp", BELGRADE)

    assert array.to_pylist() == [datetime.fromisoformat(utc).replace(tzinfo=UTC)]
    assert unrepresentable == {}


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1), timezones=st.timezones()))
def test_an_instant_with_an_offset_is_the_same_in_every_zone(moment: datetime) -> None:
    offset = moment.utcoffset()
    text = moment.replace(tzinfo=None).isoformat() + offset_text(offset or timedelta())

    assert instant(text, UTC) == instant(text, BELGRADE) == moment.astimezone(UTC)


def offset_text(offset: timedelta) -> str:
    """The offset as ISO text, with seconds if there are any."""
    sign, size = ("-", -offset) if offset < timedelta() else ("+", offset)
    return sign + str(timedelta() + size).zfill(8)


def test_digits_beyond_microseconds_are_cut_and_the_instant_is_kept() -> None:
    array, unrepresentable = column_array(["2026-06-23T10:15:00.1234567Z"], "timestamp", UTC)

    assert array.to_pylist() == [datetime(2026, 6, 23, 10, 15, 0, 123456, UTC)]
    assert unrepresentable == {}


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 6, 23, 12, 0, 0, 7, BELGRADE),
        datetime(2026, 6, 23, 10, 0, 0, 7),
        pendulum.datetime(2026, 6, 23, 12, 0, 0, 7, tz="Europe/Belgrade"),
        pendulum.naive(2026, 6, 23, 10, 0, 0, 7),
    ],
    ids=repr,
)
def test_microseconds_are_counted_in_utc_for_every_type_of_date_time(moment: datetime) -> None:
    assert microseconds(moment) == 1_782_208_800_000_007


FINITE = st.floats(allow_nan=False, allow_infinity=False)
STORABLE_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | FINITE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=10,
)


@given(STORABLE_JSON)
def test_json_text_decodes_to_the_same_value(value: Any) -> None:
    text = json_text(value)

    assert (text is None) == (value is None)
    assert repr(json.loads(text or "null")) == repr(value)


@pytest.mark.parametrize(
    ("item", "found"),
    [
        ({"contact": {"ipAddress": "203.0.113.10"}}, "203.0.113.10"),
        ({"contact": {}}, None),
        ({"contact": None}, None),
        ({"contact": ["ipAddress"]}, None),
        ({}, None),
    ],
)
def test_a_value_is_found_at_its_path_or_is_none(item: dict[str, Any], found: Any) -> None:
    assert value_at(item, ("contact", "ipAddress")) == found
