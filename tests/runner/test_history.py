"""The statements that record versions, on DuckDB in memory: each version once, none lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.records.history.table import (
    OF_ANALYTICS,
    OF_CONVERSATIONS,
    OF_ONE_CONVERSATION,
    History,
)
from chatislav_source.records.rejected.table import ALL_TABLES
from chatislav_source.records.schema import Table
from chatislav_source.runner.history.statements import Statements, parameters, shared_columns

TYPES = {
    "bigint": "BIGINT",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "bool": "BOOLEAN",
    "json": "JSON",
    "double": "DOUBLE",
    "date": "DATE",
}
START = datetime(2026, 3, 1, tzinfo=UTC)
BOT, SESSIONS, STATUSES = 1, ("a", "b"), ("resolved", "unresolved", None)

State = tuple[str | None, bool]
"""Resolution and takeover."""


def create(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    columns = ", ".join(f"{column.name} {TYPES[column.data_type]}" for column in table.columns)
    connection.execute(f"CREATE TABLE {table.name} ({columns})")


def made(history: History = OF_CONVERSATIONS) -> Statements:
    return Statements(
        history, history.of.name, history.table.name, history.tracked, Adapter().json_text
    )


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        for history in (OF_CONVERSATIONS, OF_ANALYTICS):
            create(opened, history.of)
            create(opened, history.table)
        yield opened


@dataclass
class Story:
    """The table of conversations, its history, and the versions that the history must have."""

    connection: duckdb.DuckDBPyConnection
    hours: int = 0
    loads: list[str] = field(default_factory=list)
    expected: dict[str, list[tuple[datetime, State]]] = field(default_factory=dict)
    stored: dict[str, tuple[datetime, State]] = field(default_factory=dict)

    def load(self, session: str, state: State, read_at: datetime | None = None) -> None:
        """A load writes the row of a conversation, in place of the former one."""
        self.hours += 1
        read_at = read_at or START + timedelta(hours=self.hours)
        self.loads.append(f"load {self.hours}")
        self.connection.execute("DELETE FROM conversations WHERE session_id = ?", [session])
        self.connection.execute(
            "INSERT INTO conversations (bot_id, session_id, resolution_status, human_takeover, "
            "synced_at, _dlt_load_id) VALUES (?, ?, ?, ?, ?, ?)",
            [BOT, session, *state, read_at, self.loads[-1]],
        )
        self.stored[session] = (read_at, state)

    def record(self, load_ids: list[str] | None = None) -> None:
        """Record the new versions."""
        execute(self.connection, made(), load_ids)
        for session, (read_at, state) in self.stored.items():
            known = self.expected.setdefault(session, [])
            if not known or (known[-1][1] != state and read_at > known[-1][0]):
                known.append((read_at, state))

    def found(self) -> dict[str, list[tuple[datetime, State]]]:
        """The versions of the history, oldest first."""
        rows = self.connection.execute(
            "SELECT session_id, valid_from, valid_to, resolution_status, human_takeover "
            "FROM conversations__history ORDER BY session_id, valid_from"
        ).fetchall()
        by_session = {each: [row for row in rows if row[0] == each] for each, *_ in rows}
        for of_one in by_session.values():
            ends = [later[1] for _, later in pairwise(of_one)]
            assert [row[2] for row in of_one] == [*ends, None]
        return {
            session: [(row[1].astimezone(UTC), (row[3], row[4])) for row in of_one]
            for session, of_one in by_session.items()
        }


def execute(
    connection: duckdb.DuckDBPyConnection, statements: Statements, loads: list[str] | None
) -> int:
    """Record new versions if there are any; returns how many the query has counted."""
    values = parameters([BOT], loads)
    query = statements.count([BOT], loads).replace("%s", "?")
    ((count,),) = connection.execute(query, values).fetchall()
    if count:
        connection.execute(statements.record([BOT], loads).replace("%s", "?"), values)
    return int(count)


states = st.tuples(st.sampled_from(STATUSES), st.booleans())
steps = st.one_of(
    st.tuples(st.just("load"), st.sampled_from(SESSIONS), states),
    st.tuples(st.just("killed before recording"), st.sampled_from(SESSIONS), states),
    st.tuples(st.just("an old package is loaded"), st.sampled_from(SESSIONS), states),
    st.tuples(st.just("written again"), st.sampled_from(SESSIONS), states),
    st.tuples(st.just("reset"), st.sampled_from(SESSIONS), states),
)


@settings(max_examples=30)
@given(st.lists(steps, max_size=10))
def test_whatever_is_loaded_killed_or_repeated_each_version_is_recorded_once(
    taken: list[tuple[str, str, State]],
) -> None:
    with duckdb.connect(config={"threads": 1}) as connection:
        create(connection, OF_CONVERSATIONS.of)
        create(connection, OF_CONVERSATIONS.table)
        story = Story(connection)
        for kind, session, state in taken:
            story.record()  # a run begins with it
            if kind == "an old package is loaded":
                story.load(session, state, START - timedelta(hours=1))
            elif kind == "written again" and session in story.stored:
                story.load(session, story.stored[session][1])
            elif kind == "reset":
                connection.execute("DELETE FROM conversations")  # as after an interrupted one
                story.stored.clear()
            else:
                story.load(session, state)
            if kind != "killed before recording":
                story.record(story.loads[-1:] or None)
        story.record()

        assert story.found() == story.expected


def test_rows_of_other_loads_and_other_bots_are_not_compared(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    story = Story(connection)
    story.load("a", ("resolved", False))
    story.load("b", ("resolved", False))
    connection.execute("UPDATE conversations SET bot_id = 2 WHERE session_id = 'b'")

    assert execute(connection, made(), ["no load"]) == 0
    assert execute(connection, made(), story.loads) == 1


def test_of_a_row_that_is_stored_twice_the_one_that_was_read_last_counts(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    story = Story(connection)
    story.load("a", ("resolved", False))
    connection.execute(
        "INSERT INTO conversations SELECT * REPLACE (synced_at + INTERVAL 1 HOUR AS synced_at, "
        "'unresolved' AS resolution_status) FROM conversations"
    )

    assert execute(connection, made(), None) == 1
    assert [state for _, state in story.found()["a"]] == [("unresolved", False)]


def test_totals_of_voice_are_compared_as_json(connection: duckdb.DuckDBPyConnection) -> None:
    statements = made(OF_ANALYTICS)
    connection.execute(
        "INSERT INTO analytics (bot_id, date, channel, timezone, voice, synced_at) "
        "VALUES (1, '2026-03-01', 'all', 'UTC', '{\"calls\": 1}', '2026-03-02')"
    )

    assert execute(connection, statements, None) == 1
    connection.execute("UPDATE analytics SET synced_at = '2026-03-03', is_final = true")
    assert execute(connection, statements, None) == 0
    connection.execute("UPDATE analytics SET voice = '{\"calls\": 2}'")
    assert execute(connection, statements, None) == 1


def test_after_an_upgrade_a_column_counts_when_both_tables_have_it() -> None:
    stored = {
        "conversations": {column.name: {} for column in OF_CONVERSATIONS.of.columns},
        "conversations__history": {"bot_id": {}, "session_id": {}, "helpful": {}},
    }

    shared = shared_columns(OF_CONVERSATIONS, stored)

    assert [column.name for column in shared] == ["helpful"]
    assert shared_columns(OF_CONVERSATIONS, {}) == OF_CONVERSATIONS.tracked


def test_the_history_has_no_personal_data() -> None:
    for history in (OF_CONVERSATIONS, OF_ANALYTICS):
        assert not any(column.personal for column in history.table.columns)


def test_every_table_with_a_session_is_deleted_with_its_conversation() -> None:
    with_session = {t.name for t in ALL_TABLES if any(c.name == "session_id" for c in t.columns)}

    assert {table.name for table in OF_ONE_CONVERSATION} == with_session - {"rejected"}
