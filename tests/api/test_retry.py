"""Retries: which failures are retried, how often and when, and the final errors."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.retry import Action, action_for, retry_after
from chatislav_source.errors import (
    RetriesExhaustedError,
    UnexpectedResponseError,
)
from chatislav_source.sandbox import Answer, Sandbox
from chatislav_source.sandbox.settings import FAULT_KINDS
from tests.api.posting import LABEL, PATH, QUERY, RecordingRateLimiter, parse, post

PASSING_FAULTS = [kind for kind in FAULT_KINDS if kind not in ("slow", "hang")]


@pytest.mark.parametrize(
    ("statuses", "action"),
    [
        ([200, 201, 204, 206, 299], Action.PARSE),
        ([408, 425, 500, 501, 502, 504, 507, 508, 509, 520, 521, 522, 599, 999], Action.RETRY),
        ([429, 503], Action.THROTTLE),
        ([401, 403], Action.CHANGE_KEY),
        ([300, 301, 304, 400, 402, 404, 405, 409, 410, 413, 418, 422, 499], Action.REJECT),
    ],
)
def test_each_status_has_an_action(statuses: list[int], action: Action) -> None:
    assert {action_for(status) for status in statuses} == {action}


@pytest.mark.parametrize("kind", PASSING_FAULTS)
def test_a_temporary_fault_is_retried_until_success(
    api: Sandbox, client: ChatislavClient, kind: str
) -> None:
    api.configure(faults={kind: 0.5}, retry_after_seconds=1, fault_seed=3)

    answers = [post(client, tries=30) for _ in range(6)]

    tries = sum(answer.tries for answer in answers)
    assert tries == api.count(PATH) > 6
    assert all(len(answer.value["conversations"]) == 2 for answer in answers)


@pytest.mark.parametrize("kind", [kind for kind in PASSING_FAULTS if kind != "wrong_shape"])
def test_a_permanent_fault_fails_after_the_last_try(
    api: Sandbox, client: ChatislavClient, kind: str
) -> None:
    api.configure(faults={kind: 1.0}, retry_after_seconds=1)

    with pytest.raises(RetriesExhaustedError, match=f"{LABEL} failed 3 times, last: ") as raised:
        post(client, tries=3)

    assert api.count(PATH) == raised.value.tries == 3
    is_about_rate = kind.startswith(("429", "503"))
    assert raised.value.size_may_be_why == (not is_about_rate)


@pytest.mark.parametrize(("last", "tries"), [("500", 2), ("429", 5), ("wrong_shape", 5)])
def test_fewer_tries_apply_only_where_a_smaller_page_may_help(
    api: Sandbox, client: ChatislavClient, last: str, tries: int
) -> None:
    api.configure(faults={last: 1.0})

    with pytest.raises((RetriesExhaustedError, UnexpectedResponseError)):
        client.post(PATH, QUERY, LABEL, parse, tries=5, tries_if_large=2)

    assert api.count(PATH) == tries


def test_a_permanent_wrong_shape_is_an_error_that_names_the_problem(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.answer_next(*[Answer(body={"conversations": None})] * 3)

    with pytest.raises(UnexpectedResponseError, match="`conversations` is not a list"):
        post(client, tries=3)

    assert api.count(PATH) == 3


@pytest.mark.parametrize("kind", ["429_retry_after", "503_retry_after", "429_retry_after_date"])
def test_retry_after_is_waited_for(
    api: Sandbox, client: ChatislavClient, limiter: RecordingRateLimiter, kind: str
) -> None:
    api.configure(faults={kind: 1.0}, retry_after_seconds=40, fault_bots={101})
    with pytest.raises(RetriesExhaustedError):
        post(client, tries=1)

    post(client, bot_id=102)

    assert limiter.turns[1] - limiter.turns[0] >= 38.0


@pytest.mark.parametrize("status", [408, 425, 500, 502, 504])
def test_retry_after_is_waited_for_on_every_status_that_is_tried_again(
    api: Sandbox, client: ChatislavClient, limiter: RecordingRateLimiter, status: int
) -> None:
    api.answer_next(Answer(status, b"", {"Retry-After": "40"}))

    assert post(client).tries == 2

    assert limiter.turns[1] - limiter.turns[0] >= 40.0


def test_retry_after_of_a_refused_key_that_has_worked_is_waited_for(
    api: Sandbox, client: ChatislavClient, limiter: RecordingRateLimiter
) -> None:
    post(client)
    api.answer_next(Answer(401, b"", {"Retry-After": "40"}))

    post(client)

    assert limiter.turns[2] - limiter.turns[1] >= 40.0


def test_a_too_long_retry_after_is_an_error_and_nothing_more_is_sent(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.configure(faults={"429_retry_after": 1.0}, retry_after_seconds=86_400)

    with pytest.raises(
        RetriesExhaustedError, match="failed 1 time, last: the API requires a wait of 86400 s"
    ):
        post(client)
    with pytest.raises(RetriesExhaustedError, match="requires a wait"):
        post(client, bot_id=102)

    assert api.count() == 1


NOW = datetime(2026, 6, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": " 7.5 "}, 7.5),
        ({"Retry-After": "-7"}, 0.0),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "Tue, 23 Jun 2026 12:00:30 GMT"}, 30.0),
        ({"Retry-After": "Tue, 23 Jun 2026 11:00:00 GMT"}, 0.0),
        ({"Retry-After": "Tue, 23 Jun 2026 12:00:30 -0000"}, 30.0),
        ({"Retry-After": "Tue, 23 Jun 99999 12:00:30 GMT"}, None),
        (
            {
                "Retry-After": "Tue, 23 Jun 2026 11:30:30 GMT",
                "Date": "Tue, 23 Jun 2026 11:30:00 GMT",
            },
            30.0,
        ),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_retry_after_is_seconds_or_a_date_by_the_clock_of_the_api(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(httpx.Headers(headers), NOW) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "7"}, 7.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "7"}, 7.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW.timestamp() + 9:.0f}"}, 9.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW.timestamp() - 9:.0f}"}, 0.0),
        ({"X-RateLimit-Remaining": "3", "X-RateLimit-Reset": "7"}, None),
        ({"X-RateLimit-Remaining": "0"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "nan"}, None),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "7", "Retry-After": "2"}, 2.0),
    ],
)
def test_without_retry_after_the_reset_of_a_used_up_quota_counts(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert retry_after(httpx.Headers(headers), NOW) == seconds


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_any_retry_after_is_parsed_without_an_error(text: str) -> None:
    seconds = retry_after(httpx.Headers({"Retry-After": text}), NOW)

    assert seconds is None or seconds >= 0


def test_a_server_that_hangs_is_an_error(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch, new_client: Callable[..., ChatislavClient]
) -> None:
    monkeypatch.setattr("chatislav_source.api.transport.READ_TIMEOUT_SECONDS", 0.2)
    api.configure(faults={"hang": 1.0})

    with pytest.raises(
        RetriesExhaustedError, match=r"127.0.0.1:\d+ did not send .* in time"
    ) as raised:
        post(new_client(api), tries=2)

    assert raised.value.size_may_be_why


def test_an_unreachable_server_is_an_error(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    client = new_client(api)
    api.stop()

    with pytest.raises(
        RetriesExhaustedError, match=r"no connection to 127.0.0.1:\d+: connection refused. Check "
    ):
        post(client, tries=2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(200, b"no gzip", {"Content-Encoding": "gzip"}), id="not compressed"),
        pytest.param(
            Answer(200, gzip.compress(b"{}" * 99)[:40], {"Content-Encoding": "gzip"}),
            id="truncated gzip",
        ),
        pytest.param(Answer(204), id="no content"),
        pytest.param(Answer(200, b"NaN"), id="NaN"),
        pytest.param(Answer(200, b"[" * 100_000), id="nested too deep"),
        pytest.param(Answer(206, b'{"conver'), id="partial content"),
        pytest.param(Answer(599, b"?"), id="unknown status"),
    ],
)
def test_an_unreadable_response_is_retried(
    api: Sandbox, client: ChatislavClient, answer: Answer
) -> None:
    api.answer_next(answer)

    assert post(client).tries == 2


def test_a_failed_try_is_logged_with_its_reason_and_number(
    api: Sandbox, client: ChatislavClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="chatislav_source")
    api.answer_next(Answer(500), Answer(200, {}))

    post(client)

    assert [record.getMessage() for record in caplog.records] == [
        f"POST {PATH} for {LABEL}: HTTP 500; try 1 failed",
        f"POST {PATH} for {LABEL}: `conversations` is not a list; try 2 failed",
    ]
