"""The SQL that dlt sends to BigQuery and Snowflake: what a merge scans, how tables are stored.

Nothing is sent here: loads are made up to the point where they would be. BigQuery bills what is
scanned, so these tests hold what docs/destinations.md says of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.destination import Destination

from chatislav_source import chatislav
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, MESSAGES, TABLES, Table
from chatislav_source.runner import run
from chatislav_source.runner.stored_tables import StoredTables
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from . import story
from .conftest import require_client
from .servers.bigquery import private_key


def bigquery() -> Destination[Any, Any]:
    """A destination without a connection."""
    require_client("google.cloud.bigquery", "bigquery")
    key = {"project_id": "p", "private_key": private_key(), "client_email": "a@b"}
    return dlt.destinations.bigquery(key)  # type: ignore[arg-type]


def snowflake() -> Destination[Any, Any]:
    """A destination without a connection."""
    require_client("snowflake.connector", "snowflake")
    return dlt.destinations.snowflake("snowflake://u:p@account/DB?warehouse=W&role=R")


class Rendered:
    """The statements of a first load."""

    def __init__(self, destination: Destination[Any, Any], folder: Path, source: Any) -> None:
        self.pipeline = dlt.pipeline(
            "rendered", destination=destination, dataset_name="chat", pipelines_dir=str(folder)
        )
        with pytest.MonkeyPatch.context() as patch:  # there is no warehouse that holds anything
            patch.setattr(run, "stored_tables", lambda: StoredTables(None))
            self.pipeline.extract(source)
        self.pipeline.normalize()
        self.client: Any = self.pipeline.destination_client()

    def table(self, table: Table) -> str:
        """The statement that creates the table."""
        columns = list(self.client.prepare_load_table(table.name)["columns"].values())
        return str(self.client._get_table_update_sql(table.name, columns, False)[0])

    def merge(self, table: Table) -> list[str]:
        """The merge statements, in lower case and without quotation marks."""
        chain = [self.client.prepare_load_table(table.name)]
        [job] = self.client._create_merge_followup_jobs(chain)
        text = re.sub(r'["`]|\s+(?=\s)', "", Path(job.new_file_path()).read_text()).lower()
        return [line.strip() for line in text.splitlines() if line.strip()]


@pytest.fixture(params=[bigquery, snowflake], ids=lambda make: make.__name__)
def make_destination(request: pytest.FixtureRequest) -> Callable[[], Destination[Any, Any]]:
    """Each of the two destinations."""
    make: Callable[[], Destination[Any, Any]] = request.param
    return make


@pytest.fixture
def source() -> Any:
    """A source that has a row for each table."""
    world = World.generate(bot_ids=(1,), conversations=2, days=1, last_day=story.TODAY, messages=1)
    with Sandbox(world) as api:
        given: Any = {"bot_ids": [1], "api_key": SANDBOX_KEY, "base_url": api.base_url}
        yield chatislav(**given, start_date=story.TODAY.isoformat())


def test_conversations_and_analytics_are_found_by_their_key_column_by_column(
    make_destination: Callable[[], Destination[Any, Any]], source: Any, tmp_path: Path
) -> None:
    """By nothing else: a day could prune partitions, but `createdAt` is not promised to stay."""
    rendered = Rendered(make_destination(), tmp_path, source)

    for table in (CONVERSATIONS, ANALYTICS):
        [merge] = rendered.merge(table)
        condition = " and ".join(f"d.{key} = s.{key}" for key in table.keys)
        assert re.match(r"merge into \S+ d using \S*staging_rendered\S* s on ", merge)
        assert f" on {condition} when matched then update set " in merge
        assert " when not matched then insert " in merge


def test_messages_are_found_by_their_conversation_column_by_column(
    make_destination: Callable[[], Destination[Any, Any]], source: Any, tmp_path: Path
) -> None:
    rendered = Rendered(make_destination(), tmp_path, source)

    delete, insert = rendered.merge(MESSAGES)

    assert re.fullmatch(
        r"delete from \S+ as d where exists \(select 1 from \S*staging_rendered\S* as s "
        r"where d.bot_id = s.bot_id and d.session_id = s.session_id\);?",
        delete,
    )
    assert insert.startswith("insert into ")


def test_bigquery_tables_are_partitioned_and_clustered(source: Any, tmp_path: Path) -> None:
    rendered = Rendered(bigquery(), tmp_path, source)

    stored = {table.name: rendered.table(table).partition("PARTITION BY ")[2] for table in TABLES}

    by_conversation = "DATE(`created_at`)\nCLUSTER BY `bot_id`, `session_id`"
    assert stored["conversations"].startswith(by_conversation)
    assert stored["conversations__messages"].startswith(by_conversation)
    assert stored["analytics"].startswith("`date`\nCLUSTER BY `bot_id`, `channel`")


def test_snowflake_tables_have_no_clustering_key(source: Any, tmp_path: Path) -> None:
    """Rows come in the order of time, which is what a key would cost credits to keep up."""
    rendered = Rendered(snowflake(), tmp_path, source)

    assert not any("CLUSTER BY" in rendered.table(table) for table in TABLES)
