"""What a scheduler shows of a run: the delay as `chatislav status` has it, and the comparison."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dlt

from chatislav_source import SyncReport, sync
from chatislav_source.cli.status import statuses
from chatislav_source.integrations.run_summary import summary
from chatislav_source.runner.report import ResourceReport
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.conftest import days_ago


def test_a_bot_is_loaded_up_to_the_same_instant_as_in_the_status(
    api: Sandbox, pipeline: dlt.Pipeline
) -> None:
    arguments = {"api_key": SANDBOX_KEY, "base_url": api.base_url}
    report = sync(pipeline, bot_ids=[101], start_date=days_ago(3), **arguments)
    now = report.started_at + timedelta(seconds=90)

    found = summary(report, now)
    (status,) = statuses(pipeline, now)

    assert (found["loaded_up_to"], found["behind_seconds"]) == (
        status.loaded_up_to,
        status.behind_seconds,
    )
    assert 88 < found["behind_seconds"] <= 90
    assert "verified" not in found  # as nothing was compared


def test_a_bot_that_was_never_loaded_has_no_delay() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    parts = [ResourceReport(101, name, state={}) for name in ("conversations", "analytics")]
    compared = {"bots": [{"equal": 3, "differs": 1}], "yesterday": {"text": "Yesterday agrees."}}

    found = summary(SyncReport(now, resources=parts, verification=compared), now)

    assert (found["loaded_up_to"], found["behind_seconds"]) == (None, None)
    assert found["verified"] == {
        "yesterday": "Yesterday agrees.",
        "equal": 3,
        "settling": 0,
        "unproven": 0,
        "differs": 1,
    }
