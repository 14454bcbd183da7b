"""The SQL that dbt compiles the project in `models/` to, one file for each dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from chatislav_source.errors import ConfigurationError

DIALECTS = {
    "duckdb": "duckdb",
    "motherduck": "duckdb",
    "ducklake": "duckdb",
    "postgres": "postgres",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
}
"""The dialect of each destination that can have the models, by dlt's name."""

NO_DIALECT = (
    "The models have no SQL for {name}: they are made on DuckDB, Postgres, Snowflake and BigQuery."
)
PREFIX = "chatislav__"  # of the models for analysts; others are steps towards them
TIMEZONE = "timezone"
MODEL_LINE = "-- model: "  # begins the SQL of a model; its name follows
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Model:
    """A model; `template` is a query with `{name}` for each table and model that it reads."""

    name: str
    template: str

    @property
    def reads(self) -> set[str]:
        """The names of the tables and models in the query."""
        return set(_PLACEHOLDER.findall(self.template)) - {TIMEZONE}

    def query(self, relations: Mapping[str, str], timezone: str) -> str:
        """The query, with the full names of what it reads and the IANA zone of its days."""
        values = {**relations, TIMEZONE: timezone}
        return _PLACEHOLDER.sub(lambda found: values[found[1]], self.template)


def dialect_of(destination: str) -> str:
    """The dialect of a destination, by the last part of dlt's name of its type.

    Raises:
        ConfigurationError: the models have no SQL for it.
    """
    name = destination.rpartition(".")[2]
    if name not in DIALECTS:
        raise ConfigurationError(NO_DIALECT.format(name=name))
    return DIALECTS[name]


def schema_of(dataset: str, schema: str | None) -> str:
    """The schema of the views: the one that is given, else that of the dataset."""
    return schema or f"{dataset}_models"


def models_of(dialect: str) -> list[Model]:
    """All models; each comes after those that it reads."""
    return parsed(files(__package__).joinpath("sql", f"{dialect}.sql").read_text("utf-8"))


def parsed(text: str) -> list[Model]:
    """The models of a file of compiled SQL."""
    _, *parts = text.split(f"\n{MODEL_LINE}")
    named = (part.partition("\n") for part in parts)
    return [Model(name, template.strip("\n")) for name, _, template in named]


def without_tables(models: list[Model], missing: set[str]) -> dict[str, set[str]]:
    """The models that cannot be made, each with the missing tables that it needs."""
    needs: dict[str, set[str]] = {}
    for model in models:
        found = (model.reads & missing).union(*(needs.get(name, set()) for name in model.reads))
        if found:
            needs[model.name] = found
    return needs
