"""What both streams keep between runs: plain dicts, changed by pure functions into new dicts."""

from __future__ import annotations

import logging
from typing import Any

logger = logging.getLogger(__name__)

State = dict[str, Any]
"""The state of one partition, as JSON values."""


def warn_unused(problem: str | None, bot_id: int) -> None:
    """Log why a stored state is not used, if there is a reason."""
    if problem:
        logger.warning(
            "Bot %s: the stored state is not used, because %s. Everything is read again.",
            bot_id,
            problem,
        )
