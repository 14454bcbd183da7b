"""The order in which pages are requested, and the checkpoints: how large they are, and the last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.page import PageRequest
from chatislav_source.streams.conversations.partition import ConversationsPartition, Phase
from chatislav_source.streams.conversations.plan import conversations_partition
from chatislav_source.streams.date_window import DateWindow, days_of
from chatislav_source.streams.state import State
from tests.default_suite import mostly_slow
from tests.exactness.model import API, BOT_ID, START, ModelApi, config_at, seeded
from tests.exactness.warehouse import complete_request

FIRST_DAY = (START - timedelta(days=40)).date()
AT_ONCE = 8


class LongTokens(ModelApi):
    """The model API with page tokens of `length` characters."""

    length = 0

    def page(self, request: PageRequest) -> dict[str, Any]:
        """The response to a request."""
        token = request.page_token and request.page_token.rstrip("-")
        response = super().page(replace(request, page_token=token))
        token = response["pagination"]["nextCursor"]
        if token:
            response["pagination"]["nextCursor"] = token.ljust(self.length, "-")
        return response


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> LongTokens:
    """A bot with 20 conversations a day for 30 days, in pages of four."""
    monkeypatch.setattr("chatislav_source.streams.conversations.window_retries.MAX_PAGE_SIZE", 4)
    made = LongTokens(seeded(1))
    for days in range(30):
        for minute in range(20):
            made.add(START - timedelta(days=days, minutes=minute))
    return made


def kept(before: date) -> State:
    """A count of tables that lost no row."""
    return {
        "before": str(before),
        "conversations": 10**8,
        "messages": 10**9,
        "last_load": "1795881665.1234567",
    }


def begin(api: ModelApi, known: State | None = None) -> ConversationsPartition:
    """The partition of a sync that begins, or continues, at the API's time."""
    config = replace(config_at(api.now, FIRST_DAY), max_concurrency=AT_ONCE)
    return conversations_partition(known, BOT_ID, config, kept)


def checkpoints(
    partition: ConversationsPartition, api: ModelApi, in_flight: int = AT_ONCE
) -> Iterator[State]:
    """The checkpoint after each page."""
    waiting: list[PageRequest] = []
    while True:
        request = partition.next_request() if len(waiting) < in_flight else None
        if request:
            waiting.append(request)
        elif waiting:
            yield complete_request(partition, waiting.pop(0), api, seeded(2), failure=0).checkpoint
        else:
            return


def test_windows_under_way_are_read_in_turn(api: LongTokens) -> None:
    partition = begin(api)
    first, second = partition.next_request(), partition.next_request()
    assert first
    assert second
    for request in (first, second):
        complete_request(partition, request, api, seeded(2), failure=0)

    windows = []
    for _ in range(4):
        following = partition.next_request()
        assert following
        windows.append(following.window)
        complete_request(partition, following, api, seeded(2), failure=0)

    assert first.window != second.window
    assert windows == [first.window, second.window] * 2


def with_unverified(count: int) -> State:
    """The state of a sync under way in which so many windows of one day are not verified."""
    days = [FIRST_DAY - timedelta(days=2 * number) for number in range(1, count + 1)]
    unverified = [DateWindow(day, day) for day in days]
    todo = [DateWindow(FIRST_DAY, (START - timedelta(days=2)).date())]
    newest = DateWindow((START - timedelta(days=1)).date(), None)
    progress = state.begun(START, todo, newest, newest.first_day)
    ended = {
        **state.fresh(BOT_ID, API),
        "watermark": "2026-06-29T12:00:00Z",
        "last_activity": "2026-06-30T12:00:00Z",
        "loaded_from": str(days[-1]),
        "rows_per_day": 987.6543210987654,
        "reread_from": "2026-06-28",
        "settled": kept(date(2026, 6, 28)),
    }
    return {**ended, "progress": {**progress, "unverified": list(map(str, unverified))}}


def all_days(texts: list[str]) -> set[date]:
    """The days of windows that have an end."""
    windows = state.parsed(texts)
    return {day for w in windows if w.last_day for day in days_of(w.first_day, w.last_day)}


@pytest.mark.parametrize(
    ("length", "resumable", "count"),
    mostly_slow(
        [
            (1, AT_ONCE, 365),
            (120, AT_ONCE, 365),
            (120, AT_ONCE, 320),
            (121, 0, 365),
            (5000, 0, 365),
        ],
        (120, AT_ONCE, 365),
        (5000, 0, 365),
    ),
)
def test_a_state_stays_under_4_kb_and_skips_no_day(
    api: LongTokens, length: int, resumable: int, count: int
) -> None:
    api.length = length
    known = with_unverified(count)
    partition = begin(api, known)
    days = {row.activity.date() for row in api.world.values()} & all_days(known["progress"]["todo"])
    largest, most_open = 0, 0

    for checkpoint in checkpoints(partition, api):
        if partition.phase is not Phase.RANGES:
            break
        progress = checkpoint["progress"]
        largest = max(largest, len(json.dumps(checkpoint)))
        most_open = max(most_open, len(progress["open"]))
        unverified = all_days(progress["unverified"])
        opened = [each["window"] for each in progress["open"]]
        assert unverified >= all_days(known["progress"]["unverified"])
        # each day has several pages, so it is not verified before the newest days are read
        assert all_days([*progress["todo"], *opened]) | unverified >= days

    assert most_open == resumable
    assert largest < 4096


def test_a_window_whose_page_token_is_too_long_begins_anew(api: LongTokens) -> None:
    api.length = 121
    partition = begin(api)
    request = partition.next_request()
    assert request

    page = complete_request(partition, request, api, seeded(2), failure=0)

    assert page.checkpoint["progress"]["open"] == []
    again = begin(api, page.checkpoint)
    requests = [each for each in (again.next_request() for _ in range(AT_ONCE)) if each]
    assert {each.page_token for each in requests} == {None}
    days = {day for each in requests for day in all_days([str(each.window)])}
    assert days >= all_days([str(request.window)])


def test_the_last_checkpoint_has_nothing_left_while_the_state_is_final(api: LongTokens) -> None:
    partition = begin(api)

    *_, last = checkpoints(partition, api)

    assert partition.done
    assert (last["progress"]["todo"], last["progress"]["open"]) == ([], [])
    assert last["watermark"] is None
    assert state.is_finished(partition.state)
    assert not state.is_finished(last)


def test_a_run_that_continues_after_the_last_checkpoint_only_reads_the_newest_days(
    api: LongTokens,
) -> None:
    first = begin(api)
    *_, last = checkpoints(first, api)
    started_at = last["progress"]["started_at"]
    api.now += timedelta(hours=5)

    continued = begin(api, json.loads(json.dumps(last)))
    requests = api.requests
    *_, again = checkpoints(continued, api)

    assert continued.done
    assert continued.state["watermark"] == first.state["watermark"]
    assert again["progress"]["started_at"] == started_at
    assert api.requests - requests < requests / 4


def test_the_last_checkpoint_of_a_backfill_has_nothing_left_and_its_state_forgets_it(
    api: LongTokens,
) -> None:
    last_day = START.date() - timedelta(days=5)
    config = replace(config_at(api.now, FIRST_DAY), end_date=last_day)
    partition = conversations_partition(None, BOT_ID, config, kept)

    *_, last = checkpoints(partition, api)

    assert partition.done
    assert (last["backfill"]["todo"], last["backfill"]["open"]) == ([], [])
    assert partition.state == {**last, "backfill": None}
