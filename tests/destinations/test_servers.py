"""The emulators are as strict as the real services where it matters for these tests."""

from __future__ import annotations

from pathlib import Path

import dlt
import pyarrow as pa
import pytest

from .warehouses import Warehouse


@pytest.mark.parametrize("warehouse", ["snowflake", "bigquery"], indirect=True)
def test_json_that_is_sent_as_text_stays_text(warehouse: Warehouse, tmp_path: Path) -> None:
    """Were the emulators to parse it, it would not show that JSON has to be sent as JSON."""
    pipeline = warehouse.pipeline(tmp_path)
    rows = pa.table({"id": [1], "summary": ['{"sentiment": "positive"}']})
    columns = {"summary": {"data_type": "json"}}
    resource = dlt.resource([rows], name="conversations", columns=columns)  # type: ignore[arg-type]

    pipeline.run(resource, loader_file_format="jsonl")

    assert warehouse.json_text(pipeline, "conversations", "summary", "sentiment") == [None]
