"""Chatislav conversations, messages and analytics in your warehouse.

`chatislav` is the dlt source, `sync` the job to schedule; the errors are what both raise.
"""

from typing import TYPE_CHECKING, Any

from chatislav_source.errors import (
    AuthenticationError,
    BotAccessError,
    ChatislavError,
    ConfigurationError,
    LoadFailedError,
    PipelineLockedError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from chatislav_source.runner.job import sync
    from chatislav_source.source import chatislav

__all__ = [
    "AuthenticationError",
    "BotAccessError",
    "ChatislavError",
    "ConfigurationError",
    "LoadFailedError",
    "PipelineLockedError",
    "RequestRejectedError",
    "RetriesExhaustedError",
    "UnexpectedResponseError",
    "chatislav",
    "sync",
]


def __getattr__(name: str) -> Any:
    """Import dlt only when it is needed: `chatislav --help` and the sandbox do without."""
    if name not in ("chatislav", "sync"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{'source' if name == 'chatislav' else 'runner.job'}")
    return getattr(module, name)
