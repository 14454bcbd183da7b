"""Keeps people's words out of what is logged and raised where a warehouse refuses a load.

A warehouse may quote the value that it cannot take, and dlt hands that on.
"""

from __future__ import annotations

import logging
import re

MAX_CHARACTERS = 120
QUOTED_FROM = re.compile("[\"'`(\n]| with message ")


def harmless(text: str) -> str:
    """What comes before anything that may be quoted."""
    return QUOTED_FROM.split(text.strip(), maxsplit=1)[0].strip(" :")[:MAX_CHARACTERS]


class RedactRowsFilter(logging.Filter):
    """Cuts dlt's records of failed jobs down to their first words."""

    def filter(self, record: logging.LogRecord) -> bool:
        """True: every record stays, with less in it."""
        if record.exc_info or record.module == "load":
            record.msg, record.args = harmless(record.getMessage()), None
            record.exc_info = record.exc_text = record.stack_info = None
        return True


class ExpectedWarningsFilter(logging.Filter):
    """Drops warnings that dlt gives with every load about what is done here on purpose."""

    INTENDED = (
        # Arrow has no JSON type, so a json column comes as text; dlt keeps our type, as it should
        "when merging arrow schema with dlt schema",
        # what is appended has nothing to clear, and what is merged needs the mark
        'The "hard_delete" column hint for column',
        # rows for Postgres; dlt's faster ways make null of empty texts
        "A ArrowToInsertValuesWriter writer is used",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is about anything else."""
        message = record.getMessage()
        return not any(part in message for part in self.INTENDED)


def install_log_filters() -> None:
    """Put both filters on dlt's logger; once, however often this is called."""
    dlt_logger = logging.getLogger("dlt")
    for kind in (RedactRowsFilter, ExpectedWarningsFilter):
        if not any(isinstance(known, kind) for known in dlt_logger.filters):
            dlt_logger.addFilter(kind())
