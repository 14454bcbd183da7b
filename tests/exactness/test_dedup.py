"""A load package has each conversation once: its newest copy, with the newest known messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chatislav_source.api.call import ApiResponse
from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.records.convert import record_batches, tolerant_page
from chatislav_source.records.record_batch import RecordBatch
from chatislav_source.runner.conversations import dedup
from chatislav_source.runner.conversations.change_filter import ChangeFilter, changed_rows
from chatislav_source.runner.conversations.dedup import ConversationsPage, PackageKeys
from chatislav_source.streams.conversations.page import Page, PageReader, PageRequest
from chatislav_source.streams.date_window import DateWindow
from chatislav_source.streams.version_map import VersionMap
from tests.exactness.model import BOT_ID, START, seeded

WINDOW = DateWindow(date(2026, 6, 29), None)
READER = PageReader(BOT_ID, UTC, START, START.date())

copies = st.fixed_dictionaries(
    {
        "name": st.sampled_from("abc"),
        "active": st.one_of(st.none(), st.integers(0, 3)),
        "messages": st.one_of(st.none(), st.integers(0, 3)),
    }
)


def page_of(items: Sequence[dict[str, Any]], marks: Any) -> Page:
    """A page of copies; each copy and its messages have a mark of their own."""
    rendered = []
    for item in items:
        mark = next(marks)
        active = item["active"]
        rendered.append(
            {
                "sessionId": item["name"],
                "createdAt": "2026-06-29T00:00:00Z",
                "lastActivity": None
                if active is None
                else (START + timedelta(minutes=active)).isoformat(),
                "feedbackComment": str(mark),
                "messages": None
                if item["messages"] is None
                else [{"content": str(mark)} for _ in range(item["messages"])],
            }
        )
        item["mark"] = str(mark)
    value = {"conversations": rendered, "pagination": {"hasMore": False}}
    request = PageRequest(BOT_ID, WINDOW, None, 100)
    parsed = tolerant_page(value, False, BOT_ID, UTC)
    return READER.page(request, ApiResponse(parsed, 0, 1, START))


def best(items: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The copy with the latest activity; of equal ones the one fetched last."""
    return max(
        enumerate(items),
        key=lambda pair: (-1 if pair[1]["active"] is None else pair[1]["active"], pair[0]),
    )[1]


@hypothesis_settings(max_examples=150, deadline=None)
@given(pages=st.lists(st.lists(copies, max_size=4), max_size=4))
def test_the_newest_copy_wins_with_the_newest_messages_that_are_known(
    pages: list[list[dict[str, Any]]],
) -> None:
    marks = iter(range(100))
    made = [page_of(items, marks) for items in pages]

    parents, messages = dedup.joined(
        dedup.latest_versions(record_batches([page.records for page in made]))
    )

    everything = [item for items in pages for item in items]
    found = {row["session_id"]: row["feedback_comment"] for row in parents.to_pylist()}
    assert parents.num_rows == len(found) == len({item["name"] for item in everything})
    sent = messages.to_pylist()
    for name, comment in found.items():
        own = [item for item in everything if item["name"] == name]
        assert comment == best(own)["mark"]
        known = [item for item in own if item["messages"] is not None]
        if known:
            source = best(own) if best(own) in known else best(known)
            texts = [row["content"] for row in sent if row["session_id"] == name]
            assert texts == [source["mark"]] * source["messages"] or (
                source["messages"] == 0 and texts == [None]
            )
        else:
            assert all(row["session_id"] != name for row in sent)


@hypothesis_settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**9), whole=st.booleans())
def test_each_message_row_belongs_to_a_row_that_is_written_with_it(seed: int, whole: bool) -> None:
    random = seeded(seed)
    changes = ChangeFilter(VersionMap(), START.date())
    handed_out: list[str] = []
    for _ in range(4):
        items = [
            [
                {
                    "name": random.choice("abcd"),
                    "active": random.randrange(3),
                    "messages": random.choice((None, 0, 2)),
                }
                for _ in range(random.randrange(4))
            ]
            for _ in range(random.randrange(3))
        ]
        marks = iter(range(random.randrange(3), 100))
        pages_read = [
            ExtractedPage(BOT_ID, PageRequest(BOT_ID, WINDOW, None, 100), page_of(part, marks), {})
            for part in items
        ]

        rows = written({BOT_ID: changes}, pages_read, whole)

        parents, messages = dedup.joined(rows)
        names = parents["session_id"].to_pylist()
        assert set(messages["session_id"].to_pylist()) <= set(names)
        assert len(names) == len(set(names))
        handed_out += names
    if whole:
        assert len(handed_out) == len(set(handed_out))


def written(
    filters: dict[int, ChangeFilter], pages: Sequence[ConversationsPage], is_whole_run: bool
) -> list[RecordBatch]:
    """The rows that a load package of these pages writes."""
    batches = record_batches([page.item.records for page in pages if page.item])
    return changed_rows(filters, pages, batches, is_whole_run)


def load(
    changes: ChangeFilter, comments: Sequence[str], whole: bool = False, window: DateWindow = WINDOW
) -> list[str]:
    """One load of one conversation, read once per comment; the comments written."""
    rows = written({BOT_ID: changes}, pages_of(comments, window=window), whole)
    return [text for page in rows for text in page.conversations["feedback_comment"].to_pylist()]


def pages_of(
    comments: Sequence[str], name: str = "a", window: DateWindow = WINDOW
) -> list[ConversationsPage]:
    """One conversation, read once per comment."""
    pages_read = []
    for comment in comments:
        item = {"sessionId": name, "feedbackComment": comment, "messages": []}
        value = {"conversations": [item], "pagination": {"hasMore": False}}
        request = PageRequest(BOT_ID, window, None, 100)
        parsed = tolerant_page(value, False, BOT_ID, UTC)
        page = READER.page(request, ApiResponse(parsed, 0, 1, START))
        pages_read.append(ExtractedPage(BOT_ID, request, page, {}))
    return pages_read


