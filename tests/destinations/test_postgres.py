"""Postgres gets every value unchanged, by binary COPY or else by INSERT statements."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import dlt
import pyarrow as pa
import pytest
from adbc_driver_manager.dbapi import Cursor
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from chatislav_source.destinations import postgres as module
from chatislav_source.destinations.dlt_internals import LastStep
from chatislav_source.destinations.merging.hints import UPSERT
from chatislav_source.destinations.pipe.writers import Outlet
from chatislav_source.destinations.postgres import DRIVER, FormatSelector
from chatislav_source.records.columns import json_text
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, DataType, Table
from tests.default_suite import mostly_slow

from . import warehouses
from .conftest import new_database
from .story import HOSTILE, JSONS, NUMBERS, TEXTS
from .warehouses import Row, Warehouse

# neither NUL nor surrogates, which Postgres does not store
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXT = st.sampled_from(TEXTS) | st.text(CHARACTERS | st.sampled_from("\"',;\\\n\r\tNtž😀"))
JSON = st.recursive(
    st.sampled_from(JSONS) | st.integers(-(2**80), 2**80) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
SLOW_EXAMPLES = settings(  # shrinking would take minutes
    max_examples=6,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
FIRST, LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)
VALUES: dict[DataType, st.SearchStrategy[Any]] = {
    "text": TEXT,
    "bigint": st.sampled_from(NUMBERS) | st.integers(-(2**63), 2**63 - 1),
    "timestamp": st.datetimes(FIRST, LAST).map(lambda moment: moment.replace(tzinfo=UTC, fold=0)),
    "bool": st.booleans(),
    "json": JSON.map(json_text),
    "double": st.floats(allow_nan=False, allow_infinity=False),
    "date": st.dates(date(1, 1, 1), date(9999, 12, 31)),
}


def rows_of(table: Table) -> st.SearchStrategy[list[Row]]:
    """Rows of a table, each key once; every column that is no key may be null."""
    columns = {
        c.name: VALUES[c.data_type] if c.key else st.none() | VALUES[c.data_type]
        for c in table.columns
    }
    row = st.fixed_dictionaries(columns)
    return st.lists(row, min_size=1, max_size=8, unique_by=lambda row: key(table, row))


def key(table: Table, row: Row) -> tuple[Any, ...]:
    """The key of a row."""
    return tuple(row[name] for name in table.keys)


def strict(row: Row | None) -> list[tuple[str, str]]:
    """The values by column, such that 1, 1.0 and True differ; objects have no order."""
    return sorted((name, exact(value)) for name, value in (row or {}).items())


def exact(value: Any) -> str:
    """A value as text."""
    is_json = isinstance(value, dict | list)
    return json.dumps(value, sort_keys=True) if is_json else repr(value)


def hostile_rows() -> list[Row]:
    """A conversation for each hostile text, and one with nothing but its key."""
    empty = dict.fromkeys(column.name for column in CONVERSATIONS.columns)
    texts = [*TEXTS, HOSTILE * 1000]
    return [empty | {"bot_id": -1, "session_id": "empty"}] + [
        empty | {"bot_id": n, "session_id": text, "channel": text, "summary": json_text([text])}
        for n, text in enumerate(texts)
    ]


class Loaded:
    """A pipeline into a new dataset."""

    def __init__(self, warehouse: Warehouse, folder: Path) -> None:
        self.warehouse = warehouse
        self.pipeline = warehouse.pipeline(folder / uuid4().hex)

    def load(self, table: Table, *groups: list[Row], **options: Any) -> None:
        """Load groups of rows of a table as the source does."""
        arrow = [pa.Table.from_pylist(rows, table.arrow_schema) for rows in groups]
        self.pipeline.run(self.resource(table, *arrow), **options)

    def resource(self, table: Table, *groups: pa.Table) -> Any:
        """A resource with an item for each group of rows."""
        outlet = Outlet()

        @dlt.resource(name=table.name, write_disposition=UPSERT)
        def resource() -> Iterator[Any]:
            outlet.open(None)
            for rows in groups:
                yield from outlet.item(table, rows)
            outlet.close()

        return resource().add_step(LastStep(outlet))

    def differences(self, table: Table, rows: list[Row]) -> list[tuple[Any, Any]]:
        """Each row that is not as it was loaded, with the one that was; without the load id."""
        jsons = [c.name for c in table.columns if c.data_type == "json"]
        decoded = [row | {name: json.loads(row[name] or "null") for name in jsons} for row in rows]
        for row in decoded:
            del row["_dlt_load_id"]
        found = self.warehouse.rows(self.pipeline, table.name)
        expected, loaded = ({key(table, row): row for row in each} for each in (decoded, found))
        assert len(found) == len(loaded)
        pairs = [(loaded.get(k), expected.get(k)) for k in loaded.keys() | expected.keys()]
        return [
            difference
            for one, other in pairs
            for difference in zip(strict(one), strict(other), strict=True)
            if difference[0] != difference[1]
        ]

    def formats(self, table: Table) -> set[str]:
        """The formats in which the last load has loaded a table."""
        info = self.pipeline.last_trace.last_load_info
        assert info is not None
        jobs = info.load_packages[-1].jobs["completed_jobs"]
        infos = [job.job_file_info for job in jobs]
        return {i.file_format for i in infos if i.table_name == table.name} - {"sql"}

    def json_types(self) -> list[str]:
        """The types of the column `summary`, in the dataset and in the staging dataset."""
        found = self.warehouse.execute(
            self.pipeline,
            "SELECT data_type FROM information_schema.columns WHERE column_name = 'summary' "
            f"AND table_schema LIKE '{self.pipeline.dataset_name}%'",
        )
        return [row["data_type"] for row in found]


@pytest.fixture
def postgres(postgres_url: str) -> Warehouse:
    """The Postgres server."""
    return warehouses.postgres(postgres_url)


@pytest.fixture
def loaded(postgres: Warehouse, tmp_path: Path) -> Loaded:
    """A pipeline into an empty dataset."""
    return Loaded(postgres, tmp_path)


@pytest.mark.parametrize(
    "table", mostly_slow([CONVERSATIONS, ANALYTICS], CONVERSATIONS), ids=lambda table: table.name
)
def test_every_value_arrives_unchanged(postgres: Warehouse, tmp_path: Path, table: Table) -> None:
    @given(rows_of(table))
    @settings(SLOW_EXAMPLES)
    def arrive(rows: list[Row]) -> None:
        loaded = Loaded(postgres, tmp_path)
        loaded.load(table, rows)
        assert loaded.formats(table) == {"parquet"}
        assert loaded.differences(table, rows) == []

    arrive()


def test_hostile_texts_arrive_unchanged_in_jsonb_columns(loaded: Loaded) -> None:
    loaded.load(CONVERSATIONS, hostile_rows())

    assert loaded.formats(CONVERSATIONS) == {"parquet"}
    assert loaded.differences(CONVERSATIONS, hostile_rows()) == []
    assert loaded.json_types() == ["jsonb", "jsonb"]


@pytest.mark.parametrize("installed", [None, "1.12.3", "0.99"])
def test_without_a_driver_that_writes_jsonb_the_same_rows_are_inserted(
    loaded: Loaded,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    installed: str | None,
) -> None:
    def version(name: str) -> str:
        if installed is None:
            raise module.PackageNotFoundError(name)
        return installed

    monkeypatch.setattr(module, "version", version)

    loaded.load(CONVERSATIONS, hostile_rows())

    assert loaded.formats(CONVERSATIONS) == {"insert_values"}
    assert loaded.differences(CONVERSATIONS, hostile_rows()) == []
    assert loaded.json_types() == ["jsonb", "jsonb"]
    [warning] = [r.getMessage() for r in caplog.records if r.name == module.__name__]
    assert f"{DRIVER} 1.13 or later is missing; pip install" in warning


@pytest.mark.parametrize("encoding", ["LATIN1", "UTF8"])
def test_text_is_not_sent_as_utf_8_where_the_server_expects_another_encoding(
    postgres_url: str, tmp_path: Path, encoding: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = new_database(postgres_url, f"ENCODING {encoding} LOCALE 'C' TEMPLATE template0")
    loaded = Loaded(warehouses.postgres(url), tmp_path)
    row = hostile_rows()[0] | {"channel": "čaj".replace("č", "é"), "summary": '"ü"'}

    loaded.load(CONVERSATIONS, [row])

    is_utf8 = encoding == "UTF8"
    assert loaded.formats(CONVERSATIONS) == {"parquet" if is_utf8 else "insert_values"}
    assert loaded.differences(CONVERSATIONS, [row]) == []
    warnings = [r for r in caplog.records if r.name == module.__name__]
    assert [r.levelno for r in warnings] == [] if is_utf8 else [logging.WARNING]


def test_tables_that_were_loaded_as_inserts_before_are_loaded_as_parquet(loaded: Loaded) -> None:
    loaded.load(CONVERSATIONS, hostile_rows()[:1], loader_file_format="insert_values")
    assert loaded.formats(CONVERSATIONS) == {"insert_values"}

    loaded.load(CONVERSATIONS, hostile_rows())

    assert loaded.formats(CONVERSATIONS) == {"parquet"}
    assert loaded.differences(CONVERSATIONS, hostile_rows()) == []


def test_a_package_that_another_process_normalizes_is_loaded_too(
    postgres: Warehouse, tmp_path: Path
) -> None:
    """There nothing prefers parquet, as no resource is run."""
    dataset = postgres.new_dataset()
    killed, next_one = Loaded(postgres, tmp_path), Loaded(postgres, tmp_path)
    killed.pipeline = postgres.pipeline(tmp_path / "same", dataset)
    killed.load(CONVERSATIONS, hostile_rows()[:1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dlt.Pipeline, "normalize", lambda *_, **__: None)
        patch.setattr(dlt.Pipeline, "load", lambda *_, **__: None)
        killed.load(CONVERSATIONS, hostile_rows())

    next_one.pipeline = postgres.pipeline(tmp_path / "same", dataset)
    next_one.pipeline.run()

    assert next_one.formats(CONVERSATIONS) == {"insert_values"}
    assert next_one.differences(CONVERSATIONS, hostile_rows()) == []


def test_a_file_is_never_in_memory_as_a_whole(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[int] = []
    ingest = Cursor.adbc_ingest

    def count(cursor: Cursor, name: str, rows: pa.Table, **options: Any) -> int:
        copied.append(rows.num_rows)
        return ingest(cursor, name, rows, **options)

    monkeypatch.setattr(Cursor, "adbc_ingest", count)
    monkeypatch.setattr("chatislav_source.destinations.pipe.parquet.ROW_GROUP_BYTES", 1)
    rows = hostile_rows()

    loaded.load(CONVERSATIONS, rows)

    assert copied == [1] * len(rows)
    assert loaded.differences(CONVERSATIONS, rows) == []


def test_tables_of_other_sources_keep_their_format(loaded: Loaded) -> None:
    loaded.load(CONVERSATIONS, hostile_rows())
    selector = loaded.pipeline.destination.capabilities().loader_file_format_selector
    assert isinstance(selector, FormatSelector)

    # dlt's workers get it pickled
    for each in (selector, pickle.loads(pickle.dumps(selector))):  # noqa: S301 - our own
        table = {"name": CONVERSATIONS.name, "description": CONVERSATIONS.description}
        formats = ["insert_values", "csv", "parquet"]
        assert each("insert_values", formats, table_schema=table)[0] == "parquet"
        for other in ({"name": CONVERSATIONS.name}, table | {"name": "others"}):
            assert each("insert_values", formats, table_schema=other)[0] == "insert_values"


NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
ADDED = {
    "whole": (pa.array([1], pa.int32()), 1),
    "part": (pa.array([0.5], pa.float32()), 0.5),
    "exact": (pa.array([Decimal("1.25")], pa.decimal128(10, 2)), Decimal("1.25")),
    "kind": (pa.array(["a"]).dictionary_encode(), "a"),
    "long": (pa.array(["b"], pa.large_string()), "b"),
    "moment": (pa.array([NEW_YEAR], pa.timestamp("ns", "UTC")), NEW_YEAR),
    "day": (pa.array([date(2026, 1, 2)]), date(2026, 1, 2)),
    "names": (pa.array([["x", "y"]]), ["x", "y"]),
    "parts": (pa.array([{"a": 1}]), {"a": 1}),
    "nothing": (pa.array([None], pa.int64()), None),
}


def test_columns_that_a_step_adds_are_loaded_by_copy_too(loaded: Loaded) -> None:
    row = hostile_rows()[0]
    rows = pa.Table.from_pylist([row], CONVERSATIONS.arrow_schema)
    resource = loaded.resource(CONVERSATIONS, rows)

    def add(table: pa.Table) -> pa.Table:
        for name, (values, _) in ADDED.items():
            table = table.append_column(name, values)
        return table

    loaded.pipeline.run(resource.add_map(add))

    assert loaded.formats(CONVERSATIONS) == {"parquet"}
    [found] = loaded.warehouse.rows(loaded.pipeline, CONVERSATIONS.name)
    assert {name: found[name] for name in ADDED} == {n: value for n, (_, value) in ADDED.items()}
    assert found["session_id"] == row["session_id"]


def test_a_column_without_a_type_is_not_added(loaded: Loaded) -> None:
    rows = pa.Table.from_pylist(hostile_rows(), CONVERSATIONS.arrow_schema)
    resource = loaded.resource(CONVERSATIONS, rows)
    empty = pa.nulls(rows.num_rows)

    loaded.pipeline.run(resource.add_map(lambda table: table.append_column("none", empty)))

    assert loaded.differences(CONVERSATIONS, hostile_rows()) == []


def test_a_step_that_changes_the_type_of_a_column_is_told_so(loaded: Loaded) -> None:
    def as_text(table: pa.Table) -> pa.Table:
        words = pa.array(["private"] * table.num_rows)
        return table.set_column(table.column_names.index("helpful"), "helpful", words)

    rows = pa.Table.from_pylist(hostile_rows(), CONVERSATIONS.arrow_schema)
    resource = loaded.resource(CONVERSATIONS, rows).add_map(as_text)

    with pytest.raises(Exception, match="made string of the column helpful") as raised:
        loaded.pipeline.run(resource)

    assert "private" not in str(raised.value)
