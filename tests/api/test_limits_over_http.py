"""The client against the limiters of the sandbox, over real sockets."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.errors import RetriesExhaustedError
from chatislav_source.sandbox import SANDBOX_KEY, Answer, Sandbox
from tests.api.posting import RecordingRateLimiter, post

REQUESTS = 120


def sent_in_threads(api: Sandbox, limiter: RateLimiter, requests: int = REQUESTS) -> float:
    """Send requests in ten threads, each until it succeeds; the seconds that it took."""
    began = time.monotonic()
    with (
        ChatislavClient(api.base_url, (SANDBOX_KEY,), limiter) as client,
        ThreadPoolExecutor(10) as threads,
    ):
        tries = list(threads.map(lambda _: post(client).tries, range(requests)))
    assert len(tries) == requests
    return time.monotonic() - began


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"rate_limit_per_second": 80, "rate_limit_burst": 5}, id="token bucket"),
        pytest.param({"rate_limit": "fixed_window", "rate_limit_requests": 20}, id="fixed window"),
        pytest.param(
            {"rate_limit": "sliding_window", "rate_limit_requests": 20}, id="sliding window"
        ),
        pytest.param({"rate_limit_per_second": 80, "rate_limit_status": 503}, id="503"),
        pytest.param({"rate_limit": "concurrency", "rate_limit_requests": 2}, id="concurrency"),
    ],
)
def test_every_request_succeeds_and_few_are_refused(api: Sandbox, settings: dict[str, Any]) -> None:
    api.configure(
        rate_limit_window_seconds=0.25,
        rate_limit_retry_after=True,
        retry_after_seconds=0.1,
        latency_seconds=0.01,
        **settings,
    )

    sent_in_threads(api, RateLimiter(8))

    refused = sum(request.fault == "rate_limit" for request in api.requests)
    assert 0 < refused < REQUESTS / 2


def test_requests_per_second_is_a_ceiling(api: Sandbox) -> None:
    seconds = sent_in_threads(api, RateLimiter(8, requests_per_second=40), requests=21)

    assert seconds >= 20 / 40 * 0.9


@pytest.mark.parametrize(("status", "is_limited"), [(429, True), (503, False)])
def test_one_429_sets_a_rate_and_one_503_does_not(
    api: Sandbox,
    limiter: RecordingRateLimiter,
    client: ChatislavClient,
    status: int,
    is_limited: bool,
) -> None:
    api.answer_next(Answer(status))

    post(client)

    assert limiter._pace.rate.is_found is is_limited


@pytest.mark.parametrize("form", ["ratelimit", "x_ratelimit"])
def test_without_retry_after_the_reset_of_the_quota_is_waited_for(api: Sandbox, form: str) -> None:
    limiter = RateLimiter(8)
    api.configure(
        rate_limit="fixed_window",
        rate_limit_requests=0,
        rate_limit_window_seconds=100_000_000,
        rate_limit_headers=form,
    )

    with (
        ChatislavClient(api.base_url, (SANDBOX_KEY,), limiter) as client,
        pytest.raises(RetriesExhaustedError, match="the API requires a wait of"),
    ):
        post(client)

    assert api.count() == 1
