"""Fixtures: each warehouse is started once, for the first test that uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import duckdb
import pytest

from . import warehouses
from .loopback import only_loopback
from .servers.bigquery import HOST_VARIABLE, bigquery_emulator, service_account
from .servers.environments import EnvironmentNotBuiltError
from .servers.mysql import is_installed as mysql_is_installed
from .servers.mysql import mysql_server
from .servers.postgres import PostgresNotInstalledError, postgres_server
from .servers.snowflake import snowflake_emulator
from .telling import Told, tell
from .warehouses import Warehouse

REQUIRE_ALL = "CHATISLAV_TEST_REQUIRE_ALL"
WAREHOUSES = ("duckdb", "postgres", "snowflake", "bigquery")
OTHERS = ("sqlite", "filesystem", "ducklake", "ducklake on postgres", "delta", "iceberg")
if mysql_is_installed():
    OTHERS = (*OTHERS, "mysql")
LONG = {"snowflake", "bigquery", *OTHERS} - {"sqlite", "filesystem"}
STORY_SECONDS = 300  # on a busy machine; usually 15
IGNORED_WARNINGS = (
    # on purpose not installed: its gRPC connections would not obey the guard against real hosts
    "ignore:Cannot create BigQuery Storage client:UserWarning",
    # dlt opens the connection and leaves this choice to the connector
    "ignore:enable_server_session_keep_alive_auto_detection:FutureWarning",
)


@pytest.hookimpl(tryfirst=True)  # before tests are deselected by their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Ignore the warnings of database clients, set timeouts, and mark slow tests."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            for warning in IGNORED_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))
            # the first test waits until the story has run
            item.add_marker(pytest.mark.timeout(STORY_SECONDS))
            if _is_long(item):
                item.add_marker(pytest.mark.slow)


def _is_long(item: pytest.Item) -> bool:
    """Whether the test uses an emulator, or a warehouse that takes as long."""
    callspec = getattr(item, "callspec", None)
    params = callspec.params if callspec else {}
    # all the other tests of exactness compare DuckDB's rows with the truth
    is_other_story = params.get("told") in {*OTHERS, "duckdb"}
    return is_other_story or not LONG.isdisjoint({params.get("told"), params.get("warehouse")})


@pytest.fixture(scope="package", autouse=True)
def no_outside_world() -> Iterator[None]:
    """Prevent connections to other machines in these tests."""
    with only_loopback(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        yield


@pytest.fixture(scope="package")
def postgres_url() -> Iterator[str]:
    """The URL of an empty Postgres server."""
    require_client("psycopg2", "postgres")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres_server())
        except PostgresNotInstalledError as error:
            _unavailable(str(error))
        yield url


@pytest.fixture(scope="package")
def mysql_url() -> Iterator[str]:
    """The URL of an empty MariaDB server."""
    require_client("sqlalchemy", "sqlalchemy")
    require_client("pymysql", "mysql")
    with mysql_server() as url:
        yield url


@pytest.fixture(scope="package")
def snowflake_credentials() -> Iterator[str]:
    """Credentials for the Snowflake emulator."""
    require_client("snowflake.connector", "snowflake")
    with ExitStack() as stack:
        try:
            credentials = stack.enter_context(snowflake_emulator())
        except EnvironmentNotBuiltError as error:
            _unavailable(str(error))
        yield credentials


@pytest.fixture(scope="package")
def bigquery_credentials() -> Iterator[dict[str, str]]:
    """Credentials for the BigQuery emulator, whose address is set in the environment."""
    require_client("google.cloud.bigquery", "bigquery")
    with ExitStack() as stack:
        try:
            address = stack.enter_context(bigquery_emulator())
        except EnvironmentNotBuiltError as error:
            _unavailable(str(error))
        stack.enter_context(pytest.MonkeyPatch.context()).setenv(HOST_VARIABLE, address)
        yield stack.enter_context(service_account())


@pytest.fixture(scope="package")
def ducklake_extensions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """DuckDB finds the extensions that packages have, in a HOME of its own; it downloads none."""
    home = tmp_path_factory.mktemp("home")
    for name in ("ducklake", "postgres_scanner", "delta", "iceberg", "avro"):
        require_client(f"duckdb_extension_{name}", "test-lakes")
        package = Path(str(files(f"duckdb_extension_{name}"))) / "extensions"
        if not (package / f"v{duckdb.__version__}").exists():
            _unavailable(f"{package.parent.name} is not of DuckDB {duckdb.__version__}")
        for found in package.rglob(f"v{duckdb.__version__}/**/*.duckdb_extension*"):
            (platform,) = duckdb.execute("SELECT platform FROM pragma_platform()").fetchone() or ()
            folder = home / ".duckdb/extensions" / f"v{duckdb.__version__}" / platform
            folder.mkdir(parents=True, exist_ok=True)
            (folder / found.name).symlink_to(found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        yield


@pytest.fixture(params=WAREHOUSES)
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Warehouse:
    """Each warehouse in turn."""
    return warehouse_of(request, request.param, tmp_path)


def warehouse_of(request: pytest.FixtureRequest, name: str, folder: Path) -> Warehouse:
    """The warehouse of that name, started if it is not; DuckDB's file is in `folder`."""
    match name:
        case "duckdb":
            return warehouses.duckdb(folder / "warehouse.duckdb")
        case "postgres":
            return warehouses.postgres(request.getfixturevalue("postgres_url"))
        case "snowflake":
            return warehouses.snowflake(request.getfixturevalue("snowflake_credentials"))
        case "sqlite":
            require_client("sqlalchemy", "sqlalchemy")
            return warehouses.sqlite(folder / "warehouse.sqlite")
        case "filesystem":
            return warehouses.filesystem(folder / "files")
        case "ducklake":
            request.getfixturevalue("ducklake_extensions")
            return warehouses.ducklake(f"duckdb:///{folder / 'catalog.duckdb'}", folder / "lake")
        case "ducklake on postgres":
            request.getfixturevalue("ducklake_extensions")
            # of its own, as a catalog is of one folder only
            catalog = new_database(request.getfixturevalue("postgres_url"))
            return warehouses.ducklake(catalog, folder / "lake")
        case "delta" | "iceberg":
            require_client(*["deltalake" if name == "delta" else "pyiceberg"] * 2)
            request.getfixturevalue("ducklake_extensions")
            return warehouses.open_tables(folder / "files", name)
        case "mysql":
            return warehouses.mysql(request.getfixturevalue("mysql_url"))
        case _:
            return warehouses.bigquery(request.getfixturevalue("bigquery_credentials"))


