"""The dbt project: described, additive, and compiled to the SQL that is shipped."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dlt
import duckdb
import pytest
import yaml

from chatislav_source.views.compiled import models_of
from tests.views import dbt, golden
from tests.views.conftest import Ask

MODELS = {path.stem: path.read_text("utf-8") for path in dbt.PROJECT.glob("models/*/*.sql")}
DESCRIBED: dict[str, dict[str, Any]] = {
    model["name"]: model
    for path in dbt.PROJECT.glob("models/*/*.yml")
    for model in yaml.safe_load(path.read_text("utf-8")).get("models", [])
}
OPTIONAL = {"chatislav__reconciliation"}  # its table is not loaded here


def columns(model: str) -> dict[str, dict[str, Any]]:
    """The described columns of a model, by name."""
    return {column["name"]: column for column in DESCRIBED[model]["columns"]}


def test_every_model_is_described_and_shipped() -> None:
    assert set(DESCRIBED) == set(MODELS)
    for dialect in dbt.DIALECTS:
        assert {model.name for model in models_of(dialect)} == set(MODELS)


@pytest.mark.parametrize("model", sorted(set(MODELS) - OPTIONAL))
def test_every_column_is_described(ask: Ask, model: str) -> None:
    found = [name for (name, *_) in ask(f"DESCRIBE {model}")]

    assert list(columns(model)) == found
    assert all(column["description"].endswith(".") for column in columns(model).values())
    assert DESCRIBED[model]["description"].endswith(".")


@pytest.mark.parametrize("model", [name for name in MODELS if not name.startswith("int_")])
def test_every_model_has_one_key_that_is_tested(model: str) -> None:
    keys = [
        name
        for name, column in columns(model).items()
        if column.get("data_tests") == ["unique", "not_null"]
    ]

    assert len(keys) == 1


def test_no_model_sums_what_does_not_add_up() -> None:
    for sql in MODELS.values():
        assert re.findall(r"(?:sum|total)\(\s*'?(?:\w+\.)?day_\w+", sql) == []
    for model in DESCRIBED:
        for name, column in columns(model).items():
            additive = column.get("config", {}).get("meta", {}).get("additive", True)
            assert additive is not name.startswith("day_")


@pytest.mark.parametrize("dialect", dbt.DIALECTS)
def test_the_shipped_sql_was_compiled_from_this_project(dialect: str) -> None:
    text = (dbt.COMPILED / f"{dialect}.sql").read_text("utf-8")

    assert f"\n-- project: {dbt.project_digest()}\n" in text, "python -m tests.views.dbt"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("dialect", dbt.DIALECTS)
def test_the_shipped_sql_is_what_dbt_compiles(dialect: str) -> None:
    assert (dbt.COMPILED / f"{dialect}.sql").read_text("utf-8") == dbt.compiled_file(dialect)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("materialized", ["view", "table"])
def test_dbt_builds_the_project_and_its_tests_pass(tmp_path: Path, materialized: str) -> None:
    file = str(tmp_path / "warehouse.duckdb")
    pipeline = dlt.pipeline(
        "built", destination=dlt.destinations.duckdb(file), dataset_name="chatislav"
    )
    golden.load(pipeline, golden.tables())

    variables = {"chatislav_timezone": golden.TIMEZONE, "chatislav_materialized": materialized}
    said = dbt.run("build", tmp_path, "duckdb", {"path": file, "schema": "chatislav"}, variables)

    assert "ERROR=0" in said
    assert "WARN=1 " in said  # the channel `voice` is not documented


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_dbt_says_how_long_ago_a_sync_was_complete(tmp_path: Path) -> None:
    file = str(tmp_path / "warehouse.duckdb")
    profile = {"path": file, "schema": "chatislav"}
    with duckdb.connect(file) as connection:
        connection.execute("CREATE SCHEMA chatislav")
        connection.execute(
            "CREATE TABLE chatislav._dlt_loads AS SELECT *, 0 AS status FROM (VALUES"
            " ('chatislav', now() - INTERVAL 30 HOUR),"
            " ('chatislav_proof', now())) AS loads (schema_name, inserted_at)"
        )

    said = dbt.run("source freshness", tmp_path, "duckdb", profile, {})
    with duckdb.connect(file) as connection:
        connection.execute("UPDATE chatislav._dlt_loads SET inserted_at = now() - INTERVAL 3 DAY")

    assert "WARN freshness of chatislav._dlt_loads" in said
    assert "Deprecat" not in said
    with pytest.raises(AssertionError, match="ERROR STALE freshness of chatislav"):
        dbt.run("source freshness", tmp_path, "duckdb", profile, {})


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_another_project_uses_it_as_a_package(tmp_path: Path) -> None:
    file = str(tmp_path / "warehouse.duckdb")
    pipeline = dlt.pipeline(
        "used", destination=dlt.destinations.duckdb(file), dataset_name="elsewhere"
    )
    golden.load(pipeline, golden.tables())
    project = tmp_path / "mine"
    (project / "models").mkdir(parents=True)
    variables = {"chatislav": {"chatislav_schema": "elsewhere"}}
    about = {"name": "mine", "version": "1.0.0", "profile": "chatislav", "vars": variables}
    (project / "dbt_project.yml").write_text(yaml.safe_dump(about))
    packages = {"packages": [{"local": str(dbt.PROJECT)}]}
    (project / "packages.yml").write_text(yaml.safe_dump(packages))
    total = "SELECT sum(conversations) AS total FROM {{ ref('chatislav__daily') }}"
    (project / "models" / "mine.sql").write_text(total)
    profile = {"path": file, "schema": "analysts"}

    dbt.run("deps", tmp_path, "duckdb", profile, {}, project=project)
    dbt.run("build", tmp_path, "duckdb", profile, {}, project=project)

    with duckdb.connect(file) as connection:
        count = connection.execute("SELECT count(*) FROM elsewhere.conversations").fetchone()
        assert connection.execute("FROM analysts.mine").fetchone() == count
