"""Databases by SQLAlchemy, such as SQLite and MySQL: JSON is stored as text.

dlt would write JSON, which reaches it as text, as a quoted string. MySQL would also change large
numbers and the order of names.
"""

from __future__ import annotations

from typing import Any

from chatislav_source.destinations.adapter import Adapter, SqlClient
from chatislav_source.records.schema import Column, Table

OF_MYSQL = ("mysql", "mariadb")
COLLATION = (
    "SELECT COALESCE((SELECT DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA "
    "WHERE SCHEMA_NAME = %s), @@collation_server)"
)
EXACT = ("_bin", "_as_cs")  # the ends of names of collations in which no two ids are equal
NOT_EXACT = (
    "would take session ids that differ in case for one, or refuse some characters: its collation "
    "is {collation}. Create the schemas {dataset} and {staging} with CHARACTER SET utf8mb4 COLLATE "
    "utf8mb4_bin, or set collation_server so."
)


def _json_as_text(_: Table, column: Column) -> dict[str, Any]:
    return {"data_type": "text"} if column.data_type == "json" else {}


def _collation_problem(client: SqlClient) -> str | None:
    """Why MySQL would not keep all texts and ids apart; None if it does, or is another database."""
    of_engine: Any = client
    if of_engine.dialect_name not in OF_MYSQL:
        return None
    for dataset in (client.dataset_name, client.staging_dataset_name):
        [(collation,)] = client.execute_sql(COLLATION, dataset) or [("",)]
        if not (collation.startswith("utf8mb4") and collation.endswith(EXACT)):
            return NOT_EXACT.format(
                collation=collation,
                dataset=client.dataset_name,
                staging=client.staging_dataset_name,
            )
    return None


ADAPTER = Adapter(column_hints=_json_as_text, version_problem=_collation_problem)
