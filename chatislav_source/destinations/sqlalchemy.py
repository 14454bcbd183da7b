"""Databases by SQLAlchemy, such as SQLite and MySQL: JSON is stored as text.

dlt would write JSON, which reaches it as text, as a quoted string. MySQL would also change large
numbers and the order of names.
"""

from __future__ import annotations

from typing import Any

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.records.schema import Column, Table


def _json_as_text(_: Table, column: Column) -> dict[str, Any]:
    return {"data_type": "text"} if column.data_type == "json" else {}


ADAPTER = Adapter(column_hints=_json_as_text)