@pytest.mark.parametrize(
    ("loads", "expected"),
    [
        pytest.param([["A"], ["A"]], [["A"], []], id="unchanged"),
        pytest.param([["A"], ["B"], ["A"]], [["A"], ["B"], ["A"]], id="there and back"),
        pytest.param([["A"], ["B", "A"]], [["A"], ["A"]], id="there and back in one load"),
        pytest.param([["A", "B"], ["B"], ["B"]], [["B"], ["B"], []], id="two copies in one load"),
        pytest.param([["A", "A"], ["A"]], [["A"], []], id="two copies that are equal"),
    ],
)
def test_a_row_is_left_out_only_if_the_tables_hold_the_same_version(
    loads: list[list[str]], expected: list[list[str]]
) -> None:
    changes = ChangeFilter(VersionMap(), START.date())

    found = [load(changes, comments) for comments in loads]

    assert found == expected


@pytest.mark.parametrize(
    ("again", "takes"),
    [
        pytest.param(["A"], True, id="unchanged"),
        pytest.param(["B"], False, id="changed"),
        pytest.param(["A", "A"], True, id="two copies, unchanged"),
        pytest.param(["A", "B"], False, id="two copies that differ"),
    ],
)
def test_a_package_accepts_a_repeated_conversation_only_if_it_is_unchanged(
    again: list[str], takes: bool
) -> None:
    writings = {BOT_ID: ChangeFilter(VersionMap(), START.date())}
    handed_out = PackageKeys(writings)
    first = pages_of(["A"])
    assert handed_out.takes(first)
    written(writings, first, is_whole_run=False)

    assert handed_out.takes(pages_of(again)) is takes
    if takes:
        rows = written(writings, pages_of(again), is_whole_run=False)
        assert {page.conversations.num_rows for page in rows} == {0}


def test_a_package_keeps_the_keys_of_all_its_pages() -> None:
    writings = {BOT_ID: ChangeFilter(VersionMap(), START.date())}
    handed_out = PackageKeys(writings)
    for pages_read in (pages_of(["A"]), pages_of(["A"], "another"), pages_of(["A"], "a third")):
        assert handed_out.takes(pages_read)
        written(writings, pages_read, is_whole_run=False)

    assert not handed_out.takes(pages_of(["B"]))


def test_a_package_refuses_a_page_with_two_copies_of_a_known_conversation() -> None:
    writings = {BOT_ID: ChangeFilter(VersionMap(), START.date())}
    handed_out = PackageKeys(writings)
    items = [{"name": "a", "active": 0, "messages": 0} for _ in range(2)]
    request = PageRequest(BOT_ID, WINDOW, None, 100)
    first = [ExtractedPage(BOT_ID, request, page_of(items[:1], iter([1])), {})]
    assert handed_out.takes(first)
    written(writings, first, is_whole_run=False)

    both = ExtractedPage(BOT_ID, request, page_of(items, iter([0, 1])), {})

    assert not handed_out.takes([both])


def test_copies_on_one_page_are_not_assumed_to_be_equal() -> None:
    changes = ChangeFilter(VersionMap(), START.date())
    marks = iter(range(10))
    items = [{"name": "a", "active": 0, "messages": 0} for _ in range(2)]
    request = PageRequest(BOT_ID, WINDOW, None, 100)
    both = ExtractedPage(BOT_ID, request, page_of(items, marks), {})
    older = ExtractedPage(BOT_ID, request, page_of(items[:1], iter([1])), {})

    written({BOT_ID: changes}, [both, older], is_whole_run=False)

    rows = written({BOT_ID: changes}, [older], is_whole_run=False)

    assert [page.conversations.num_rows for page in rows] == [1]


OLD_DAY = DateWindow(date(2026, 6, 1), date(2026, 6, 1))


def version_of(comment: str) -> str:
    """The version of a conversation with this comment."""
    (page,) = pages_of([comment])
    assert page.item is not None
    return page.item.versions[0]


def test_a_stored_version_is_not_written_until_another_was() -> None:
    changes = ChangeFilter(VersionMap([("a", version_of("A"))]), START.date())

    found = [load(changes, [comment], window=OLD_DAY) for comment in ("A", "B", "B", "A")]

    assert found == [[], ["B"], [], ["A"]]
    assert changes.unchanged == 2


def test_a_stored_version_is_written_again_after_copies_that_differ() -> None:
    changes = ChangeFilter(VersionMap([("a", version_of("A"))]), START.date())

    found = [load(changes, comments, window=OLD_DAY) for comments in (["A", "B"], ["A"])]

    assert found == [["B"], ["A"]]


def test_new_conversations_of_old_days_are_not_kept_in_memory() -> None:
    changes = ChangeFilter(VersionMap(), START.date())

    found = [load(changes, ["A"], window=OLD_DAY) for _ in range(2)]

    assert found == [["A"], ["A"]]


def test_in_a_whole_run_a_newer_copy_waits_and_its_window_is_read_by_the_next_run() -> None:
    changes = ChangeFilter(VersionMap(), START.date())
    known: dict[str, Any] = {"again": []}

    found = [load(changes, comments, whole=True) for comments in (["A"], ["B"], ["A"])]

    assert found == [["A"], [], []]
    noted = changes.noted_in(known)
    assert noted["again"] == ["2026-06-29/2026-06-30"]
    again = ChangeFilter(VersionMap([("a", version_of("A"))]), START.date())
    assert load(again, ["B"]) == ["B"]
