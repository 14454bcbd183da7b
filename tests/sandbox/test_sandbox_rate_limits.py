"""Rate limits: each kind accepts what its name says, and refuses with the configured response."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import Any

import pytest
from sandbox_caller import Caller

from chatislav_source.sandbox import Settings
from chatislav_source.sandbox.server.answer import Answer
from chatislav_source.sandbox.server.rate_limit import RateLimit


class Gate:
    """A rate limit with a clock that the test sets."""

    def __init__(self, **settings: Any) -> None:
        self.now = 0.0
        self.limit = RateLimit(Settings(**settings), lambda: self.now)

    def refusal(self, key: str | None = None) -> Answer | None:
        """The refusal of one request that ends at once."""
        with self.limit.admission(key) as refusal:
            return refusal

    def admitted(self, count: int, key: str | None = None) -> list[bool]:
        """Whether each of so many requests is accepted."""
        return [self.refusal(key) is None for _ in range(count)]


def test_a_token_bucket_refuses_until_time_has_passed() -> None:
    gate = Gate(rate_limit_per_second=2, rate_limit_burst=3)

    at_once = gate.admitted(5)
    gate.now = 0.5
    later = gate.admitted(2)
    gate.now = 1000
    after_a_quiet_time = gate.admitted(5)

    assert at_once == after_a_quiet_time == [True, True, True, False, False]
    assert later == [True, False]


def test_a_fixed_window_accepts_its_number_again_when_the_next_one_starts() -> None:
    gate = Gate(rate_limit="fixed_window", rate_limit_requests=2, rate_limit_window_seconds=60)

    gate.now = 50
    first = gate.admitted(3)
    gate.now = 59.9
    still = gate.admitted(1)
    gate.now = 60
    second = gate.admitted(3)

    assert first == second == [True, True, False]
    assert still == [False]


def test_a_sliding_window_accepts_a_request_when_the_oldest_has_left_it() -> None:
    gate = Gate(rate_limit="sliding_window", rate_limit_requests=2, rate_limit_window_seconds=60)

    first = gate.admitted(1)
    gate.now = 50
    second = gate.admitted(2)
    gate.now = 60
    third = gate.admitted(2)

    assert (first, second, third) == ([True], [True, False], [True, False])


def test_a_concurrency_limit_counts_the_requests_that_run() -> None:
    gate = Gate(rate_limit="concurrency", rate_limit_requests=1)

    with gate.limit.admission(None) as first:
        second = gate.refusal()
    third = gate.refusal()

    assert (first, third) == (None, None)
    assert second is not None


def test_keys_share_a_limit_or_have_their_own() -> None:
    shared, own = Gate(rate_limit_per_second=1), Gate(rate_limit_per_second=1)
    own.limit._settings.rate_limit_per_key = True

    assert shared.admitted(1, "a") + shared.admitted(1, "b") == [True, False]
    assert own.admitted(1, "a") + own.admitted(1, "b") == [True, True]


def test_other_clients_use_part_of_the_limit() -> None:
    good = []

    for others in (0.0, 4.0):
        gate = Gate(rate_limit_per_second=10, rate_limit_others_per_second=others)
        good.append(0)
        for tick in range(1_000):
            gate.now = tick / 8
            good[-1] += gate.refusal() is None

    assert good[0] == 1_000
    assert good[1] < 950


@pytest.mark.parametrize(
    ("form", "retry_after"), [("constant", "1"), ("exact", "18"), ("date", "Thu, 01 Jan 1970")]
)
def test_retry_after_has_the_configured_form(form: str, retry_after: str) -> None:
    gate = Gate(
        rate_limit="fixed_window",
        rate_limit_requests=0,
        rate_limit_retry_after=True,
        rate_limit_retry_after_form=form,
    )

    gate.now = 42.5
    refusal = gate.refusal()

    assert refusal is not None
    assert refusal.headers["Retry-After"].startswith(retry_after)
    if form == "date":
        assert parsedate_to_datetime(refusal.headers["Retry-After"]).timestamp() == 61


@pytest.mark.parametrize(
    ("form", "prefix", "reset"),
    [("ratelimit", "RateLimit", 18), ("x_ratelimit", "X-RateLimit", 60)],
)
def test_headers_tell_the_quota(form: str, prefix: str, reset: int) -> None:
    gate = Gate(rate_limit="fixed_window", rate_limit_requests=3, rate_limit_headers=form)

    gate.now = 42.5
    gate.admitted(1)
    headers = gate.limit.with_headers(Answer(), None).headers

    assert headers == {
        f"{prefix}-Limit": "3",
        f"{prefix}-Remaining": "2",
        f"{prefix}-Reset": str(reset),
    }


@pytest.mark.parametrize(("tells", "retry_after"), [(True, "1"), (False, None)])
def test_a_rate_limit_refuses_with_the_configured_status(
    call: Caller, tells: bool, retry_after: str | None
) -> None:
    call.api.configure(
        rate_limit_per_second=0.001, rate_limit_status=503, rate_limit_retry_after=tells
    )

    answers = [call.post(bot_id=101) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 503]
    assert answers[1].headers.get("Retry-After") == retry_after
    assert call.api.requests[1].fault == "rate_limit"


def test_good_responses_have_the_headers_of_the_limit(call: Caller) -> None:
    call.api.configure(
        rate_limit="fixed_window", rate_limit_requests=1, rate_limit_headers="ratelimit"
    )

    answers = [call.post(bot_id=101) for _ in range(2)]

    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["0", "0"]
    assert [answer.status_code for answer in answers] == [200, 429]


def test_a_slow_request_runs_for_the_concurrency_limit_until_it_is_answered(call: Caller) -> None:
    call.api.configure(rate_limit="concurrency", rate_limit_requests=1, latency_seconds=0.3)
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(call.post(bot_id=101).status_code)

    first = Thread(target=ask)
    first.start()
    while call.api.count() == 0:
        time.sleep(0.001)
    ask()
    first.join(10)

    assert statuses == [429, 200]
    assert call.post(bot_id=101).status_code == 200


def test_requests_to_no_endpoint_are_not_limited(call: Caller) -> None:
    call.api.configure(rate_limit_per_second=0.001)

    assert [call.post("/nothing").status_code for _ in range(3)] == [404] * 3
    assert call.post(bot_id=101).status_code == 200
