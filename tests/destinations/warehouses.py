"""One interface to every warehouse, so that a test is written once and runs with all."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dlt
from dlt.common.destination import Destination
from dlt.common.schema.typing import TColumnSchema

from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.records.schema import MESSAGES, TABLES

from .loopback import emulator_address

Row = dict[str, Any]
COLUMNS = [column for table in TABLES for column in table.columns]


@dataclass(frozen=True)
class Warehouse:
    """A warehouse that runs on this machine, and its dialect."""

    name: str
    make_destination: Callable[[], Destination[Any, Any]]
    json_path: str  # SQL for the text at a path; {column}, {keys} as in a.b, {list} as in a,b
    json_is_text: bool  # whether the client hands out JSON columns as text
    has_types: bool = True  # SQLite and MySQL have no zones and no booleans
    other_types: tuple[tuple[str, str], ...] = ()  # dlt's type of a column, and what it becomes
    appends: bool = False  # rows are never replaced, so the newest of each key counts
    settings: tuple[tuple[str, str], ...] = ()  # variables of the environment for loads
    keeps_old_messages: bool = False  # those behind a conversation's message_count

    def destination(self) -> Destination[Any, Any]:
        """A fresh dlt destination."""
        return self.make_destination()

    def new_dataset(self) -> str:
        """An unused dataset name."""
        return f"test_{uuid.uuid4().hex[:12]}"

    def pipeline(self, folder: Path, dataset: str | None = None, **options: Any) -> dlt.Pipeline:
        """A pipeline into `dataset`, or a new one, with its working directory in `folder`."""
        return dlt.pipeline(
            options.pop("name", "test"),
            destination=self.destination(),
            dataset_name=dataset or self.new_dataset(),
            pipelines_dir=str(folder),
            **options,
        )

    def execute(self, pipeline: dlt.Pipeline, sql: str) -> list[Row]:
        """Run a statement in the pipeline's dataset; its rows, if any, with names in lower case."""
        with pipeline.sql_client() as client, client.execute_query(sql) as cursor:
            of_driver = cursor.cursor if hasattr(cursor, "returns_rows") else cursor  # SQLAlchemy
            if of_driver is None or not of_driver.description:
                return []
            names = [column[0].lower() for column in of_driver.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def rows(self, pipeline: dlt.Pipeline, table: str) -> list[Row]:
        """All rows of a table: JSON decoded, instants in UTC, without dlt's own columns."""
        columns = pipeline.default_schema.get_table_columns(table)
        found = self.execute(pipeline, self._select(pipeline, table))
        return [
            {
                name: self._value(value, columns[name])
                for name, value in row.items()
                if not name.startswith("_dlt_")
            }
            for row in found
        ]

    def _select(self, pipeline: dlt.Pipeline, table: str) -> str:
        """The query for all rows in force, as docs/destinations.md has it."""
        if self.keeps_old_messages and table == MESSAGES.name:
            return (
                f"SELECT m.* FROM {table} m JOIN conversations c USING (bot_id, session_id)"
                " WHERE c.message_count IS NULL OR m.message_index < c.message_count"
            )
        if not self.appends:
            return f"SELECT * FROM {self.qualified(pipeline, table)}"
        complete = "_dlt_load_id IN (SELECT load_id FROM _dlt_loads)"
        if table == MESSAGES.name:
            return (
                f"SELECT * FROM {table} SEMI JOIN ("
                "SELECT bot_id, session_id, max(_dlt_load_id) AS _dlt_load_id FROM conversations "
                f"WHERE message_count IS NOT NULL AND {complete} GROUP BY ALL"
                ") USING (bot_id, session_id, _dlt_load_id)"
            )
        keys = ", ".join(next(each.keys for each in TABLES if each.name == table))
        return (
            f"SELECT * FROM {table} WHERE {complete} QUALIFY "
            f"row_number() OVER (PARTITION BY {keys} ORDER BY _dlt_load_id DESC) = 1"
        )

    def json_text(
        self, pipeline: dlt.Pipeline, table: str, column: str, path: str, where: str = "1 = 1"
    ) -> list[str | None]:
        """The text at a path (`a.b`) in a JSON column, by the warehouse's own operator."""
        text = self.json_path.format(column=column, keys=path, list=path.replace(".", ","))
        source = (
            f"({self._select(pipeline, table)}) r"
            if self.appends
            else self.qualified(pipeline, table)
        )
        select = f"SELECT {text} AS text FROM {source} WHERE {where}"
        return [row["text"] for row in self.execute(pipeline, select)]

    def qualified(self, pipeline: dlt.Pipeline, table: str) -> str:
        """A table's full name, as it has to be written in SQL."""
        with pipeline.sql_client() as client:
            return client.make_qualified_table_name(table)

    def _value(self, value: Any, column: TColumnSchema) -> Any:
        """A value as a standard Python type, independent of the client."""
        data_type = column["data_type"]
        if value is None:
            return None
        is_json = any(own.name == column["name"] and own.data_type == "json" for own in COLUMNS)
        if (is_json or data_type == "json") and self.json_is_text:
            return json.loads(value)
        if not self.has_types:
            value = _typed(value, data_type)
        if data_type == "timestamp":
            if not isinstance(value, datetime) or value.tzinfo is None:
                raise TypeError(f"{self.name}: {column['name']} is no instant: {value!r}")
            return value.astimezone(UTC)
        return value


def _typed(value: Any, data_type: str) -> Any:
    """A value of a database that stores dates as text and booleans as numbers, always in UTC."""
    match data_type:
        case "timestamp":
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
            return moment.replace(tzinfo=UTC)
        case "date" if isinstance(value, str):
            return date.fromisoformat(value)
        case "bool":
            return bool(value)
    return value


def duckdb(database: Path) -> Warehouse:
    """A DuckDB file."""
    return Warehouse(
        name="duckdb",
        make_destination=lambda: dlt.destinations.duckdb(str(database)),
        json_path="{column} ->> '$.{keys}'",
        json_is_text=True,
    )


def postgres(url: str) -> Warehouse:
    """A Postgres server."""
    return Warehouse(
        name="postgres",
        make_destination=lambda: dlt.destinations.postgres(url),
        json_path="{column} #>> '{{{list}}}'",
        json_is_text=False,
    )


def snowflake(credentials: str) -> Warehouse:
    """A Snowflake emulator."""
    return Warehouse(
        name="snowflake",
        make_destination=lambda: dlt.destinations.snowflake(credentials),
        json_path="{column}:{keys}::text",
        json_is_text=True,
    )


def bigquery(credentials: dict[str, str]) -> Warehouse:
    """A BigQuery emulator; the environment says where it is."""

    def destination() -> Destination[Any, Any]:
        emulator_address()  # fails unless the client will go there
        return dlt.destinations.bigquery(
            json.dumps(credentials),
            location="US",
            retry_deadline=5.0,  # an emulator that does not respond at once is broken
        )

    return Warehouse(
        name="bigquery",
        make_destination=destination,
        json_path="JSON_VALUE({column}, '$.{keys}')",
        json_is_text=False,
    )


def sqlite(database: Path) -> Warehouse:
    """A SQLite file, by SQLAlchemy."""
    return Warehouse(
        name="sqlite",
        make_destination=lambda: dlt.destinations.sqlalchemy(f"sqlite:///{database}"),
        json_path="{column} ->> '$.{keys}'",
        json_is_text=True,
        has_types=False,
        other_types=(("json", "text"),),
    )


def mysql(url: str) -> Warehouse:
    """A MySQL server, by SQLAlchemy."""
    return Warehouse(
        name="mysql",
        make_destination=lambda: dlt.destinations.sqlalchemy(url),
        json_path="JSON_UNQUOTE(JSON_EXTRACT({column}, '$.{keys}'))",
        json_is_text=True,
        has_types=False,
        other_types=(("json", "text"), ("bool", "bigint")),
    )


def filesystem(folder: Path) -> Warehouse:
    """Parquet files in a folder."""
    return Warehouse(
        name="filesystem",
        make_destination=lambda: dlt.destinations.filesystem(str(folder)),
        json_path="{column} ->> '$.{keys}'",
        json_is_text=True,
        appends=True,
    )


def open_tables(folder: Path, table_format: str) -> Warehouse:
    """Delta or Iceberg tables in a folder."""
    settings = (("DESTINATION__FILESYSTEM__TABLE_FORMAT", table_format),)
    return replace(
        filesystem(folder),
        name=table_format,
        appends=False,
        keeps_old_messages=True,
        settings=settings,
    )


def ducklake(catalog: str, folder: Path) -> Warehouse:
    """A DuckLake with its catalog at a URL, and its files in a folder."""

    def destination() -> Destination[Any, Any]:
        from dlt.destinations.impl.ducklake.configuration import DuckLakeCredentials

        given = DuckLakeCredentials("lake", catalog=catalog, storage=str(folder))
        return dlt.destinations.ducklake(given)

    return Warehouse(
        name="ducklake",
        make_destination=destination,
        json_path="{column} ->> '$.{keys}'",
        json_is_text=True,
    )


def pipeline_of(folder: Path) -> dlt.Pipeline:
    """The pipeline of the command line into a DuckDB file of `folder`."""
    own = str(folder / "pipelines")
    return PipelineConfig(
        "duckdb", folder / "w.duckdb", "chatislav", "chatislav_sync", own
    ).pipeline()
