"""Removes row values from logs and errors of failed loads.

A warehouse may quote the value that it refuses, and dlt logs and raises that text.
"""

from __future__ import annotations

import logging
import re

MAX_CHARACTERS = 120
QUOTED_FROM = re.compile("[\"'`(\n]| with message ")


def harmless(text: str) -> str:
    """The text before the first quotation, at most `MAX_CHARACTERS` long."""
    return QUOTED_FROM.split(text.strip(), maxsplit=1)[0].strip(" :")[:MAX_CHARACTERS]


class RedactRowsFilter(logging.Filter):
    """Shortens dlt's log records of failed load jobs to `harmless` text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: records are shortened, not dropped."""
        if record.exc_info or record.module == "load":
            record.msg, record.args = harmless(record.getMessage()), None
            record.exc_info = record.exc_text = record.stack_info = None
        return True


class ExpectedWarningsFilter(logging.Filter):
    """Drops dlt's warnings about intended behaviour, which every load would repeat."""

    INTENDED = (
        # Arrow has no JSON type, so a json column is sent as text; dlt uses our type, as intended
        "when merging arrow schema with dlt schema",
        # appended rows have no row to delete, and merged rows need the hint
        'The "hard_delete" column hint for column',
        # rows for Postgres where parquet cannot be loaded; CSV would turn empty texts into null
        "A ArrowToInsertValuesWriter writer is used",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is not one of these warnings."""
        message = record.getMessage()
        return not any(part in message for part in self.INTENDED)


def install_log_filters() -> None:
    """Add both filters to dlt's logger, unless it has them already."""
    dlt_logger = logging.getLogger("dlt")
    for kind in (RedactRowsFilter, ExpectedWarningsFilter):
        if not any(isinstance(known, kind) for known in dlt_logger.filters):
            dlt_logger.addFilter(kind())
