"""The tables `reconciliation` and `definitions`, and the load that merges rows into them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed

from chatislav_source.destinations.concurrency.bot_locks import bot_locks
from chatislav_source.destinations.defaults import own_defaults
from chatislav_source.destinations.merging.hints import column_hints
from chatislav_source.proof.reconciliation import Comparison
from chatislav_source.proof.warehouse import DEFINITIONS, RECONCILIATION
from chatislav_source.records.schema import Column, Table
from chatislav_source.runner.load_package import failure_of
from chatislav_source.runner.redaction import install_log_filters

SCHEMA = "chatislav_proof"
"""A schema of its own: these tables are made when there is a first row, and a reload of the source
does not drop them."""

BOT_ID = Column("bot_id", "bigint", "AI agent the row belongs to.", key=True)
METRIC = Column("metric", "text", "Column of `analytics`, or a sum of columns.", key=True)
RECONCILED = Table(
    RECONCILIATION,
    "Is each day complete and true? The API's totals and what the tables hold.",
    (
        BOT_ID,
        Column("date", "date", "The day, in the zone of `timezone`.", key=True),
        Column("channel", "text", "`all`, or the one channel that is counted.", key=True),
        METRIC,
        Column("timezone", "text", "IANA zone the API's total was asked in."),
        Column("api_value", "double", "The API's total. Null if it is not loaded."),
        Column(
            "counted_value",
            "double",
            "Counted in the tables, or what bounds the API's total. Null if it cannot be counted.",
        ),
        Column("difference", "double", "counted_value - api_value."),
        Column("definition", "text", "How it was counted, in words."),
        Column(
            "status",
            "text",
            "equal, settling (the day is not final), missing (the API has more), extra (the tables "
            "have more), not_comparable, or unproven (the definition is).",
        ),
        Column("first_seen_at", "timestamp", "Since when the row has its status, UTC."),
        Column("checked_at", "timestamp", "When the row was last written, UTC."),
        Column("heal_attempts", "bigint", "How often the day was read again; at most 3."),
        Column("healed_at", "timestamp", "When reading again made it equal, UTC. Null if not."),
    ),
)
DEFINED = Table(
    DEFINITIONS,
    "Which way of counting explains the API's totals.",
    (
        BOT_ID,
        METRIC,
        Column("definition", "text", "The way that explains most days, in words."),
        Column("days", "bigint", "Final days with enough conversations that were compared."),
        Column("days_equal", "bigint", "Of these, days that the definition explains."),
        Column("next_best", "text", "The way that explains the second most days, in words."),
        Column("next_best_equal", "bigint", "Days that it explains."),
        Column("verdict", "text", "proven or unproven."),
        Column(
            "proven_by",
            "text",
            "The metric whose days prove it: this one, or one that it follows. Null if unproven.",
        ),
        Column("checked_at", "timestamp", "When the row was last written, UTC."),
    ),
)


def write(
    pipeline: dlt.Pipeline, rows: Iterable[Comparison], definitions: Iterable[dict[str, Any]]
) -> None:
    """Merge rows into both tables; nothing is loaded if there are none.

    Raises:
        LoadFailedError: the destination refused the rows.
        PipelineLockedError: another run has locked the database, or one of the bots.
    """
    by_table = {RECONCILED: [row.as_row() for row in rows], DEFINED: list(definitions)}
    filled = {table: rows for table, rows in by_table.items() if rows}
    if not filled:
        return
    own_defaults().claim(pipeline)
    install_log_filters()
    bots = sorted({row["bot_id"] for of_table in filled.values() for row in of_table})
    try:
        with bot_locks(pipeline, bots):
            pipeline.run(_source(filled))
    except PipelineStepFailed as error:
        pipeline.drop_pending_packages()
        raise failure_of(error) from None


def _source(rows: dict[Table, list[dict[str, Any]]]) -> Any:
    @dlt.source(name=SCHEMA, section="chatislav", max_table_nesting=0)
    def chatislav_proof() -> Iterator[Any]:
        for table, of_table in rows.items():
            yield dlt.resource(
                of_table,
                name=table.name,
                write_disposition="merge",
                primary_key=table.keys,
                columns=[column_hints(column) for column in table.columns],
            )

    source = chatislav_proof()
    for table in rows:
        source.resources[table.name].apply_hints(
            additional_table_hints={"description": table.description}
        )
    return source
