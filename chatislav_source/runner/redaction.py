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


def hide_rows() -> None:
    """Put the filter on dlt's logger, once."""
    dlt_logger = logging.getLogger("dlt")
    if not any(isinstance(known, RedactRowsFilter) for known in dlt_logger.filters):
        dlt_logger.addFilter(RedactRowsFilter())
