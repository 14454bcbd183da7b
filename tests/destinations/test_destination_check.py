"""`chatislav check` of the destination: the result, and the advice in its errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from chatislav_source import ConfigurationError, sync
from chatislav_source.cli.access.destination import check_destination, without_secrets
from chatislav_source.cli.commands import cli
from chatislav_source.cli.status import statuses
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from .story import TODAY
from .warehouses import Warehouse

PASSWORD = "s3cret-of-the-user"


def config_for(tmp_path: Path, name: str = "postgres", dataset: str = "chat") -> PipelineConfig:
    """A configuration whose credentials come from dlt's configuration."""
    return PipelineConfig(
        name, tmp_path / "file.duckdb", dataset, "checked", str(tmp_path / "pipelines")
    )


def configure(patch: pytest.MonkeyPatch, name: str, credentials: str) -> None:
    """Set credentials in the environment of dlt."""
    patch.setenv(f"DESTINATION__{name.upper()}__CREDENTIALS", credentials)


@pytest.fixture
def role(postgres_url: str, tmp_path: Path) -> Iterator[str]:
    """The URL of a Postgres user whose only right is to connect."""
    from . import warehouses

    pipeline = warehouses.postgres(postgres_url).pipeline(tmp_path, name="admin")
    with pipeline.sql_client() as client:
        client.execute_sql(f"CREATE ROLE weak LOGIN PASSWORD '{PASSWORD}'")
        yield postgres_url.replace("postgres:postgres@", f"weak:{PASSWORD}@")
        client.execute_sql("DROP OWNED BY weak")
        client.execute_sql("DROP ROLE weak")


def test_a_writable_destination_passes_and_is_not_changed(
    warehouse: Warehouse,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credentials = {
        "postgres": "postgres_url",
        "snowflake": "snowflake_credentials",
        "bigquery": "bigquery_credentials",
    }
    if fixture := credentials.get(warehouse.name):
        value = request.getfixturevalue(fixture)
        text = value if isinstance(value, str) else json.dumps(value)
        configure(monkeypatch, warehouse.name, text)
    checked = config_for(tmp_path, warehouse.name, warehouse.new_dataset())
    checked.check()

    result = check_destination(checked)

    assert result.problem is None
    pipeline = checked.pipeline()
    with pipeline.sql_client() as client:
        assert client.has_dataset()
        sql = "SELECT table_name FROM {}INFORMATION_SCHEMA.TABLES WHERE table_schema = '{}'"
        place = f"{checked.dataset}." if warehouse.name == "bigquery" else ""
        assert list(client.execute_sql(sql.format(place, client.dataset_name)) or []) == []


def test_a_sync_works_after_a_check_and_status_knows_of_nothing_before(tmp_path: Path) -> None:
    checked = config_for(tmp_path, "duckdb")
    world = World.generate(bot_ids=(1,), conversations=2, days=1, last_day=TODAY)

    check_destination(checked)

    assert statuses(checked.pipeline(), world.now()) == []
    with Sandbox(world) as api:
        given: Any = {"bot_ids": [1], "api_key": SANDBOX_KEY, "base_url": api.base_url}
        report = sync(checked.pipeline(), **given, start_date=TODAY.isoformat())
    assert report.complete


@pytest.mark.parametrize(
    ("name", "credentials", "said"),
    [
        pytest.param("nonsense", None, "no destination 'nonsense'", id="unknown"),
        pytest.param("postgres", None, "missing: database, password, username, host", id="none"),
        pytest.param(
            "postgres",
            f"postgresql://u:{PASSWORD}@h/<configure me>",
            "missing: database",
            id="dlt's placeholder",
        ),
        pytest.param("postgres", PASSWORD, "cannot be read", id="not a URL"),
        pytest.param("bigquery", f'{{"{PASSWORD}', "cannot be read", id="not JSON"),
    ],
)
def test_a_configuration_error_is_raised_before_a_request(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    credentials: str | None,
    said: str,
) -> None:
    if credentials:
        configure(monkeypatch, name, credentials)

    with pytest.raises(ConfigurationError, match=said) as caught:
        config_for(tmp_path, name).check()

    assert PASSWORD not in str(caught.value)
    assert f"[destination.{name}" in str(caught.value)


def test_the_error_for_a_missing_client_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg2", None)
    for module in [name for name in sys.modules if name.startswith("dlt.destinations.impl.postg")]:
        monkeypatch.delitem(sys.modules, module)
    configure(monkeypatch, "postgres", f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")

    with pytest.raises(ConfigurationError, match=r"pip install 'chatislav-source\[postgres\]'"):
        config_for(tmp_path).check()


def test_the_error_for_an_unreachable_server_has_no_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "postgres", f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")

    problem = check_destination(config_for(tmp_path)).problem

    assert problem
    assert "cannot be reached (OperationalError: connection to server" in problem
    assert "Check host, user and password in [destination.postgres.credentials]" in problem
    assert PASSWORD not in problem


def test_a_missing_right_to_create_schemas_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    configure(monkeypatch, "postgres", role)

    problem = check_destination(config_for(tmp_path)).problem

    assert problem
    assert "datasets chat and chat_staging_checked cannot be created" in problem
    assert "permission denied" in problem
    assert PASSWORD not in problem


def test_a_missing_right_to_create_tables_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str, role: str
) -> None:
    configure(monkeypatch, "postgres", postgres_url)
    theirs = config_for(tmp_path, dataset="theirs")
    check_destination(theirs)
    with theirs.pipeline().sql_client() as client:
        client.execute_sql("GRANT USAGE ON SCHEMA theirs, theirs_staging_checked TO weak")
    configure(monkeypatch, "postgres", role)

    problem = check_destination(config_for(tmp_path, dataset="theirs")).problem

    assert problem
    assert "a table could not be created, filled, read and dropped in theirs" in problem


def test_a_postgres_without_merge_is_rejected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    configure(monkeypatch, "postgres", postgres_url)
    monkeypatch.setattr("chatislav_source.destinations.postgres.OLDEST_VERSION", 990000)

    problem = check_destination(config_for(tmp_path, dataset="old")).problem

    assert problem
    assert problem.startswith("postgres is Postgres 15, but 15 or later is needed")


def test_a_secret_in_the_message_of_a_client_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "postgres", f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")
    config = config_for(tmp_path).pipeline().destination_client().config

    said = without_secrets(f"FATAL: {PASSWORD} is wrong", config)

    assert said == "FATAL: *** is wrong"


def test_the_command_shows_both_sides_and_fails_if_one_of_them_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(monkeypatch, "postgres", f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    where = ["--pipelines-dir", str(tmp_path), "--bot-id", "1", "--json"]
    with Sandbox(World.generate(bot_ids=(1,), conversations=1)) as api:
        result = CliRunner().invoke(
            cli, ["check", "--destination", "postgres", "--base-url", api.base_url, *where]
        )

    assert result.exit_code == 1
    bot, destination = json.loads(result.stdout)
    assert bot == {"subject": "bot 1", "problem": None}
    assert destination["subject"] == "postgres, dataset chatislav"
    assert "cannot be reached" in destination["problem"]
    assert PASSWORD not in result.output
