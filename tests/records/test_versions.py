"""The version of a conversation: the same for the same values, whatever else is on its page."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatislav_source.records.convert import parse_page
from chatislav_source.records.schema import (
    ANALYTICS,
    GUARDRAIL_FLAGGED,
    MESSAGES,
    SCHEMA_VERSION,
    flagged_version,
    row_version,
    version_of,
)
from chatislav_source.records.schema import CONVERSATIONS as CONVERSATIONS_TABLE
from tests.records.test_fast_decode import (
    BOT_ID,
    CONVERSATIONS,
    GOOD,
    ODD,
    READ_AT,
    batch_of,
    body_of,
    fast,
)

OTHERS: dict[str, bytes] = {
    "an unknown field": body_of([{**GOOD, "priority": 1}]),
    "no messages": body_of([{**GOOD, "messages": None}]),
    "a NUL": body_of([{**GOOD, "channel": "a\0b"}]),
    "a lone surrogate": body_of([{**GOOD, "channel": "?"}]).replace(b'"?"', b'"\\ud800"'),
    "a number beyond 64 bits": body_of([{**GOOD, "helpful": 2**70}]),
    "an escaped backslash and a lone surrogate": body_of([{**GOOD, "channel": "\\ud800?"}]).replace(
        b'?"', b'\\udfff"'
    ),
    "no date": body_of([{**GOOD, "createdAt": "yesterday"}]),
}
"""By what fast decoding does not read, a page of one conversation that has it."""


def versions_of(body: bytes, zone: Any = UTC) -> list[str]:
    """The versions of the conversations of a page."""
    return list(parse_page(body, BOT_ID, zone).records(READ_AT).versions)


def joined(one: bytes, other: bytes) -> bytes:
    """A page with the conversations of two pages of one conversation each."""
    start, end = b'{"conversations": [', b"]"
    first = one[len(start) : one.rindex(end)]
    return other.replace(start, start + first + b", ", 1)


@pytest.mark.parametrize("other", OTHERS)
def test_a_conversation_has_the_same_version_on_a_page_that_only_tolerant_decoding_reads(
    other: str,
) -> None:
    alone, page = body_of([GOOD]), joined(body_of([GOOD]), OTHERS[other])

    assert fast(alone) is not None
    assert fast(page) is None
    assert versions_of(page) == [*versions_of(alone), *versions_of(OTHERS[other])]


@given(items=st.lists(CONVERSATIONS | st.sampled_from(ODD), max_size=4))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=60)
def test_versions_on_one_page_are_those_of_each_conversation_alone(items: list[Any]) -> None:
    together = versions_of(body_of(items))

    assert together == [version for item in items for version in versions_of(body_of([item]))]


@given(one=CONVERSATIONS, other=CONVERSATIONS)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_conversations_of_equal_version_are_equal_rows(one: Any, other: Any) -> None:
    bodies = [body_of([one]), body_of([other])]

    rows = [batch_of(parse_page(body, BOT_ID, UTC)) for body in bodies]

    if rows[0].versions[0] == rows[1].versions[0]:
        assert rows[0].conversations == rows[1].conversations
        assert rows[0].messages == rows[1].messages
    else:
        assert one != other


@pytest.mark.parametrize("zone", [UTC, ZoneInfo("Europe/Belgrade")], ids=str)
@pytest.mark.parametrize("item", [GOOD, *ODD])
@pytest.mark.parametrize("flagged", [None, {hash("odd")}], ids=["no flags", "flags"])
def test_rows_and_records_have_the_same_version(
    item: Any, zone: Any, flagged: set[int] | None
) -> None:
    page = parse_page(body_of([item, GOOD]), BOT_ID, zone)

    batch = batch_of(page, 0, flagged)

    assert list(page.records(READ_AT, flagged).versions) == list(batch.versions)
    assert batch.conversations["_version"].to_pylist() == list(batch.versions)
    found = batch.conversations["guardrail_flagged"].to_pylist()
    assert found == [flagged and each == "odd" for each in batch.session_ids]


def test_a_row_has_another_version_by_its_flag_and_the_one_of_its_content_without_flags() -> None:
    content = row_version(b"{}", UTC)

    versions = [flagged_version(content, flag) for flag in (None, False, True)]

    assert versions[0] == content
    assert len(set(versions)) == 3
    assert {len(version) for version in versions} == {16}


def test_the_column_of_flags_changes_no_version_of_rows_without_flags() -> None:
    columns = tuple(each for each in CONVERSATIONS_TABLE.columns if each is not GUARDRAIL_FLAGGED)
    before = replace(CONVERSATIONS_TABLE, columns=columns)

    assert version_of(before, MESSAGES, ANALYTICS) == SCHEMA_VERSION


def test_a_conversation_has_another_version_in_another_zone() -> None:
    zones = [UTC, ZoneInfo("Europe/Belgrade"), ZoneInfo("Asia/Tokyo")]

    versions = {version for zone in zones for version in versions_of(body_of([GOOD]), zone)}

    assert len(versions) == len(zones)
