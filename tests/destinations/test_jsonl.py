"""Rows as JSON lines, for BigQuery and Snowflake."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.destinations.pipe.jsonl import json_lines
from chatislav_source.records.schema import Column, Table

TABLE = Table(
    "things",
    "A thing.",
    (
        Column("id", "bigint", "", key=True),
        Column("name", "text", ""),
        Column("at", "timestamp", ""),
        Column("day", "date", ""),
        Column("cost", "double", ""),
        Column("known", "bool", ""),
        Column("more", "json", ""),
    ),
)


def lines(*rows: dict[str, Any]) -> list[str]:
    """The lines of these rows."""
    arrow = pa.Table.from_pylist(list(rows), TABLE.arrow_schema)
    return json_lines(TABLE, arrow).decode().split("\n")[:-1]


def test_a_row_is_one_object_in_the_order_of_the_columns() -> None:
    row = {
        "id": 1,
        "name": 'it\'s "q"\n',
        "at": datetime(2026, 6, 23, 8, 15, 0, 123, UTC),
        "day": date(2026, 6, 23),
        "cost": 0.1,
        "known": False,
        "more": '{"a": [1]}',
    }

    assert lines(row) == [
        '{"id":1,"name":"it\'s \\"q\\"\\n","at":"2026-06-23T08:15:00.000123Z",'
        '"day":"2026-06-23","cost":0.1,"known":false,"more":{"a": [1]}}'
    ]


def test_nulls_are_left_out_and_empty_texts_are_not() -> None:
    assert lines({"id": 1, "name": ""}, {"id": 2}) == ['{"id":1,"name":""}', '{"id":2}']


@pytest.mark.parametrize("number", [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)])
def test_a_number_that_a_double_cannot_hold_is_text(number: int) -> None:
    assert lines({"id": number}) == [f'{{"id":"{number}"}}']


@pytest.mark.parametrize("number", [0, 2**53, -(2**53)])
def test_other_numbers_are_numbers(number: int) -> None:
    assert lines({"id": number}) == [f'{{"id":{number}}}']


@pytest.mark.parametrize("text", ["1000000000000000000000", "1.10", "true", '""', "[]", '"[1]"'])
def test_json_is_written_unchanged(text: str) -> None:
    assert lines({"id": 1, "more": text}) == [f'{{"id":1,"more":{text}}}']


@given(st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31)))
def test_every_instant_is_written_to_the_microsecond(moment: datetime) -> None:
    instant = moment.replace(tzinfo=UTC)

    [line] = lines({"id": 1, "at": instant})

    text = line.removeprefix('{"id":1,"at":"').removesuffix('"}')
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == instant


def test_no_rows_are_no_lines() -> None:
    assert lines() == []
