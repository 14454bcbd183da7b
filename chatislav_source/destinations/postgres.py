"""Postgres: loads parquet by binary COPY; comments, and indexes on the keys of a merge.

dlt loads parquet with the ADBC driver, whose binary COPY changes no value. dlt's CSV changes empty
texts to null, and INSERT statements take five times as long.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any, cast

import dlt
import pyarrow as pa
from dlt.common.pipeline import SupportsPipeline
from dlt.common.schema.typing import TTableSchema

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.destinations.concurrency.advisory_locks import AdvisoryLocks
from chatislav_source.destinations.ddl import comments
from chatislav_source.destinations.dlt_internals import copy_row_groups
from chatislav_source.destinations.pipe.parquet import PARQUET
from chatislav_source.records.history.table import ANALYTICS_HISTORY, CONVERSATIONS_HISTORY
from chatislav_source.records.periods.table import ANALYTICS_PERIODS
from chatislav_source.records.rejected.table import ALL_TABLES, REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, Table

logger = logging.getLogger(__name__)

OLDEST_VERSION = 150000  # in the form of `server_version_num`; the first version with MERGE
TOO_OLD = "is Postgres {version}, but 15 or later is needed, for MERGE. Upgrade the server."
WRONG_ENCODING = (
    "has a database with the encoding {encoding}, which cannot hold every text. Create one with "
    "CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0, and load into it."
)

Selector = Callable[..., tuple[str, Sequence[str]]]
"""Returns the preferred and the supported file formats of a table."""

SELECTOR = "loader_file_format_selector"  # dlt's name of the capability
DRIVER = "adbc-driver-postgresql"
OLDEST_DRIVER = [1, 13]  # the first version that writes jsonb
SLOW = "Rows are loaded into Postgres as INSERT statements, which takes five times as long: %s"
NO_DRIVER = f"{DRIVER} 1.13 or later is missing; pip install 'chatislav-source[postgres]'"
NO_CONNECTION = f"{DRIVER} cannot connect ({{error}})"
NOT_UTF8 = f"{DRIVER} sends UTF-8, but the encoding of the connection is {{encoding}}"
# A B-tree holds no value of more than 2,704 bytes, but an id may be longer: a hash index holds any,
# and is used by merges; it cannot be unique, so another index is. md5 is immutable, as an index
# needs it. PostgreSQL 15, "Hash Indexes" and "B-Tree Indexes".
INDEXES = {
    CONVERSATIONS.name: {
        "conversations__unique_key": "UNIQUE INDEX {index} ON {table} (bot_id, md5(session_id))",
        "conversations__by_session": "INDEX {index} ON {table} USING hash (session_id)",
    },
    MESSAGES.name: {
        "conversations__messages__by_session": "INDEX {index} ON {table} USING hash (session_id)",
    },
    ANALYTICS.name: {
        "analytics__by_key": "UNIQUE INDEX {index} ON {table} (bot_id, date, channel, timezone)"
    },
    ANALYTICS_PERIODS.name: {
        "analytics_periods__by_key": (
            "UNIQUE INDEX {index} ON {table} (bot_id, period, start_date, channel, timezone)"
        )
    },
    CONVERSATIONS_HISTORY.name: {
        "conversations__history__unique_key": (
            "UNIQUE INDEX {index} ON {table} (bot_id, md5(session_id), valid_from)"
        ),
        "conversations__history__by_session": "INDEX {index} ON {table} USING hash (session_id)",
    },
    ANALYTICS_HISTORY.name: {
        "analytics__history__by_key": (
            "UNIQUE INDEX {index} ON {table} (bot_id, date, channel, timezone, valid_from)"
        )
    },
    REJECTED.name: {"rejected__by_key": "UNIQUE INDEX {index} ON {table} (bot_id, rejected_id)"},
}
# one row without a name if the table has no index, no row if there is no table
EXISTING = (
    "SELECT indexname FROM pg_tables LEFT JOIN pg_indexes USING (schemaname, tablename) "
    "WHERE schemaname = %s AND tablename = %s"
)
FORMER = {  # they could not hold a long id
    CONVERSATIONS.name: "conversations__by_key",
    MESSAGES.name: "conversations__messages__by_key",
}


def missing_indexes(client: SqlClient, table: Table) -> dict[str, str]:
    """The statements for the indexes that the table lacks; none if there is no table.

    The unique ones are the last protection against two runs that load the same conversation: one of
    the two loads fails, and is repeated.
    """
    found = client.execute_sql(EXISTING, client.dataset_name, table.name) or []
    existing = {name for (name,) in found}
    if not existing:
        return {}
    names = {"table": client.make_qualified_table_name(table.name)}
    statements = {
        index: "CREATE " + sql.format(index=client.escape_column_name(index), **names)
        for index, sql in INDEXES[table.name].items()
        if index not in existing
    }
    former = FORMER.get(table.name)
    if former and former in existing:
        statements[former] = f"DROP INDEX IF EXISTS {client.make_qualified_table_name(former)}"
    return statements


def version_problem(client: SqlClient) -> str | None:
    """Why the server is too old or cannot hold every text; None if it can be used."""
    number = int((client.execute_sql("SHOW server_version_num") or [[0]])[0][0])
    if number < OLDEST_VERSION:
        return TOO_OLD.format(version=number // 10000)
    encoding = str((client.execute_sql("SHOW server_encoding") or [["UTF8"]])[0][0])
    return None if encoding == "UTF8" else WRONG_ENCODING.format(encoding=encoding)


class FormatSelector:
    """dlt's choice of a table's format, with parquet preferred for the tables of this source.

    `selector` is the destination's own. The tables' hint is not `parquet`, as dlt would then create
    `json` columns instead of `jsonb`.
    """

    def __init__(self, selector: Selector, prefers_parquet: bool) -> None:
        self._selector = selector
        self._prefers_parquet = prefers_parquet

    def __call__(
        self, preferred: str, supported: Sequence[str], /, *, table_schema: TTableSchema
    ) -> tuple[str, Sequence[str]]:
        """The formats of a table."""
        preferred, supported = self._selector(preferred, supported, table_schema=table_schema)
        if _is_ours(table_schema) and self._prefers_parquet and PARQUET in supported:
            preferred = PARQUET
        return preferred, supported


def _is_ours(table: TTableSchema) -> bool:
    """Whether a table is of this source; the description tells it from others of the same name."""
    described = (table["name"], table.get("description"))
    return described in [(ours.name, ours.description) for ours in ALL_TABLES]


def prefer_parquet(pipeline: SupportsPipeline) -> None:
    """Make dlt load this source's tables as parquet, if driver and server can load it exactly.

    If they cannot, dlt converts the imported parquet files to INSERT statements. The answer is kept
    with the pipeline's destination.
    """
    destination = pipeline.destination
    selector = destination.capabilities().loader_file_format_selector
    if isinstance(selector, FormatSelector):
        return
    problem = _connection_problem(cast(dlt.Pipeline, pipeline)) if _has_driver() else NO_DRIVER
    if problem:
        logger.warning(SLOW, problem)
    destination.caps_params[SELECTOR] = FormatSelector(selector, prefers_parquet=not problem)
    copy_row_groups(_is_ours)


def _has_driver() -> bool:
    try:
        found = re.findall(r"\d+", version(DRIVER))
    except PackageNotFoundError:
        return False
    return [int(number) for number in found[:2]] >= OLDEST_DRIVER


def _connection_problem(pipeline: dlt.Pipeline) -> str | None:
    """Why the driver cannot be used; None if it can.

    It sends text as UTF-8, whatever encoding the server expects.
    """
    from adbc_driver_postgresql import dbapi

    credentials: Any = pipeline.destination_client().config.credentials
    address = credentials.to_native_representation()
    try:
        with dbapi.connect(address) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('client_encoding')")
            [[encoding]] = cursor.fetchall()
    except dbapi.Error as error:
        return NO_CONNECTION.format(error=type(error).__name__)
    return None if encoding == "UTF8" else NOT_UTF8.format(encoding=encoding)


ADAPTER = Adapter(
    file_format=PARQUET,
    format_hint="preferred",
    json_type=pa.json_(),
    prepare=prefer_parquet,
    catalog={"comments": comments},
    indexes=missing_indexes,
    version_problem=version_problem,
    locks=AdvisoryLocks,
)
