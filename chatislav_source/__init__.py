"""Loads Chatislav conversations, messages and analytics into a warehouse.

`chatislav` is the dlt source. `sync` is the function to schedule; it returns a `SyncReport`.
`verify` compares the tables with the API's own totals.
`TABLES` describes the tables. Every error is a `ChatislavError`. Nothing else is public.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chatislav_source.errors import (
    AuthenticationError,
    BotAccessError,
    ChatislavError,
    ConfigurationError,
    DiskFullError,
    LoadFailedError,
    PipelineLockedError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)

if TYPE_CHECKING:
    from chatislav_source.proof.verification import verify
    from chatislav_source.records.schema import TABLES
    from chatislav_source.runner.report import SyncReport
    from chatislav_source.source import chatislav, sync

    __version__: str

__all__ = [
    "TABLES",
    "AuthenticationError",
    "BotAccessError",
    "ChatislavError",
    "ConfigurationError",
    "DiskFullError",
    "LoadFailedError",
    "PipelineLockedError",
    "RequestRejectedError",
    "RetriesExhaustedError",
    "SyncReport",
    "UnexpectedResponseError",
    "__version__",
    "chatislav",
    "sync",
    "verify",
]

MODULES = {
    "TABLES": "records.schema",
    "SyncReport": "runner.report",
    "chatislav": "source",
    "sync": "source",
    "verify": "proof.verification",
}
"""Modules of the names that need dlt or pyarrow, which `chatislav --help` must not import."""


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used."""
    if name == "__version__":
        return import_module("importlib.metadata").version("chatislav-source")
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
