"""The dlt source: the rows in DuckDB, and the behaviour of a standard dlt source."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dlt
import pytest
from dlt.common.configuration import is_secret_hint

from chatislav_source import ConfigurationError, chatislav, sync
from chatislav_source.config import SECRETS, Arguments
from chatislav_source.configured import Configuration, sync_config
from chatislav_source.records.schema import CONVERSATIONS, MESSAGES, TABLES
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.conftest import days_ago

DUCKDB_TYPES = {
    "bigint": "BIGINT",
    "text": "VARCHAR",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "bool": "BOOLEAN",
    "json": "JSON",
    "double": "DOUBLE",
    "date": "DATE",
}


def source(api: Sandbox, **given: Any) -> Any:
    """The source for bot 101 and ten days, with other arguments if given."""
    defaults = {"bot_ids": [101], "api_key": SANDBOX_KEY, "start_date": days_ago(9)}
    return chatislav(**defaults | {"base_url": api.base_url} | given)


def query(pipeline: dlt.Pipeline, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a query; table names need no schema."""
    with pipeline.sql_client() as client:
        return list(client.execute_sql(sql) or [])


def columns(pipeline: dlt.Pipeline, table: str) -> list[tuple[str, str]]:
    """Names and types of a table's columns, in order."""
    return query(
        pipeline,
        "SELECT column_name, data_type FROM information_schema.columns "
        f"WHERE table_schema = 'chatislav' AND table_name = '{table}' ORDER BY ordinal_position",
    )


def test_every_column_exists_with_its_type_after_a_first_load_of_nothing(
    pipeline: dlt.Pipeline,
) -> None:
    with Sandbox(World.generate(bot_ids=(101,), conversations=0)) as api:
        pipeline.run(source(api, start_date=datetime.now(UTC).date()))

    for table in TABLES:
        expected = [(column.name, DUCKDB_TYPES[column.data_type]) for column in table.columns]
        assert columns(pipeline, table.name) == expected


def test_a_plain_run_loads_every_conversation_with_exactly_its_messages(
    api: Sandbox, world: World, pipeline: dlt.Pipeline
) -> None:
    pipeline.run(source(api, bot_ids=[101, 102], start_date=days_ago(90)))

    truth = {
        (bot_id, item["sessionId"], index, message["content"])
        for bot_id in (101, 102)
        for item in world.conversations(bot_id)
        for index, message in enumerate(item["messages"])
    }
    rows = query(
        pipeline,
        "SELECT bot_id, session_id, message_index, content FROM conversations__messages",
    )
    assert len(rows) == len(truth)
    assert set(rows) == truth


def test_running_again_merges_and_duplicates_nothing(
    api: Sandbox, world: World, pipeline: dlt.Pipeline
) -> None:
    pipeline.run(source(api, start_date=days_ago(90)))
    pipeline.run(source(api, start_date=days_ago(90)))

    conversations = query(pipeline, "SELECT session_id FROM conversations")
    assert len(conversations) == len(set(conversations)) == len(world.conversations(101))


def test_messages_are_replaced_as_a_set(api: Sandbox, world: World, pipeline: dlt.Pipeline) -> None:
    session_id = world.add_conversation(101, messages=[])
    for text in ("one", "two", "three"):
        world.add_message(101, session_id, content=text)
    pipeline.run(source(api))
    world.remove_message(101, session_id, index=1, touch=True)

    pipeline.run(source(api))

    rows = query(
        pipeline,
        "SELECT message_index, content FROM conversations__messages "
        f"WHERE session_id = '{session_id}' ORDER BY 1",
    )
    assert rows == [(0, "one"), (1, "three")]


@pytest.mark.parametrize(
    ("messages", "stored_after"),
    [
        pytest.param([], 0, id="an empty list clears them"),
        pytest.param(None, 2, id="null leaves them", marks=pytest.mark.slow),
        pytest.param("absent", 2, id="an absent list leaves them"),
    ],
)
def test_unknown_messages_do_not_remove_messages(
    api: Sandbox, world: World, pipeline: dlt.Pipeline, messages: Any, stored_after: int
) -> None:
    item = world.conversations(101)[0]
    item |= {"lastActivity": datetime.now(UTC), "messages": (item["messages"] * 2)[:2]}
    world.put(101, item)
    pipeline.run(source(api))
    changed = {**item, "messages": messages, "resolutionStatus": "unresolved"}
    if messages == "absent":
        del changed["messages"]
    world.put(101, changed)

    pipeline.run(source(api))

    where = f"WHERE session_id = '{item['sessionId']}'"
    assert query(pipeline, f"SELECT resolution_status FROM conversations {where}") == [
        ("unresolved",)
    ]
    stored = query(pipeline, f"SELECT count(*) FROM conversations__messages {where}")
    assert stored == [(stored_after,)]


