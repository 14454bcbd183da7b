"""The report of a run: its totals, its errors and its JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.runner.report import ResourceReport, SyncReport

STARTED_AT = datetime(2026, 6, 23, 12, 30, 15, 999, tzinfo=UTC)


def report(*parts: ResourceReport) -> SyncReport:
    """A report of these resources."""
    return SyncReport(STARTED_AT, seconds=1.23456, loads=2, resources=list(parts))


def test_a_run_is_complete_when_each_resource_is() -> None:
    whole = ResourceReport(1, "conversations", complete=True)
    part = ResourceReport(2, "conversations", error="HTTP 500")

    assert report(whole).complete
    assert not report(whole, part).complete


def test_errors_name_bot_and_resource() -> None:
    parts = [
        ResourceReport(1, "conversations", complete=True),
        ResourceReport(2, "analytics", error="HTTP 500"),
    ]

    assert report(*parts).errors == ["Bot 2 analytics: HTTP 500"]


def test_totals_add_up_over_bots_and_resources() -> None:
    parts = [
        ResourceReport(1, "conversations", rows=3, requests=5),
        ResourceReport(2, "analytics", rows=4, requests=6),
    ]

    assert (report(*parts).total("rows"), report(*parts).total("requests")) == (7, 11)


def test_requests_that_failed_are_counted() -> None:
    part = ResourceReport(1, "conversations")

    part.count(ExtractedPage(1, None, None, {}, failed_requests=8))
    part.count(ExtractedPage(1, None, None, {}))

    assert (part.pages, part.requests, part.retries) == (0, 8, 7)


def test_a_report_is_json_with_instants_in_utc() -> None:
    part = ResourceReport(1, "conversations", "2026-06-01", state={"watermark": None})

    values = json.loads(json.dumps(report(part).as_dict()))

    assert values["started_at"] == "2026-06-23T12:30:15Z"
    assert (values["seconds"], values["loads"], values["complete"]) == (1.235, 2, False)
    assert values["resources"][0]["first_day"] == "2026-06-01"
    assert values["resources"][0]["state"] == {"watermark": None}
