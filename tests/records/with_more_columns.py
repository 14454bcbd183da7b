"""Reads pages with a schema that has more columns; a separate process, see `test_new_field`.

`python -m tests.records.with_more_columns COLUMNS` takes a JSON object: by table, the columns as
lists of name, data type and JSON path. The bodies come by standard input, one a line. Of each it
writes a line: the rows by fast decoding (null if it refuses the page) and by tolerant decoding.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime

from chatislav_source.records import schema

READ_AT = datetime(2026, 6, 30, 12, tzinfo=UTC)


def extend(columns: dict[str, list[list[object]]]) -> None:
    """Add the columns to the schema, before other modules derive types from it."""
    for table, added in columns.items():
        known = getattr(schema, table)
        more = [schema.Column(name, kind, "New.", tuple(path)) for name, kind, path in added]  # type: ignore[arg-type]
        setattr(schema, table, replace(known, columns=(*known.columns, *more)))
    schema.TABLES = (schema.CONVERSATIONS, schema.MESSAGES, schema.ANALYTICS)
    schema.version.SCHEMA_VERSION = schema.version_of(*schema.TABLES)


def main() -> None:
    """Write the rows by fast and by tolerant decoding."""
    extend(json.loads(sys.argv[1]))
    from chatislav_source.records.convert import tolerant_page
    from chatislav_source.records.fast_decode import decode_page
    from chatislav_source.records.fast_rows import fast_batches
    from chatislav_source.records.json_decoder import decode

    for body in sys.stdin.buffer.read().splitlines():
        page = decode_page(body, 123)
        fast = page and fast_batches([page.records(READ_AT)])
        tolerant = tolerant_page(*decode(body), 123, UTC, body).records(READ_AT).batch
        rows = [
            batch and [batch.conversations.to_pylist(), batch.messages.to_pylist()]
            for batch in (fast[0] if fast else None, tolerant)
        ]
        sys.stdout.write(json.dumps(rows, default=str) + "\n")


if __name__ == "__main__":
    main()