def test_one_resource_can_be_selected(api: Sandbox, pipeline: dlt.Pipeline) -> None:
    pipeline.run(source(api).with_resources("analytics"))

    assert api.count("/conversations") == 0
    assert "conversations" not in pipeline.default_schema.tables
    assert query(pipeline, "SELECT count(DISTINCT date) FROM analytics") == [(10,)]


def test_after_a_run_resources_have_the_names_of_their_tables(
    api: Sandbox, pipeline: dlt.Pipeline
) -> None:
    loaded = source(api, start_date=days_ago(3))

    pipeline.run(loaded)

    names = {resource.name: resource.table_name for resource in loaded.resources.values()}
    assert names == {"conversations": "conversations", "analytics": "analytics"}


def test_arguments_come_from_dlt_config_where_they_are_not_given(
    api: Sandbox, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__CHATISLAV__BASE_URL", api.base_url)
    monkeypatch.setenv("SOURCES__CHATISLAV__BOT_IDS", "[102]")
    monkeypatch.setenv("SOURCES__CHATISLAV__TIMEZONE", "Europe/Belgrade")

    pipeline.run(chatislav())

    assert query(pipeline, "SELECT DISTINCT bot_id FROM conversations") == [(102,)]
    assert query(pipeline, "SELECT DISTINCT timezone FROM analytics") == [("Europe/Belgrade",)]


CONFIGURED = {
    "BOT_IDS": ("[102]", "bot_ids", (102,)),
    "BASE_URL": ("http://127.0.0.1:9/api", "base_url", "http://127.0.0.1:9/api"),
    "START_DATE": ("2026-06-01", "start_date", date(2026, 6, 1)),
    "TIMEZONE": ("Europe/Belgrade", "timezone", "Europe/Belgrade"),
    "LOOKBACK_DAYS": ("3", "lookback_days", 3),
    "ANALYTICS_LOOKBACK_DAYS": ("4", "analytics_lookback_days", 4),
    "ANALYTICS_CHANNELS": ('["viber"]', "analytics_channels", ("viber",)),
    "ANALYTICS_PERIODS": ("week, month", "analytics_periods", ("week", "month")),
    "GUARDRAIL_FLAGS": ("true", "guardrail_flags", True),
    "HISTORY": ("true", "history", True),
    "MAX_CONCURRENCY": ("5", "max_concurrency", 5),
    "REQUESTS_PER_SECOND": ("2.5", "requests_per_second", 2.5),
    "RETENTION_DAYS": ("180", "retention_days", 180),
}


def test_each_argument_is_read_from_the_environment_with_its_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", "first")
    monkeypatch.setenv("SOURCES__CHATISLAV__SECONDARY_API_KEY", "second")
    for name, (text, _, _) in CONFIGURED.items():
        monkeypatch.setenv(f"SOURCES__CHATISLAV__{name}", text)

    config = sync_config("any")

    assert {name: getattr(config, name) for _, name, _ in CONFIGURED.values()} == {
        name: value for _, name, value in CONFIGURED.values()
    }
    assert config.keys == ("first", "second")


def test_a_date_in_toml_needs_no_quotes(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    (tmp_path / ".dlt/config.toml").write_text(
        "[sources.chatislav]\nbot_ids = [7]\nstart_date = 2026-06-01\nend_date = 2026-06-30\n"
    )
    code = (
        "from chatislav_source.configured import sync_config\n"
        "print(sync_config('any', api_key='key').backfill_range)"
    )

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "2026-06-01/2026-06-30\n"


def test_none_is_the_same_as_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__TIMEZONE", "Europe/Belgrade")

    config = sync_config("any", bot_ids=[7], api_key="key", timezone=None, max_concurrency=None)

    assert (config.timezone, config.max_concurrency) == ("Europe/Belgrade", 8)


def test_the_section_of_a_pipeline_has_priority(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", "of all")
    monkeypatch.setenv("NIGHTLY__SOURCES__CHATISLAV__API_KEY", "nightly")

    config = sync_config("nightly", bot_ids=[7])

    assert config.keys == ("nightly",)


def test_a_source_can_have_a_config_section_of_its_own(
    api: Sandbox, pipeline: dlt.Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCES__OTHER__BOT_IDS", "[102]")
    other = chatislav.with_args(section="other")

    pipeline.run(other(api_key=SANDBOX_KEY, base_url=api.base_url, start_date=days_ago(9)))

    assert query(pipeline, "SELECT DISTINCT bot_id FROM conversations") == [(102,)]


def test_dlt_treats_the_keys_as_secrets() -> None:
    hints = Configuration.get_resolvable_fields()

    assert {name for name, hint in hints.items() if is_secret_hint(hint)} == SECRETS
    assert list(hints) == list(Arguments.__annotations__)


def test_an_unknown_argument_is_refused(pipeline: dlt.Pipeline) -> None:
    unknown: Any = {"bot_idz": [7]}

    with pytest.raises(TypeError, match="no argument bot_idz"):
        chatislav(**unknown)
    with pytest.raises(TypeError, match="no argument bot_idz"):
        sync(pipeline, **unknown)


def test_a_bot_that_cannot_be_read_fails_a_plain_run_as_a_whole(
    api: Sandbox, pipeline: dlt.Pipeline
) -> None:
    api.settings.bot_status = {102: 404}

    with pytest.raises(Exception, match="HTTP 404"):
        pipeline.run(source(api, bot_ids=[101, 102]))

    assert pipeline.schema_names == []


def test_bad_arguments_are_refused_before_any_request(api: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="end_date 2026-01-01 is before"):
        source(api, start_date="2026-02-01", end_date="2026-01-01")

    assert api.count() == 0


def test_tables_and_columns_have_descriptions_and_keys_in_the_schema(
    api: Sandbox, pipeline: dlt.Pipeline
) -> None:
    pipeline.run(source(api))

    tables = pipeline.default_schema.tables
    for table in TABLES:
        landed = tables[table.name]
        assert landed["description"] == table.description
        for column in table.columns:
            hints = dict(landed["columns"][column.name])
            assert hints["description"] == column.description
            assert hints.get("x-annotation-pii", False) == column.personal
    assert tables["analytics"]["columns"]["timezone"]["primary_key"]
    assert tables[MESSAGES.name]["references"][0]["referenced_table"] == CONVERSATIONS.name


def test_analytics_of_today_are_not_final_and_those_before_the_lookback_are(
    api: Sandbox, pipeline: dlt.Pipeline
) -> None:
    pipeline.run(source(api, analytics_lookback_days=3))

    rows = query(pipeline, "SELECT date, is_final FROM analytics ORDER BY date DESC LIMIT 5")
    assert rows[0][0] == datetime.now(UTC).date()
    assert [final for _, final in rows] == [False, False, False, False, True]


def test_voice_is_json_and_null_for_text_agents(api: Sandbox, pipeline: dlt.Pipeline) -> None:
    pipeline.run(source(api, bot_ids=[101, 103]))

    kinds = query(
        pipeline, "SELECT DISTINCT bot_id, is_voice_bot, json_type(voice) FROM analytics ORDER BY 1"
    )
    assert kinds == [(101, False, None), (103, True, "OBJECT")]


def test_instants_without_an_offset_are_read_in_the_given_zone(
    world: World, pipeline: dlt.Pipeline
) -> None:
    world.put(
        101,
        {
            "sessionId": "s",
            "createdAt": "2026-07-01T12:00:00",
            "lastActivity": "2026-07-01T12:00:00",
        },
    )
    with Sandbox(world) as api:
        given = {"start_date": date(2026, 6, 30), "end_date": "2026-07-02"}
        pipeline.run(source(api, api_timezone="Europe/Belgrade", **given))

    rows = query(pipeline, "SELECT created_at FROM conversations WHERE session_id = 's'")
    assert rows == [(datetime(2026, 7, 1, 10, tzinfo=UTC),)]


def test_dlt_shows_the_pipeline(
    api: Sandbox, new_pipeline: Callable[..., dlt.Pipeline], tmp_path: Path
) -> None:
    pipeline = new_pipeline("chatislav")
    pipeline.run(source(api))
    dlt_command = Path(sys.executable).with_name("dlt")

    shown = subprocess.run(
        [dlt_command, "pipeline", "--pipelines-dir", tmp_path / "pipelines", "chatislav", "info"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert re.search(r"conversations.*\n", shown.stdout)
    assert "analytics" in shown.stdout
