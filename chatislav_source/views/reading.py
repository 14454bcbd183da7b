"""Runs queries on the models through their compiled SQL, so that no view has to exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import dlt

from chatislav_source.views.compiled import Model, dialect_of, models_of, without_tables
from chatislav_source.views.warehouse import SqlClient, check_timezone, tables_of

INLINED = {"duckdb": "NOT MATERIALIZED ", "postgres": "NOT MATERIALIZED "}
"""Lets a filter on days reach the tables; the other dialects do so by themselves."""

_MODEL_NAME = re.compile(r"\b(?:stg_|int_)?chatislav__\w+")


class ModelReader:
    """Answers queries that name models, such as `SELECT … FROM chatislav__daily`."""

    def __init__(self, client: SqlClient, dialect: str, timezone: str) -> None:
        self._client = client
        models = models_of(dialect)
        self._models = {model.name: model for model in models}
        self._keyword = INLINED.get(dialect, "")
        self._timezone = timezone
        tables, missing = tables_of(client, models)
        self._lacking = without_tables(models, missing)
        self._relations = {name: client.make_qualified_table_name(name) for name in tables}
        self._relations |= {name: name for name in self._models}

    def __call__(self, query: str) -> list[tuple[Any, ...]] | None:
        """The rows of a query; None if a table that its models read is not loaded."""
        needed = self._with_read({found[0] for found in _MODEL_NAME.finditer(query)})
        if needed & self._lacking.keys():
            return None
        parts = [self._part(model) for model in self._models.values() if model.name in needed]
        rows = self._client.execute_sql(f"WITH {', '.join(parts)} {query}") or []
        return [tuple(_plain(value) for value in row) for row in rows]

    def _with_read(self, names: set[str]) -> set[str]:
        """The models of these names, and all that they read."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name in self._models and name not in found:
                found.add(name)
                waiting += self._models[name].reads
        return found

    def _part(self, model: Model) -> str:
        return f"{model.name} AS {self._keyword}({model.query(self._relations, self._timezone)})"


@contextmanager
def reading(pipeline: dlt.Pipeline, timezone: str) -> Iterator[ModelReader]:
    """A reader of the models of the pipeline's dataset; `timezone` is the IANA zone of days.

    Raises:
        ConfigurationError: it is no zone, nothing is loaded yet, or the models have no SQL for
            the destination.
    """
    dialect = dialect_of(pipeline.destination.destination_type)
    check_timezone(timezone)
    with pipeline.sql_client() as client:
        yield ModelReader(client, dialect, timezone)


def _plain(value: Any) -> Any:
    """A value as every client could give it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
