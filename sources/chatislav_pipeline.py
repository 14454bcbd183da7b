"""Loads Chatislav into a warehouse: run it once, then schedule it.

The key is read from .dlt/secrets.toml and the bots from .dlt/config.toml:

    [sources.chatislav]
    bot_ids = [123, 456]
"""

import sys

import dlt
from chatislav import chatislav

from chatislav_source import sync


def load_all() -> None:
    """One run, one load, as with any dlt source: choose resources, add steps and hints."""
    pipeline = dlt.pipeline("chatislav_sync", destination="duckdb", dataset_name="chatislav")
    sys.stdout.write(f"{pipeline.run(chatislav())}\n")


def keep_current() -> int:
    """The job to schedule: many small loads, each of which is kept if the next one is killed.

    Returns the exit status: 1 if something could not be loaded; the next run continues there.
    """
    pipeline = dlt.pipeline("chatislav_sync", destination="duckdb", dataset_name="chatislav")
    report = sync(pipeline)
    for error in report.errors:
        sys.stderr.write(f"{error}\n")
    sys.stdout.write(f"{report.total('rows')} rows written in {report.seconds:.1f} s\n")
    return 0 if report.complete else 1


if __name__ == "__main__":
    sys.exit(keep_current())
