"""Chatislav conversations, messages and analytics in your warehouse.

`chatislav` is the dlt source, `sync` the job to schedule; the errors are what both raise.
"""

from typing import TYPE_CHECKING, Any

from chatislav_source.errors import (
    BotRefusedError,
    ChatislavError,
    ConfigurationError,
    KeyRefusedError,
    LoadFailedError,
    PipelineBusyError,
    RequestFailedError,
    RequestRefusedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from chatislav_source.loads import sync
    from chatislav_source.source import chatislav

__all__ = [
    "BotRefusedError",
    "ChatislavError",
    "ConfigurationError",
    "KeyRefusedError",
    "LoadFailedError",
    "PipelineBusyError",
    "RequestFailedError",
    "RequestRefusedError",
    "UnexpectedResponseError",
    "chatislav",
    "sync",
]


def __getattr__(name: str) -> Any:
    """Import dlt only when it is needed: `chatislav --help` and the sandbox do without."""
    if name not in ("chatislav", "sync"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    module = import_module(f"{__name__}.{'source' if name == 'chatislav' else 'loads'}")
    return getattr(module, name)
