"""Paging returns unchanged data exactly once, and has only the configured faults."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_type_hints

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sandbox_caller import LAST_DAY, Caller

from chatislav_source.sandbox import Sandbox, Settings, World
from chatislav_source.sandbox.api.page_tokens import BadTokenError, decode

KINDS = get_args(get_type_hints(Settings)["page_token"])
ORDERS = [order for order in get_args(get_type_hints(Settings)["page_order"]) if order != "random"]
HARMLESS_SWITCHES = ("empty_last_page", "empty_middle_pages", "short_pages", "token_when_done")


@pytest.fixture(scope="module")
def shared_call(http: httpx.Client) -> Iterator[Caller]:
    """An unchanged world for all examples; each example changes the settings."""
    world = World.generate((101,), conversations=37, days=5, last_day=LAST_DAY, messages=1)
    with Sandbox(world) as api:
        yield Caller(api, http)


@settings(max_examples=120, deadline=None)
@given(
    order=st.sampled_from(ORDERS),
    kind=st.sampled_from(KINDS),
    limit=st.integers(4, 40),
    switches=st.sets(st.sampled_from(HARMLESS_SWITCHES)),
)
def test_every_conversation_comes_exactly_once_in_any_order_by_any_token(
    shared_call: Caller, order: str, kind: str, limit: int, switches: set[str]
) -> None:
    on = {name: name in switches for name in HARMLESS_SWITCHES}
    shared_call.api.configure(page_order=order, page_token=kind, **on)
    everything = [row["sessionId"] for row in shared_call.api.world.conversations(101)]

    found = shared_call.all_ids(bot_id=101, limit=limit)

    assert sorted(found) == sorted(everything)


@pytest.mark.parametrize("kind", KINDS)
def test_pages_of_one_come_to_an_end(call: Caller, kind: str) -> None:
    call.api.configure(page_token=kind, short_pages=True, overlapping_pages=True)

    found = call.all_ids(bot_id=101, limit=1)

    assert len(found) == len(set(found)) == 60


@pytest.mark.parametrize(
    ("order", "key", "descending"),
    [
        ("newest_activity", "lastActivity", True),
        ("oldest_activity", "lastActivity", False),
        ("newest_created", "createdAt", True),
        ("oldest_created", "createdAt", False),
        ("session_id", "sessionId", False),
    ],
)
def test_pages_are_in_the_configured_order(
    call: Caller, order: str, key: str, descending: bool
) -> None:
    call.api.configure(page_order=order)

    rows = [row[key] for page in call.pages(bot_id=101, limit=25) for row in page["conversations"]]

    assert rows == sorted(rows, reverse=descending)


def test_a_shuffled_order_is_none_of_the_others_but_always_the_same(call: Caller) -> None:
    call.api.configure(page_order="shuffled")
    first = call.all_ids(bot_id=101)
    again = call.all_ids(bot_id=101)
    call.api.configure(page_order="session_id")

    assert first == again != call.all_ids(bot_id=101)


def test_a_random_order_differs_from_request_to_request(call: Caller) -> None:
    call.api.configure(page_order="random")

    assert call.ids(bot_id=101) != call.ids(bot_id=101)


def test_an_offset_repeats_a_row_when_a_conversation_is_added_in_front(
    call: Caller, world: World
) -> None:
    first, token = _first_page(call)

    world.add_conversation(101)
    second = call.ids(bot_id=101, limit=10, cursor=token)

    assert second[0] == first[-1]


@pytest.mark.parametrize("kind", ["keyset", "snapshot"])
def test_a_keyset_and_a_snapshot_go_on_where_they_were_when_one_is_added_in_front(
    call: Caller, world: World, kind: str
) -> None:
    call.api.configure(page_token=kind)
    before = call.all_ids(bot_id=101)
    _, token = _first_page(call)

    world.add_conversation(101)

    assert call.ids(bot_id=101, limit=10, cursor=token) == before[10:20]


def test_a_keyset_misses_a_row_that_moved_to_the_front_and_a_snapshot_does_not(
    call: Caller, world: World
) -> None:
    found = {}
    for kind in ("keyset", "snapshot"):
        call.api.configure(page_token=kind)
        moving = call.all_ids(bot_id=101)[15]
        _, token = _first_page(call)
        world.add_message(101, moving)
        found[kind] = moving in call.ids(bot_id=101, limit=10, cursor=token)

    assert found == {"keyset": False, "snapshot": True}


def test_a_snapshot_serves_current_rows_and_skips_those_removed(call: Caller, world: World) -> None:
    call.api.configure(page_token="snapshot")
    order = call.all_ids(bot_id=101)
    _, token = _first_page(call)

    world.remove_conversation(101, order[10])
    world.change(101, order[11], helpful=0, feedbackComment="changed")
    rows = call.post(bot_id=101, limit=10, cursor=token).json()["conversations"]

    assert [row["sessionId"] for row in rows] == order[11:20]
    assert rows[0]["feedbackComment"] == "changed"


def test_a_token_may_be_used_as_often_as_allowed(call: Caller) -> None:
    call.api.configure(token_max_uses=2, expired_token_status=410)
    _, token = _first_page(call)

    statuses = [call.post(bot_id=101, limit=10, cursor=token).status_code for _ in range(3)]

    assert statuses == [200, 200, 410]


def test_a_token_expires_after_some_requests_of_any_kind(call: Caller) -> None:
    call.api.configure(token_max_requests=2, expired_token_status=422)
    _, token = _first_page(call)

    statuses = [call.post(bot_id=101, limit=10, cursor=token).status_code for _ in range(3)]

    assert statuses == [200, 200, 422]


def test_a_token_expires_with_age(call: Caller) -> None:
    _, token = _first_page(call)
    young = call.post(bot_id=101, limit=10, cursor=token).status_code

    call.api.configure(token_max_age_seconds=0)
    old = call.post(bot_id=101, limit=10, cursor=token).status_code

    assert (young, old) == (200, 400)


def test_a_token_is_bound_to_filters_and_to_limit_only_as_configured(call: Caller) -> None:
    _, token = _first_page(call)
    other_filter = {"bot_id": 101, "limit": 10, "cursor": token, "channel": "widget"}
    other_limit = {"bot_id": 101, "limit": 20, "cursor": token}
    statuses = []
    for filters, limit in ((True, True), (True, False), (False, False)):
        call.api.configure(token_bound_to_filters=filters, token_bound_to_limit=limit)
        asked = (other_filter, other_limit)
        statuses.append(tuple(call.post(**body).status_code for body in asked))

    assert statuses == [(400, 400), (400, 200), (200, 200)]


def test_a_damaged_token_is_refused(call: Caller) -> None:
    _, token = _first_page(call)
    middle = len(token) // 2
    damaged = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]

    assert call.post(bot_id=101, limit=10, cursor=damaged).status_code == 400


@given(text=st.text(max_size=60))
def test_text_that_is_not_a_token_is_rejected(text: str) -> None:
    with pytest.raises(BadTokenError):
        decode(text)


@pytest.mark.parametrize(
    ("changes", "pagination"),
    [
        ({"token_missing": True}, {"limit": 10, "nextCursor": None, "hasMore": True}),
        ({"token_absent": True}, {"limit": 10, "hasMore": True}),
    ],
)
def test_more_can_be_announced_without_a_token(
    call: Caller, changes: dict[str, Any], pagination: dict[str, Any]
) -> None:
    call.api.configure(**changes)

    assert call.post(bot_id=101, limit=10).json()["pagination"] == pagination


def test_a_token_can_be_given_although_there_is_no_more(call: Caller) -> None:
    call.api.configure(token_when_done=True)

    pagination = call.post(bot_id=101, limit=100).json()["pagination"]
    after = call.post(bot_id=101, limit=100, cursor=pagination["nextCursor"]).json()

    assert pagination["hasMore"] is False
    assert after["conversations"] == []


def test_a_token_repeats_after_the_configured_page(call: Caller) -> None:
    call.api.configure(token_repeats=2)
    pages = call.pages(bot_id=101, limit=10)

    tokens = [next(pages)["pagination"]["nextCursor"] for _ in range(5)]

    assert len(set(tokens[:2])) == 2
    assert tokens[1] == tokens[2] == tokens[3] == tokens[4]


def test_the_last_rows_can_be_followed_by_an_empty_page(call: Caller) -> None:
    call.api.configure(empty_last_page=True)

    sizes = [len(page["conversations"]) for page in call.pages(bot_id=101, limit=30)]

    assert sizes == [30, 30, 0]


def test_empty_pages_can_go_on_without_end_by_ever_new_tokens(call: Caller) -> None:
    call.api.configure(endless_empty_pages=True)
    pages = call.pages(bot_id=101, limit=100)

    seen = [next(pages) for _ in range(20)]

    assert [len(page["conversations"]) for page in seen] == [60] + [0] * 19
    assert len({page["pagination"]["nextCursor"] for page in seen}) == 20


def test_empty_and_short_pages_appear_in_the_middle(call: Caller) -> None:
    call.api.configure(empty_middle_pages=True)
    with_holes = [len(page["conversations"]) for page in call.pages(bot_id=101, limit=30)]
    call.api.configure(empty_middle_pages=False, short_pages=True)
    short = [len(page["conversations"]) for page in call.pages(bot_id=101, limit=30)]

    assert with_holes == [30, 0, 30]
    assert max(short) < 30
    assert sum(short) == 60


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_can_begin_with_the_last_row_of_the_one_before(call: Caller, kind: str) -> None:
    call.api.configure(overlapping_pages=True, page_token=kind)

    pages = [
        [row["sessionId"] for row in page["conversations"]]
        for page in call.pages(bot_id=101, limit=25)
    ]

    assert [page[0] for page in pages[1:]] == [page[-1] for page in pages[:-1]]
    assert max(map(len, pages)) == 25
    assert len({session_id for page in pages for session_id in page}) == 60


def _first_page(call: Caller) -> tuple[list[str], str]:
    page = call.post(bot_id=101, limit=10).json()
    ids = [row["sessionId"] for row in page["conversations"]]
    return ids, page["pagination"]["nextCursor"]
