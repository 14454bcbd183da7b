"""Chatislav conversations, messages and analytics in your warehouse.

`chatislav` is the dlt source, `sync` the job to schedule; the errors are what both raise.
"""

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
from chatislav_source.source import chatislav
from chatislav_source.sync import sync

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
