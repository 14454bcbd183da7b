"""API keys: when the client changes to the other key, and that no key is shown."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from chatislav_source.api import api_keys
from chatislav_source.api.client import ChatislavClient
from chatislav_source.api.rate_limiter import RateLimiter
from chatislav_source.errors import (
    AuthenticationError,
    ChatislavError,
)
from chatislav_source.sandbox import SANDBOX_KEY, Answer, Sandbox
from tests.api.posting import OTHER_KEY, error_of, post

REAL_WAITS = api_keys.WAITS


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_tried_again(
    api: Sandbox, client: ChatislavClient, status: int
) -> None:
    api.configure(api_access_enabled=False, auth_failure_status=status)

    with pytest.raises(AuthenticationError, match=r"missing, invalid or revoked, or API Access is"):
        post(client)

    assert api.count() == 1


def test_the_other_key_replaces_a_refused_key(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    api.configure(revoked_keys={SANDBOX_KEY})
    client = new_client(api, SANDBOX_KEY, OTHER_KEY)

    answers = [post(client) for _ in range(3)]

    assert [request.status for request in api.requests] == [401, 200, 200, 200]
    assert all(len(answer.value["conversations"]) == 2 for answer in answers)


def test_the_first_key_is_used_again_when_the_other_is_revoked(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    client = new_client(api, SANDBOX_KEY, OTHER_KEY)
    api.configure(revoked_keys={SANDBOX_KEY})
    post(client)

    api.configure(revoked_keys={OTHER_KEY})
    post(client)

    assert [request.status for request in api.requests] == [401, 200, 401, 200]


def test_two_refused_keys_are_an_error_after_one_try_each(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    api.configure(revoked_keys={SANDBOX_KEY, OTHER_KEY})

    with pytest.raises(AuthenticationError):
        post(new_client(api, SANDBOX_KEY, OTHER_KEY))

    assert api.count() == 2


def test_keys_are_changed_while_many_threads_send_requests(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    client = new_client(api, SANDBOX_KEY, OTHER_KEY)
    outcomes: list[Any] = []

    def work() -> None:
        try:
            for number in range(12):
                if number == 3:
                    api.configure(revoked_keys={SANDBOX_KEY})
                outcomes.append(post(client).tries)
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert outcomes == [1] * 72
    refused = sum(request.status == 401 for request in api.requests)
    assert 1 <= refused <= 6
    assert api.count() == 72 + refused


class Sleeps(RateLimiter):
    """Records waits between tries instead of waiting."""

    def __init__(self) -> None:
        super().__init__(8)
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


REFUSALS = [
    pytest.param(Answer(403, b"<html>Just a moment...</html>"), id="firewall"),
    pytest.param(Answer(401, {"error": "auth backend is starting"}), id="key service"),
]


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_key_that_has_worked_is_asked_again(
    api: Sandbox, client: ChatislavClient, refusal: Answer
) -> None:
    post(client)
    api.answer_next(refusal, refusal)

    answer = post(client)

    assert answer.tries == 3
    assert len(answer.value["conversations"]) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_has_worked_is_called_revoked_after_a_minute(
    api: Sandbox, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "WAITS", REAL_WAITS)
    limiter = Sleeps()
    with ChatislavClient(api.base_url, [SANDBOX_KEY], limiter) as client:
        post(client)
        api.configure(auth_failure_status=status, revoked_keys={SANDBOX_KEY})

        with pytest.raises(AuthenticationError) as raised:
            post(client)

    assert sum(limiter.slept) == 60.0
    assert raised.value.requests == 6
    assert api.count() == 7


def test_a_bot_that_was_never_read_is_asked_for_again_for_a_few_seconds_only(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "WAITS", REAL_WAITS)
    limiter = Sleeps()
    with ChatislavClient(api.base_url, [SANDBOX_KEY], limiter) as client:
        post(client)
        api.configure(bot_status={102: 403})

        with pytest.raises(AuthenticationError):
            post(client, bot_id=102)

    assert limiter.slept == [1.0, 3.0]


def test_many_threads_ask_again_for_a_refused_key_as_often_as_one(
    api: Sandbox, client: ChatislavClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_keys, "WAITS", (0.2,) * 5)  # longer than 8 requests take
    post(client)
    api.configure(revoked_keys={SANDBOX_KEY})
    ended: list[type[BaseException]] = []
    threads = [threading.Thread(target=lambda: ended.append(error_of(client, 8))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert ended == [AuthenticationError] * 8
    assert api.count() <= 1 + 8 + 5


def test_an_accepted_key_ends_the_doubt_in_all_threads(
    api: Sandbox, client: ChatislavClient
) -> None:
    post(client)
    outcomes: list[int] = []
    api.answer_next(*[Answer(401)] * 4)  # fewer than one thread alone would need to give up
    threads = [threading.Thread(target=lambda: outcomes.append(post(client).tries)) for _ in "1234"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert len(outcomes) == 4
    assert post(client).tries == 1


def text_of_error(error: BaseException) -> str:
    """The text of the error, its traceback, its causes and its attributes."""
    shown = "".join(traceback.format_exception(error))
    return shown + repr(error) + repr(vars(error))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(400, {"error": f"key {SANDBOX_KEY} may not"}), id="in the text"),
        pytest.param(
            Answer(400, b" " * 780 + SANDBOX_KEY.encode()), id="at the end of a long text"
        ),
        pytest.param(Answer(401, {"error": SANDBOX_KEY}), id="refused"),
        pytest.param(
            Answer(302, b"", {"Location": f"https://{SANDBOX_KEY}.example/?k={SANDBOX_KEY}"}),
            id="in a redirect",
        ),
        pytest.param(Answer(500, {"error": SANDBOX_KEY}), id="failed"),
        pytest.param(Answer(200, b"{", {"Content-Type": f"a/{SANDBOX_KEY}"}), id="in a header"),
        pytest.param(Answer(200, {"conversations": SANDBOX_KEY}), id="in a wrong shape"),
        pytest.param(Answer(cut=True), id="reset"),
    ],
)
def test_an_echoed_key_is_in_no_error_or_log(
    api: Sandbox, client: ChatislavClient, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "httpcore.http11"):
        caplog.set_level(logging.DEBUG, logger=name)
    api.answer_next(*[answer] * 2)

    with pytest.raises(ChatislavError) as raised:
        post(client, tries=2)

    assert SANDBOX_KEY not in text_of_error(raised.value)
    assert SANDBOX_KEY not in caplog.text
    assert len(caplog.records) >= 2
    assert "httpcore.http11" in {record.name for record in caplog.records}


def test_the_key_and_the_rows_are_in_no_log_and_no_repr_of_a_response(
    client: ChatislavClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answer = post(client)

    words = answer.value["conversations"][0]["messages"][0]["content"]
    shown = caplog.text + repr(answer) + repr(client) + repr(vars(client)["_rate_limiter"])
    assert SANDBOX_KEY not in shown
    assert words not in shown
    assert "send_request_headers.complete" in caplog.text
