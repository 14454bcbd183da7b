"""`check --explore`: what a few requests settle of what the API does not document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from chatislav_source.cli.access.explore import explore
from chatislav_source.cli.access.questions import Finding
from chatislav_source.config import checked
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.cli.process import run
from tests.conftest import TODAY

MOST_REQUESTS = 8
MANY = {"conversations": 60, "days": 40}


@contextmanager
def asked(api: Sandbox) -> Iterator[dict[str, Finding]]:
    """The findings about bot 101, by question."""
    config = checked(
        now=datetime.now(UTC), bot_ids=[101], api_key=SANDBOX_KEY, base_url=api.base_url
    )
    yield {finding.question: finding for finding in explore(config)}


@pytest.fixture(scope="module")
def server() -> Iterator[Sandbox]:
    """Sixty conversations of 40 days, so that there are several pages."""
    world = World.generate(bot_ids=(101,), last_day=TODAY, seed=3, **MANY)
    with Sandbox(world) as api:
        yield api


@pytest.mark.parametrize(
    ("settings", "question", "answer"),
    [
        ({"date_filter": "activity"}, "date that from and to filter on", "lastActivity"),
        ({"date_filter": "created"}, "date that from and to filter on", "createdAt"),
        ({"page_order": "oldest_created"}, "order of pages", "createdAt, oldest first"),
        (
            {"page_order": "newest_activity"},
            "order of pages",
            "lastActivity, newest first",
        ),
        (
            {"page_order": "shuffled"},
            "order of pages",
            "neither lastActivity nor createdAt",
        ),
        ({"page_order": "random"}, "order of a repeated request", "another"),
        ({}, "order of a repeated request", "the same"),
        ({"short_pages": True}, "pages smaller than limit", "yes"),
        ({}, "pages smaller than limit", "no"),
        ({"token_max_uses": 1}, "page token used a second time", "refused"),
        ({}, "page token used a second time", "accepted"),
        ({"token_bound_to_limit": True}, "page token with another limit", "refused"),
        ({}, "page token with another limit", "accepted"),
        ({}, "offset of timestamps", "none has one"),
        ({"timestamps": "offset"}, "offset of timestamps", "all have one"),
        ({"timestamps": "mixed"}, "offset of timestamps", "some have one"),
        ({"messages_mode": "absent"}, "messages null or absent", "40 of 40 conversations"),
        ({}, "messages null or absent", "none"),
        ({}, "roles of messages that are not documented", "operator"),
        ({}, "fields that are not documented", "none"),
    ],
)
def test_a_question_is_answered_as_the_api_behaves(
    server: Sandbox, settings: dict[str, Any], question: str, answer: str
) -> None:
    before = {name: getattr(server.settings, name) for name in settings}
    server.configure(**settings)
    server.reset_counts()
    try:
        with asked(server) as findings:
            assert findings[question].answer == answer
            assert server.count() <= MOST_REQUESTS
    finally:
        server.configure(**before)


def test_fields_that_are_not_documented_are_named_without_their_values(server: Sandbox) -> None:
    server.configure(extra_fields="new")
    try:
        with asked(server) as findings:
            found = json.dumps([each.as_dict() for each in findings.values()])
    finally:
        server.configure(extra_fields="none")

    assert findings["fields that are not documented"].answer not in (None, "none")
    for item in server.world.conversations(101):
        contact = item["contact"]
        assert item["sessionId"] not in found
        assert str(contact["phoneNumber"] or "-absent-") not in found
        assert str(contact["ipAddress"] or "-absent-") not in found


def test_an_empty_workspace_settles_nothing() -> None:
    with Sandbox(World.generate((101,), 0, days=1, last_day=TODAY, seed=1)) as api:
        with asked(api) as findings:
            assert {finding.answer for finding in findings.values()} == {None}
        assert api.count() <= MOST_REQUESTS


def test_the_command_prints_a_line_for_each_question(server: Sandbox) -> None:
    ended = run("check", "--bot-id", "101", "--explore", api=server)
    as_json = run("check", "--bot-id", "101", "--explore", "--json", api=server)

    assert ended.returncode == as_json.returncode == 0
    assert "✓ date that from and to filter on: lastActivity" in ended.stdout
    questions = [each["question"] for each in json.loads(as_json.stdout) if "question" in each]
    assert [text for text in questions if text not in ended.stdout] == []
    assert len(questions) == 13
