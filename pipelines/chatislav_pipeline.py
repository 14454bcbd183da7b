"""Sync Chatislav into a warehouse: copy this file, adapt the pipeline, schedule it.

The key and the bots come from dlt's config: .dlt/secrets.toml and .dlt/config.toml, or
SOURCES__CHATISLAV__API_KEY and SOURCES__CHATISLAV__BOT_IDS='[123]'.
"""

import sys

import dlt

from chatislav_source import sync


def main() -> int:
    """Load new and changed rows; returns exit status 1 if some data could not be loaded."""
    pipeline = dlt.pipeline(
        "chatislav_sync",
        destination=dlt.destinations.duckdb("warehouse.duckdb"),
        dataset_name="chatislav",
    )
    report = sync(pipeline)
    for error in report.errors:
        sys.stderr.write(f"{error}\n")
    sys.stdout.write(f"{report.total('rows')} rows written in {report.seconds:.1f} s\n")
    return 0 if report.complete else 1


if __name__ == "__main__":
    sys.exit(main())
