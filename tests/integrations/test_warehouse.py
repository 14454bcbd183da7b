"""The addresses of warehouses in dlt's config, and the URIs of their tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatislav_source.integrations.airflow.warehouse import asset_uri, configured_address


@pytest.mark.parametrize(
    ("destination", "config", "uri"),
    [
        (
            "postgres",
            {"CREDENTIALS": "postgresql://loader:pw@db.example.com/wh"},
            "postgres://db.example.com:5432/wh/chatislav/analytics",
        ),
        (
            "postgres",
            {
                "CREDENTIALS__HOST": "db.example.com",
                "CREDENTIALS__PORT": "5433",
                "CREDENTIALS__DATABASE": "wh",
            },
            "postgres://db.example.com:5433/wh/chatislav/analytics",
        ),
        (
            "snowflake",
            {"CREDENTIALS": "snowflake://loader:pw@org-account/wh?warehouse=small"},
            "snowflake://org-account/WH/CHATISLAV/ANALYTICS",
        ),
        (
            "bigquery",
            {
                "CREDENTIALS__PROJECT_ID": "acme",
                "CREDENTIALS__PRIVATE_KEY": "k",
                "CREDENTIALS__CLIENT_EMAIL": "loader@acme.iam",
            },
            "bigquery://acme/chatislav/analytics",
        ),
        (
            "duckdb",
            {"CREDENTIALS": "/srv/wh.duckdb"},
            "file:///srv/wh.duckdb/chatislav/analytics",
        ),
    ],
)
def test_a_table_has_the_uri_that_lineage_tools_know(
    destination: str, config: dict[str, str], uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in config.items():
        monkeypatch.setenv(f"DESTINATION__{destination.upper()}__{name}", value)

    address = configured_address(destination)

    assert address
    assert asset_uri(address, "chatislav", "analytics") == uri


@pytest.mark.parametrize("destination", ["postgres", "snowflake", "filesystem"])
def test_there_is_no_uri_without_a_known_address(
    destination: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # without a config file

    assert configured_address(destination) is None
