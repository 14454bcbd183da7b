"""Faults: each kind has its effect on the response or the connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from threading import Thread
from typing import Any

import httpx
import pytest
from sandbox_caller import Caller

from chatislav_source.sandbox import Answer, Sandbox, Settings, World
from chatislav_source.sandbox.server.faults import WRONG_SHAPES, Faults
from chatislav_source.sandbox.settings import FAULT_KINDS


@pytest.mark.parametrize(
    ("kind", "status", "retry_after"),
    [
        ("429", 429, None),
        ("429_retry_after", 429, "7"),
        ("408", 408, None),
        ("425", 425, None),
        ("500", 500, None),
        ("503", 503, None),
        ("503_retry_after", 503, "7"),
    ],
)
def test_a_fault_responds_with_its_status_and_a_json_error(
    call: Caller, kind: str, status: int, retry_after: str | None
) -> None:
    call.api.configure(faults={kind: 1.0}, retry_after_seconds=7)

    answer = call.post(bot_id=101)

    assert answer.status_code == status
    assert answer.headers.get("Retry-After") == retry_after
    assert answer.json()["error"]


def test_retry_after_can_be_a_date(call: Caller) -> None:
    call.api.configure(faults={"429_retry_after_date": 1.0}, retry_after_seconds=3600)

    text = call.post(bot_id=101).headers["Retry-After"]
    told = parsedate_to_datetime(text)

    assert text.endswith(" GMT")
    assert told.timestamp() == pytest.approx(time.time() + 3600, abs=60)


@pytest.mark.parametrize(("kind", "status"), [("502_html", 502), ("html_200", 200)])
def test_an_html_page_can_come_instead_of_json(call: Caller, kind: str, status: int) -> None:
    call.api.configure(faults={kind: 1.0})

    answer = call.post(bot_id=101)

    assert answer.status_code == status
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.text.startswith("<html>")


@pytest.mark.parametrize("kind", ["invalid_json", "empty_body"])
def test_a_fault_can_be_a_2xx_status_with_a_body_that_is_not_json(call: Caller, kind: str) -> None:
    call.api.configure(faults={kind: 1.0})

    answer = call.post(bot_id=101)

    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_wrong_shapes_come_in_turn(call: Caller) -> None:
    call.api.configure(faults={"wrong_shape": 1.0})

    answers = [call.post(bot_id=101).json() for _ in WRONG_SHAPES]

    assert answers == list(WRONG_SHAPES)


def test_a_reset_and_a_truncated_response_are_connection_errors(call: Caller) -> None:
    call.api.configure(faults={"reset": 1.0})
    with pytest.raises(httpx.ReadError):
        call.post(bot_id=101)

    call.api.configure(faults={"truncated": 1.0})
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        call.post(bot_id=101)

    assert [(r.status, r.fault) for r in call.api.requests] == [
        (None, "reset"),
        (None, "truncated"),
    ]


def test_a_hang_closes_the_connection_without_a_response(call: Caller) -> None:
    call.api.configure(faults={"hang": 1.0}, hang_seconds=0.01)

    with pytest.raises(httpx.RemoteProtocolError, match="disconnected"):
        call.post(bot_id=101)


def test_stopping_does_not_wait_for_what_hangs(world: World) -> None:
    api = Sandbox(world, Settings(faults={"hang": 1.0}, hang_seconds=600)).start()
    errors: list[Exception] = []

    def ask() -> None:
        try:
            httpx.post(f"{api.base_url}/conversations", json={"bot_id": 101}, timeout=60)
        except httpx.TransportError as error:
            errors.append(error)

    client = Thread(target=ask)
    client.start()
    wait_until(lambda: api.count() == 1)
    began = time.monotonic()
    api.stop()
    client.join(10)

    assert time.monotonic() - began < 5
    assert len(errors) == 1


def test_a_client_that_gives_up_is_no_longer_in_flight(call: Caller) -> None:
    call.api.configure(faults={"hang": 1.0}, hang_seconds=600)
    body = {"bot_id": 101}
    with pytest.raises(httpx.ReadTimeout):
        call.http.post(f"{call.api.base_url}/conversations", json=body, timeout=0.05)

    wait_until(lambda: call.api.log.summary(0)["in_flight"] == 0)


def wait_until(true: Callable[[], bool]) -> None:
    """Return when the condition is true; fail after a few seconds."""
    end = time.monotonic() + 5
    while not true():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_a_slow_response_is_correct(call: Caller) -> None:
    call.api.configure(faults={"slow": 1.0}, slow_seconds=0.03, latency_seconds=0.02)
    began = time.monotonic()

    answer = call.post(bot_id=101)

    assert answer.status_code == 200
    assert time.monotonic() - began >= 0.05
    assert call.api.requests[0].fault == "slow"


def test_a_slow_response_may_have_no_delay(call: Caller) -> None:
    call.api.configure(faults={"slow": 1.0}, slow_seconds=0)

    assert call.post(bot_id=101).status_code == 200


def test_faults_are_limited_to_their_bots_and_paths(call: Caller) -> None:
    call.api.configure(faults={"500": 1.0}, fault_bots={102}, fault_paths={"/conversations"})
    day = {"from": "2026-06-20", "to": "2026-06-20"}

    assert call.post(bot_id=101).status_code == 200
    assert call.post(bot_id=102).status_code == 500
    assert call.post("/analytics", bot_id=102, **day).status_code == 200


def test_with_every_kind_of_fault_the_same_requests_succeed_again() -> None:
    settings = Settings(faults=dict.fromkeys(FAULT_KINDS, 0.1))

    drawn, again = (
        [faults.draw("/conversations", 1) for _ in range(2000)]
        for faults in (Faults(settings), Faults(settings))
    )

    assert drawn == again
    assert set(drawn) == {*FAULT_KINDS, None}
    assert 0.1 < drawn.count(None) / 2000 < 0.3


def test_faults_occur_with_their_probability() -> None:
    faults = Faults(Settings(faults={"500": 0.25}))

    hits = sum(faults.draw("/conversations", 1) == "500" for _ in range(4000))

    assert 0.22 < hits / 4000 < 0.28


def test_a_limit_that_is_too_large_fails_and_a_smaller_one_works(call: Caller) -> None:
    call.api.configure(largest_good_limit=25)

    statuses = [call.post(bot_id=101, limit=limit).status_code for limit in (100, 26, 25)]

    assert statuses == [500, 500, 200]


def test_one_bot_can_fail_alone(call: Caller) -> None:
    call.api.configure(bot_status={101: 503}, unknown_bot_status=403)

    assert [call.post(bot_id=bot_id).status_code for bot_id in (101, 102, 999)] == [503, 200, 403]


def test_scripted_responses_are_sent_once_and_only_on_their_path(call: Caller) -> None:
    call.api.answer_next(
        Answer(418, {"error": "teapot"}, {"X-Odd": "yes"}, path="/conversations"),
        Answer(body=b"raw"),
    )
    call.api.answer_next(Answer(cut=True, path="/conversations"))
    day = {"from": "2026-06-20", "to": "2026-06-20"}

    raw = call.post("/analytics", bot_id=101, **day)
    teapot = call.post(bot_id=101)
    with pytest.raises(httpx.ReadError):
        call.post(bot_id=101)

    assert raw.content == b"raw"
    assert (teapot.status_code, teapot.headers["X-Odd"]) == (418, "yes")
    assert call.post(bot_id=101).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"page_ordre": "random"}, AttributeError),
        ({"page_order": "upwards"}, ValueError),
        ({"faults": {"501": 0.1}}, ValueError),
        ({"faults": {"500": 1.1}}, ValueError),
        ({"churn": {"explosion": 0.1}}, ValueError),
        ({"latency_seconds": -1}, ValueError),
        ({"latency_seconds": "1"}, ValueError),
        ({"token_max_uses": 1.5}, ValueError),
        ({"short_pages": 1}, ValueError),
        ({"naive_timezone": "Mars/Base"}, ValueError),
        ({"bot_status": {101: 5}}, ValueError),
        ({"revoked_keys": "key"}, ValueError),
    ],
)
def test_a_wrong_setting_is_refused_and_changes_nothing(
    changes: dict[str, Any], error: type[Exception]
) -> None:
    settings = Settings()

    with pytest.raises(error, match=next(iter(changes))):
        settings.configure(timestamps="z", **changes)

    assert settings == Settings()


def test_a_setting_can_be_assigned_and_is_checked() -> None:
    settings = Settings()

    settings.latency_seconds = 2

    assert settings.latency_seconds == 2.0
    with pytest.raises(ValueError, match="latency_seconds"):
        settings.latency_seconds = -1
