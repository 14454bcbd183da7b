"""Snowflake: loads JSON lines; comments on tables, as dlt adds only those on columns."""

from __future__ import annotations

from chatislav_source.destinations.adapter import Adapter
from chatislav_source.destinations.ddl import table_comment
from chatislav_source.destinations.pipe.jsonl import JSON_LINES

ADAPTER = Adapter(file_format=JSON_LINES, catalog={"comments": table_comment})