def new_database(postgres_url: str, options: str = "") -> str:
    """The URL of an empty database, created with these options."""
    import psycopg2

    name = f"new_{uuid4().hex}"
    connection = psycopg2.connect(postgres_url)
    try:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name} {options}")
    finally:
        connection.close()
    return f"{postgres_url.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="package")
def stories() -> dict[str, Told]:
    """The result of the story in each warehouse; runs when a test first needs it."""
    return {}


@pytest.fixture(scope="package", params=(*WAREHOUSES, *OTHERS))  # so that pytest groups by them
def told(
    request: pytest.FixtureRequest,
    stories: dict[str, Told],
    tmp_path_factory: pytest.TempPathFactory,
) -> Told:
    """The result of the story in each warehouse."""
    name = request.param
    if name not in stories:
        folder = tmp_path_factory.mktemp(name)
        stories[name] = tell(warehouse_of(request, name, folder), folder)
    return stories[name]


@pytest.fixture
def duckdb_warehouse(tmp_path: Path) -> Warehouse:
    """A DuckDB file of its own."""
    return warehouses.duckdb(tmp_path / "warehouse.duckdb")


def require_client(module: str, extra: str) -> None:
    """Skip or fail unless a warehouse's client is installed."""
    try:
        found = find_spec(module)
    except ModuleNotFoundError:
        found = None
    if found is None:
        _unavailable(f"{module} is not installed: pip install 'chatislav-source[{extra}]'")


def _unavailable(reason: str) -> NoReturn:
    """Skip if the machine lacks a requirement, but fail where all are required."""
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(reason)
    pytest.skip(reason)
