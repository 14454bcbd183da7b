"""dlt's verbs (`add_map`, `add_filter`, `add_limit` ...) mean the same on every warehouse."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest

from chatislav_source import ConfigurationError, chatislav, sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.default_suite import mostly_slow

from .conftest import warehouse_of
from .servers.mysql import is_installed as mysql_is_installed
from .story import TODAY
from .warehouses import Row, Warehouse

PHONE = "contact__phone_number"
EMPTIED = "emptied"


@pytest.fixture
def api() -> Iterator[Sandbox]:
    """A bot with 20 conversations of today, one of them without messages; in small pages."""
    world = World.generate(bot_ids=(1,), conversations=19, days=1, last_day=TODAY, messages=2)
    for index, item in enumerate(world.conversations(1)):
        contact = {"ipAddress": "10.0.0.1", "phoneNumber": f"+38160{index}"}
        world.change(1, str(item["sessionId"]), contact=contact)
    world.add_conversation(1, session_id=EMPTIED, messages=[])
    with Sandbox(world) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load has several items of each table; a few rows are appended where a warehouse can."""
    module = "chatislav_source.streams.conversations.window_retries"
    monkeypatch.setattr(f"{module}.MAX_PAGE_SIZE", 5)
    monkeypatch.setattr("chatislav_source.extract.page_groups.GROUP_BYTES", 1)
    monkeypatch.setattr("chatislav_source.runner.resources.ITEM_BYTES", 1)
    monkeypatch.setattr("chatislav_source.destinations.duckdb.APPEND_FROM_ROWS", 1)


Customize = Callable[[Any], Any]
Load = Callable[[dlt.Pipeline, Sandbox, Customize], Any]


def arguments(api: Sandbox) -> Any:
    """A load of today."""
    key = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
    return {"bot_ids": [1], "start_date": TODAY.isoformat()} | key


def plain(pipeline: dlt.Pipeline, api: Sandbox, customize: Customize) -> None:
    """Load with `pipeline.run`."""
    source = chatislav(**arguments(api))
    customize(source)
    pipeline.run(source)


def synced(pipeline: dlt.Pipeline, api: Sandbox, customize: Customize) -> None:
    """Load with `sync`."""
    sync(pipeline, customize=customize, **arguments(api))


def unchanged(_: Any) -> None:
    """Add no step."""


