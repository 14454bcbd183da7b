"""Runs inside Dagster's environment: materialises a partition in process, prints the result.

python in_dagster.py BOT DAY
"""

from __future__ import annotations

import json
import sys
from typing import Any

import dagster as dg
import dagster_definitions
from pydantic import ValidationError

from chatislav_source.integrations.dagster import ChatislavComponent


def materialized(bot: str, day: str) -> dict[str, Any]:
    """How the run ended: the assets with their metadata, and the outcome of the check."""
    job = dagster_definitions.defs.resolve_job_def("chatislav_job")
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance,
            partition_key=dg.MultiPartitionKey({"bot": bot, "day": day}),
            raise_on_error=False,
        )
    events = [event.materialization for event in result.get_asset_materialization_events()]
    return {
        "success": result.success,
        "tries": 1 + sum(event.is_step_restarted for event in result.all_events),
        "metadata": {event.asset_key.path[-1]: values(event.metadata) for event in events},
        "checks": [check.passed for check in result.get_asset_check_evaluations()],
    }


def values(metadata: dict[str, Any]) -> dict[str, Any]:
    """Numbers and texts as they are, columns as their names."""
    plain = {}
    for name, value in metadata.items():
        value = getattr(value, "value", value)
        if isinstance(value, dg.TableSchema):
            value = [column.name for column in value.columns]
        plain[name] = value
    return plain


def described() -> dict[str, Any]:
    """The assets as Dagster shows them before anything was loaded, and what is refused."""
    return {
        "assets": {
            spec.key.path[-1]: {
                "description": spec.description,
                "columns": {
                    column.name: column.description
                    for column in spec.metadata["dagster/column_schema"].columns
                },
                "freshness": spec.freshness_policy is not None,
            }
            for spec in dagster_definitions.defs.resolve_all_asset_specs()
        },
        "refused": [refused(bot_ids=[]), refused(bot_ids=[101, 101]), refused(first_day="June")],
        "schedules": {"as documented": schedule_status(), "running": schedule_status(running=True)},
    }


def schedule_status(**attributes: Any) -> str:
    """The status of the schedule before anybody has changed it."""
    component = ChatislavComponent(bot_ids=[101], destination="duckdb", **attributes)
    (schedule,) = component.build_defs().schedules or []
    return schedule.default_status.value


def refused(**attributes: Any) -> list[str]:
    """What is wrong with some attributes of the component."""
    try:
        ChatislavComponent(**{"bot_ids": [101], "destination": "duckdb"} | attributes)
    except ValidationError as error:
        return [f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()]
    return []


if __name__ == "__main__":
    found = materialized(*sys.argv[1:]) if sys.argv[1:] else described()
    sys.stdout.write(json.dumps(found, default=str))
