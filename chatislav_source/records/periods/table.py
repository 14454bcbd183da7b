"""The schema of the table `analytics_periods`, which is made if a sync is asked for periods."""

from __future__ import annotations

from dataclasses import replace

from chatislav_source.records.schema import ANALYTICS, BOT_ID, Column, Table

IS_FINAL = (
    "The last day has ended in `timezone` and the lookback has passed: the period is not read "
    "again."
)

ANALYTICS_PERIODS = Table(
    "analytics_periods",
    "Totals of one agent, one period and one channel, as the API counts the whole period.",
    (
        BOT_ID,
        Column("period", "text", "week, month, quarter, last_7_days or last_28_days.", key=True),
        Column("start_date", "date", "First day, in the zone of `timezone`.", key=True),
        Column("end_date", "date", "Last day, included; may be still to come."),
        Column("channel", "text", "`all`, or the one channel that is counted.", key=True),
        Column("timezone", "text", "IANA zone the days are counted in.", key=True),
        *(
            replace(column, description=IS_FINAL) if column.name == "is_final" else column
            for column in ANALYTICS.columns
            if not column.key
        ),
    ),
)