LOADS: dict[str, Load] = {"plain": plain, "synced": synced}
PLACES = [("duckdb", "plain"), ("duckdb", "synced"), ("postgres", "synced")]
OTHERS = ("snowflake", "bigquery", "sqlite", "filesystem", "ducklake", "delta", "iceberg")
"""Warehouses where the verbs are tested together, in one story."""
if mysql_is_installed():
    OTHERS = (*OTHERS, "mysql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each way to load, and each warehouse."""
    if "warehouse" in metafunc.fixturenames:
        cases = mostly_slow(PLACES, ("duckdb", "synced"))
        metafunc.parametrize(("warehouse", "load"), cases, indirect=True)
    elif "load" in metafunc.fixturenames:
        metafunc.parametrize("load", mostly_slow(LOADS, "synced"), indirect=True)


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """The warehouse of that name."""
    return warehouse_of(request, request.param, tmp_path)


@pytest.fixture
def load(request: pytest.FixtureRequest) -> Load:
    """The way to load of that name."""
    return LOADS[request.param]


def hashed(text: str | None) -> str | None:
    """As a step of a user would hide a value."""
    return hashlib.sha256(text.encode()).hexdigest() if text else None


def with_hashes(table: pa.Table, column: str) -> pa.Table:
    """The table with hashes in a column, in a table that has lost its metadata."""
    values = pa.array([hashed(text) for text in table[column].to_pylist()])
    place = table.column_names.index(column)
    return table.set_column(place, column, values).replace_schema_metadata(None)


def hide_phone(table: pa.Table) -> pa.Table:
    """A step for `add_map`."""
    return with_hashes(table, PHONE) if PHONE in table.column_names else table


def rows(warehouse: Warehouse, pipeline: dlt.Pipeline, table: str = "conversations") -> list[Row]:
    """The stored rows."""
    return warehouse.rows(pipeline, table)


def differences(warehouse: Warehouse, pipeline: dlt.Pipeline, api: Sandbox) -> list[Any]:
    """Conversations and messages that are missing, extra or double."""
    items = api.world.conversations(1)
    found = [row["session_id"] for row in rows(warehouse, pipeline)]
    expected = [str(item["sessionId"]) for item in items]
    texts = [
        (row["session_id"], row["message_index"], row["content"])
        for row in rows(warehouse, pipeline, "conversations__messages")
    ]
    written = [
        (str(item["sessionId"]), index, message["content"])
        for item in items
        for index, message in enumerate(item["messages"])
    ]
    pairs = ((sorted(found), sorted(expected)), (sorted(texts), sorted(written)))
    return [pair for pair in pairs if pair[0] != pair[1]]


def test_a_map_that_hashes_a_phone_number_works(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    load(pipeline, api, lambda source: source.conversations.add_map(hide_phone))

    phones = {item["contact"].get("phoneNumber") for item in api.world.conversations(1)}
    assert {row[PHONE] for row in rows(warehouse, pipeline)} == {hashed(each) for each in phones}
    assert differences(warehouse, pipeline, api) == []


def test_a_step_knows_the_table_by_the_metadata_and_by_dlts_meta(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    seen: set[tuple[str, str, bool]] = set()

    def look(table: pa.Table, meta: Any) -> pa.Table:
        name = table.schema.metadata[b"table"].decode()
        seen.add((name, meta.table_name, isinstance(table, pa.Table)))
        return table

    def add(source: Any) -> None:
        source.conversations.add_map(look)
        source.analytics.add_map(look)

    load(warehouse.pipeline(tmp_path), api, add)

    names = ("conversations", "conversations__messages", "analytics")
    assert seen == {(name, name, True) for name in names}


@pytest.mark.parametrize("limit", mostly_slow([1, 2, 3], 2))
def test_a_load_that_is_cut_is_completed_by_the_next(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load, limit: int
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    load(pipeline, api, lambda source: source.conversations.add_limit(limit))

    messages = rows(warehouse, pipeline, "conversations__messages")
    with_rows = {row["session_id"] for row in messages}
    assert 0 < len(with_rows) < 19
    if limit > 1:
        found = {row["session_id"] for row in rows(warehouse, pipeline)}
        assert 0 < len(found) < 20
        assert found - {EMPTIED} <= with_rows

    load(pipeline, api, unchanged)

    assert differences(warehouse, pipeline, api) == []


def test_a_limit_of_conversations_leaves_analytics_complete(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    synced(pipeline, api, lambda source: source.conversations.add_limit(1))

    assert len(rows(duckdb_warehouse, pipeline, "analytics")) == 1


def halves(table: pa.Table) -> Iterator[pa.Table]:
    """A step for `add_yield_map`."""
    middle = table.num_rows // 2
    yield table.slice(0, middle)
    yield table.slice(middle)


def as_rows(table: pa.Table) -> Iterator[list[Row]]:
    """A step for `add_yield_map` that leaves Arrow."""
    yield table.to_pylist()


@pytest.mark.parametrize(
    "step", mostly_slow([halves, as_rows], halves), ids=lambda step: step.__name__
)
def test_a_yield_map_may_make_several_items_of_one(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load, step: Any
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    load(pipeline, api, lambda source: source.conversations.add_yield_map(step))
    load(pipeline, api, lambda source: source.conversations.add_yield_map(step))

    assert differences(warehouse, pipeline, api) == []
    texts = warehouse.json_text(pipeline, "conversations", "summary", "sentiment")
    assert {item["summary"]["sentiment"] for item in api.world.conversations(1) if item["summary"]}
    assert any(texts)


def test_a_step_may_give_rows_one_by_one(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    def one_by_one(table: pa.Table) -> Iterator[Row]:
        yield from table.to_pylist()

    load(pipeline, api, lambda source: source.conversations.add_yield_map(one_by_one))

    assert differences(duckdb_warehouse, pipeline, api) == []


def test_a_filter_leaves_out_rows_of_its_table_only(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    def not_messages(table: pa.Table) -> bool:
        return table.schema.metadata[b"table"] != b"conversations__messages"

    load(pipeline, api, lambda source: source.conversations.add_filter(not_messages))

    assert len(rows(warehouse, pipeline)) == 20
    assert "conversations__messages" not in pipeline.default_schema.tables


def every_other(table: pa.Table) -> pa.Table:
    """A step for `add_map` that leaves out rows."""
    return table.filter(pa.array([place % 2 == 0 for place in range(table.num_rows)]))


def no_rows(table: pa.Table) -> pa.Table:
    """A step for `add_map` that leaves out all rows."""
    return table.slice(0, 0)


@pytest.mark.parametrize(
    "step", mostly_slow([every_other, no_rows], every_other), ids=lambda step: step.__name__
)
def test_rows_that_a_step_left_out_are_not_unchanged_once_it_is_gone(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load, step: Any
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    def leave_out(source: Any) -> None:
        source.conversations.add_map(step)
        source.analytics.add_map(no_rows)

    load(pipeline, api, leave_out)
    assert len(rows(warehouse, pipeline)) < 20
    assert rows(warehouse, pipeline, "analytics") == []

    load(pipeline, api, unchanged)

    assert differences(warehouse, pipeline, api) == []
    assert len(rows(warehouse, pipeline, "analytics")) == 1


def test_conversations_whose_messages_a_step_left_out_were_not_stored_twice(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    def first_messages(table: pa.Table) -> pa.Table:
        is_message = table.schema.metadata[b"table"] == b"conversations__messages"
        return table.filter(pc.equal(table["message_index"], 0)) if is_message else table

    def add(source: Any) -> None:
        source.conversations.add_map(first_messages)

    load(pipeline, api, add)
    requests = api.count("/conversations")
    load(pipeline, api, add)
    with_another_bot = arguments(api) | {"bot_ids": [1, 2]}
    report = sync(pipeline, customize=add, **with_another_bot)

    assert len(rows(warehouse, pipeline)) == 20
    assert len(rows(warehouse, pipeline, "conversations__messages")) == 19
    assert report.warnings == []
    assert api.count("/conversations") <= 4 * requests  # one of them is for the other bot


LOADS_OF_ROWS = """
SELECT r._dlt_load_id AS load_id, l.status AS status
FROM {rows} r LEFT JOIN {loads} l ON l.load_id = r._dlt_load_id
"""


def loads_of_rows(warehouse: Warehouse, pipeline: dlt.Pipeline, table: str) -> list[Row]:
    """The load of each row of a table, and its status."""
    qualified = {"rows": table, "loads": "_dlt_loads"}
    names = {name: warehouse.qualified(pipeline, each) for name, each in qualified.items()}
    return warehouse.execute(pipeline, LOADS_OF_ROWS.format(**names))


@pytest.mark.parametrize(
    "drops", mostly_slow([False, True], True), ids=["as it is", "dropped by a step"]
)
def test_every_row_has_the_id_of_a_completed_load(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load, drops: bool
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    def without_id(table: pa.Table) -> pa.Table:
        return table.drop_columns(["_dlt_load_id"]) if drops else table

    def add(source: Any) -> None:
        source.conversations.add_map(without_id)
        source.analytics.add_map(without_id)

    load(pipeline, api, add)
    api.world.change(1, str(api.world.conversations(1)[0]["sessionId"]), channel="viber")
    load(pipeline, api, add)

    counts = {"conversations": 20, "conversations__messages": 19 * 2, "analytics": 1}
    for table, count in counts.items():
        found = loads_of_rows(warehouse, pipeline, table)
        assert {row["status"] for row in found} == {0}
        assert len(found) == count
        assert table == "analytics" or len({row["load_id"] for row in found}) == 2


def with_domain(table: pa.Table) -> pa.Table:
    """A step for `add_map` that adds a column and removes another."""
    if PHONE not in table.column_names:
        return table
    domain = pa.repeat(pa.scalar("example.com"), table.num_rows)
    return table.drop_columns([PHONE]).append_column("domain", domain)


def test_a_step_may_add_and_remove_columns(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    pipeline = warehouse.pipeline(tmp_path)

    load(pipeline, api, lambda source: source.conversations.add_map(with_domain))

    found = rows(warehouse, pipeline)
    assert {(row["domain"], row.get(PHONE)) for row in found} == {("example.com", None)}


def test_a_conversation_that_was_emptied_is_never_a_message(
    warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    """Also if a step of the user drops the column that marks such rows."""
    pipeline = warehouse.pipeline(tmp_path)

    def without_mark(table: pa.Table) -> pa.Table:
        is_message = "_deleted" in table.column_names
        return table.drop_columns(["_deleted"]) if is_message else table

    def add(source: Any) -> None:
        source.conversations.add_map(without_mark)

    load(pipeline, api, add)
    assert differences(warehouse, pipeline, api) == []

    api.world.change(1, str(api.world.conversations(1)[0]["sessionId"]), messages=[])
    load(pipeline, api, add)

    assert differences(warehouse, pipeline, api) == []


@pytest.mark.parametrize("name", mostly_slow(OTHERS, "sqlite"))
def test_the_verbs_mean_the_same_on_every_other_warehouse(
    request: pytest.FixtureRequest,
    name: str,
    api: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    warehouse = warehouse_of(request, name, tmp_path)
    for setting, value in warehouse.settings:
        monkeypatch.setenv(setting, value)
    pipeline = warehouse.pipeline(tmp_path)

    def cut_short(source: Any) -> None:
        source.conversations.add_limit(2)
        source.analytics.add_map(no_rows)

    synced(pipeline, api, cut_short)
    cut = {row["session_id"] for row in rows(warehouse, pipeline)}
    assert 0 < len(cut) < 20

    def hide(source: Any) -> None:
        source.conversations.add_map(hide_phone).add_yield_map(halves)
        source.analytics.add_map(no_rows)

    synced(pipeline, api, hide)
    assert differences(warehouse, pipeline, api) == []
    phones = {row[PHONE] for row in rows(warehouse, pipeline) if row["session_id"] not in cut}
    assert {len(text or "") for text in phones} <= {64, 0}
    assert rows(warehouse, pipeline, "analytics") == []

    emptied, moved = (str(item["sessionId"]) for item in api.world.conversations(1)[:2])
    api.world.change(1, emptied, messages=[])
    api.world.change(1, moved, channel="viber")
    step = hide_phone if name == "iceberg" else with_domain  # pyiceberg merges no other columns
    synced(pipeline, api, lambda s: s.conversations.add_map(step).add_yield_map(as_rows))
    assert differences(warehouse, pipeline, api) == []
    found = {row["session_id"]: row for row in rows(warehouse, pipeline)}
    if step is with_domain:
        assert {found[each]["domain"] for each in (emptied, moved)} == {"example.com"}
    assert len(rows(warehouse, pipeline, "analytics")) == 1
    for table in ("conversations", "conversations__messages", "analytics"):
        assert {row["status"] for row in loads_of_rows(warehouse, pipeline, table)} == {0}


def test_keys_that_a_step_replaces_are_found_again(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path
) -> None:
    """The choice to append looks at the rows after the steps, so no row is stored twice."""
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    def hide_key(source: Any) -> None:
        source.conversations.add_map(lambda table: with_hashes(table, "session_id"))

    again = arguments(api) | {"end_date": TODAY.isoformat()}  # a backfill reads all rows again
    for _ in range(2):
        sync(pipeline, customize=hide_key, **again)

    found = [row["session_id"] for row in rows(duckdb_warehouse, pipeline)]
    assert sorted(found) == sorted(
        str(hashed(str(item["sessionId"]))) for item in api.world.conversations(1)
    )
    assert len(rows(duckdb_warehouse, pipeline, "conversations__messages")) == 19 * 2


def test_a_filter_that_sees_rows_late_does_not_store_them_twice(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)
    again = arguments(api) | {"end_date": TODAY.isoformat()}

    def one_by_one(table: pa.Table) -> Iterator[pa.Table]:
        for place in range(table.num_rows):
            yield table.slice(place, 1)

    for _ in range(2):
        sync(pipeline, customize=lambda s: s.conversations.add_yield_map(one_by_one), **again)

    assert differences(duckdb_warehouse, pipeline, api) == []


def test_iteration_gives_arrow_tables_of_rows(api: Sandbox) -> None:
    source = chatislav(**arguments(api))
    source.conversations.add_map(hide_phone).add_limit(4)

    items = list(source.conversations)

    assert [type(item) for item in items] == [pa.Table] * 4
    assert all(item.num_rows for item in items)
    phones = [item[PHONE] for item in items if PHONE in item.column_names]
    lengths = {len(text or "") for column in phones for text in column.to_pylist()}
    assert lengths <= {64, 0}


@pytest.mark.parametrize("drops", [False, True])
def test_iteration_gives_rows_of_no_load(api: Sandbox, drops: bool) -> None:
    source = chatislav(**arguments(api))
    if drops:
        source.conversations.add_map(lambda table: table.drop_columns(["_dlt_load_id"]))

    items = list(source.conversations)

    assert {"_dlt_load_id" in item.column_names for item in items} == {not drops}
    ids = [item["_dlt_load_id"].to_pylist() for item in items if not drops]
    assert {each for column in ids for each in column} <= {None}


@pytest.mark.parametrize("destination", ["duckdb", "filesystem", "sqlalchemy"])
def test_iteration_gives_rows_whatever_the_active_pipeline_can_merge(
    api: Sandbox, tmp_path: Path, destination: str
) -> None:
    folder, url = str(tmp_path / "dlt"), f"sqlite:///{tmp_path}/warehouse.sqlite"
    made = {
        "duckdb": "duckdb",
        "filesystem": dlt.destinations.filesystem(str(tmp_path / "files")),
        "sqlalchemy": dlt.destinations.sqlalchemy(url),
    }
    dlt.pipeline(f"active_{destination}", destination=made[destination], pipelines_dir=folder)

    rows = sum(item.num_rows for item in chatislav(**arguments(api)).analytics)

    assert rows == 1


HINTS = {
    "table_name": {"table_name": "chats"},
    "write_disposition": {"write_disposition": "append"},
    "primary_key": {"primary_key": "company_id"},
    "merge_key": {"merge_key": "company_id"},
    "incremental": {"incremental": dlt.sources.incremental("last_activity")},
}


@pytest.mark.parametrize("hint", HINTS)
def test_a_hint_that_cannot_be_honoured_is_refused(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path, hint: str
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    with pytest.raises(ConfigurationError, match=f"hint {hint} of resource conversations cannot"):
        synced(pipeline, api, lambda source: source.conversations.apply_hints(**HINTS[hint]))


@pytest.mark.parametrize("hint", ["table_name", "write_disposition"])
def test_an_argument_of_run_that_cannot_be_honoured_is_refused(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path, hint: str
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)
    given: Any = HINTS[hint]

    with pytest.raises(Exception, match=f"hint {hint} of resource \\w+ cannot be honoured"):
        pipeline.run(chatislav(**arguments(api)), **given)

    assert pipeline.schema_names == []


def test_a_refresh_loads_everything_anew(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)
    plain(pipeline, api, lambda source: source.conversations.add_map(hide_phone))

    pipeline.run(chatislav(**arguments(api)), refresh="drop_resources")

    assert differences(duckdb_warehouse, pipeline, api) == []
    phones = {item["contact"].get("phoneNumber") for item in api.world.conversations(1)}
    assert {row[PHONE] for row in rows(duckdb_warehouse, pipeline)} == phones


def test_hints_of_columns_are_honoured(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path, load: Load
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)
    hints: Any = {PHONE: {"x-annotation-pii": True, "description": "Their number."}}

    load(pipeline, api, lambda source: source.conversations.apply_hints(columns=hints))

    columns: Any = pipeline.default_schema.get_table_columns("conversations")
    assert columns[PHONE]["x-annotation-pii"]
    assert columns[PHONE]["description"] == "Their number."
    assert columns["bot_id"]["primary_key"]
    assert PHONE not in pipeline.default_schema.get_table_columns("conversations__messages")


def test_where_rows_are_only_appended_an_emptied_conversation_is_no_message_either(
    api: Sandbox, tmp_path: Path
) -> None:
    files = dlt.destinations.filesystem((tmp_path / "bucket").as_uri())
    pipeline = dlt.pipeline(
        "files", destination=files, dataset_name="chat", pipelines_dir=str(tmp_path / "pipelines")
    )

    pipeline.run(chatislav(**arguments(api)), loader_file_format="parquet")

    found = ds.dataset(tmp_path / "bucket" / "chat" / "conversations__messages").to_table()
    assert found.num_rows == 19 * 2
    assert found["content"].null_count == 0


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda table: table.drop_columns(["session_id"]), "removed the column session_id"),
        (lambda table: table.num_rows, "returned int"),
    ],
)
def test_what_a_step_must_not_return_is_said(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path, step: Any, said: str
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    with pytest.raises(ConfigurationError, match=said):
        synced(pipeline, api, lambda source: source.conversations.add_map(step))


def test_a_sync_may_load_one_resource(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    report = sync(pipeline, resources=["analytics"], **arguments(api))

    assert {each.resource for each in report.resources} == {"analytics"}
    assert api.count("/conversations") == 0
    assert "conversations" not in pipeline.default_schema.tables


def test_customize_may_select_a_resource(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path
) -> None:
    pipeline = duckdb_warehouse.pipeline(tmp_path)

    synced(pipeline, api, lambda source: source.with_resources("analytics"))

    assert api.count("/conversations") == 0


@pytest.mark.parametrize("names", [["messages"], []])
def test_a_resource_that_does_not_exist_is_refused(
    duckdb_warehouse: Warehouse, api: Sandbox, tmp_path: Path, names: list[str]
) -> None:
    with pytest.raises(ConfigurationError, match="There is no resource"):
        sync(duckdb_warehouse.pipeline(tmp_path), resources=names, **arguments(api))
