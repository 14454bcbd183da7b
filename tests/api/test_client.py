"""The client against the sandbox over a real socket: what it sends, repeats, gives up and hides."""

from __future__ import annotations

import gc
import gzip
import logging
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.api import rate_limiter as throttle
from chatislav_source.api.client import ApiResponse, ChatislavClient, Row
from chatislav_source.api.rate_limiter import Cancelled, RateLimiter
from chatislav_source.api.retry import retry_after
from chatislav_source.api.transport import Transport
from chatislav_source.errors import (
    AuthenticationError,
    ChatislavError,
    ConfigurationError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
    WrongShapeError,
)
from chatislav_source.records.json_decoder import decode
from chatislav_source.sandbox import SANDBOX_KEY, Answer, Sandbox, World
from chatislav_source.sandbox.settings import FAULT_KINDS

PATH = "/conversations"
QUERY: Row = {"bot_id": 101, "limit": 2, "channel": "all"}
ABOUT = "bot 101, 2026-06-01/2026-06-02"
OTHER_KEY = "chsk_live_the_other_key"
GOOD_PAGE = {"conversations": [], "pagination": {"nextCursor": None, "hasMore": False}}


class Clock:
    """Goes on by a quarter of a second whenever it is looked at."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.25
        return self.now


class NotedThrottle(RateLimiter):
    """Notes when each request began."""

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(8, stop, Clock())
        self.turns: list[float] = []

    def _enter(self) -> float:
        self.turns.append(super()._enter())
        return self.turns[-1]


@pytest.fixture(scope="module")
def shared_world() -> World:
    return World.generate(bot_ids=(101, 102), conversations=10, days=5)


@pytest.fixture
def api(shared_world: World) -> Iterator[Sandbox]:
    with Sandbox(shared_world, api_keys=(SANDBOX_KEY, OTHER_KEY)) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries follow each other at once."""
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 0.0)
    monkeypatch.setattr(throttle, "LONGEST_NAP_SECONDS", 0.001)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()


@pytest.fixture
def gate(stop: threading.Event) -> NotedThrottle:
    return NotedThrottle(stop)


@pytest.fixture
def new_client(gate: NotedThrottle, stop: threading.Event) -> Iterator[Callable[..., Any]]:
    """Makes clients, which are closed at the end."""
    made = []

    def make(api: Sandbox, *keys: str) -> ChatislavClient:
        made.append(ChatislavClient(api.base_url, keys or (SANDBOX_KEY,), gate, stop))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(api: Sandbox, new_client: Callable[..., ChatislavClient]) -> ChatislavClient:
    return new_client(api)


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[httpx.Request]:
    """Fills with every request as it is sent."""
    kept: list[httpx.Request] = []
    send = Transport.handle_request

    def keep(self: Transport, request: httpx.Request) -> httpx.Response:
        kept.append(request)
        return send(self, request)

    monkeypatch.setattr(Transport, "handle_request", keep)
    return kept


def parse(body: bytes) -> Row:
    """The JSON object of a page."""
    value, _ = decode(body)
    if not isinstance(value, dict):
        raise WrongShapeError("the body is not an object")
    if not isinstance(value.get("conversations"), list):
        raise WrongShapeError("`conversations` is not a list")
    pagination = value.get("pagination")
    if not isinstance(pagination, dict) or not isinstance(pagination.get("hasMore"), bool):
        raise WrongShapeError("`pagination` is not as documented")
    if pagination["hasMore"] and not isinstance(pagination.get("nextCursor"), str):
        raise WrongShapeError("`hasMore`, but no `nextCursor`")
    return value


def post(
    client: ChatislavClient, path: str = PATH, tries: int = 8, **query: Any
) -> ApiResponse[Row]:
    """One request, of a page if nothing else is said."""
    return client.post(path, QUERY | query, ABOUT, parse, tries=tries)


def test_a_good_answer_has_the_object_and_what_it_cost(client: ChatislavClient) -> None:
    before = datetime.now(UTC)

    answer = post(client)

    assert [row["botId"] for row in answer.value["conversations"]] == [101, 101]
    assert answer.tries == 1
    assert answer.size > 100
    assert before <= answer.read_at <= datetime.now(UTC)


def test_the_body_is_sent_as_it_is_with_the_key_in_its_header(
    api: Sandbox, client: ChatislavClient
) -> None:
    post(client)

    request = api.requests[-1]
    assert (request.path, request.body, request.status) == (PATH, QUERY, 200)
    assert SANDBOX_KEY.startswith(request.key_prefix or "none")


def test_headers_are_the_documented_ones(
    sent: list[httpx.Request], client: ChatislavClient
) -> None:
    post(client)

    assert sent[0].method == "POST"
    assert sent[0].headers["X-API-Key"] == SANDBOX_KEY
    assert sent[0].headers["Content-Type"] == "application/json"
    assert sent[0].headers["Accept-Encoding"] == "gzip, deflate"
    assert "Authorization" not in sent[0].headers


def test_cookies_are_not_sent_back(
    api: Sandbox, sent: list[httpx.Request], client: ChatislavClient
) -> None:
    body = b'{"conversations": [], "pagination": {"hasMore": false}}'
    api.answer_next(Answer(200, body, {"Set-Cookie": "session=1; Path=/"}))

    post(client)
    post(client)

    assert [request.headers.get("Cookie") for request in sent] == [None, None]


def test_a_response_is_freed_without_the_garbage_collector(
    monkeypatch: pytest.MonkeyPatch, client: ChatislavClient
) -> None:
    responses: list[weakref.ref[httpx.Response]] = []
    send = client._transport.handle_request
    monkeypatch.setattr(
        client._transport, "handle_request", lambda request: noted(send(request), responses)
    )
    gc.disable()
    try:
        post(client)
        left = [response() for response in responses]
    finally:
        gc.enable()

    assert left == [None]


def noted(response: httpx.Response, responses: list[weakref.ref[httpx.Response]]) -> httpx.Response:
    """The response, of which nothing but a weak reference is kept."""
    responses.append(weakref.ref(response))
    return response


def test_one_connection_serves_many_requests(
    client: ChatislavClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="urllib3")

    for _ in range(5):
        post(client)

    assert caplog.text.count("Starting new HTTP connection") == 1
    assert caplog.text.count("POST") == 5


PASSING_FAULTS = [kind for kind in FAULT_KINDS if kind not in ("slow", "hang")]


@pytest.mark.parametrize("kind", PASSING_FAULTS)
def test_a_fault_that_passes_is_repeated_until_it_has(
    api: Sandbox, client: ChatislavClient, kind: str
) -> None:
    api.configure(faults={kind: 0.5}, retry_after_seconds=1, fault_seed=3)

    answers = [post(client, tries=30) for _ in range(6)]

    tries = sum(answer.tries for answer in answers)
    assert tries == api.count(PATH) > 6
    assert all(len(answer.value["conversations"]) == 2 for answer in answers)


@pytest.mark.parametrize("kind", [kind for kind in PASSING_FAULTS if kind != "wrong_shape"])
def test_a_fault_that_stays_is_given_up_after_the_budget(
    api: Sandbox, client: ChatislavClient, kind: str
) -> None:
    api.configure(faults={kind: 1.0}, retry_after_seconds=1)

    with pytest.raises(RetriesExhaustedError, match=f"{ABOUT} failed 3 times, last: ") as raised:
        post(client, tries=3)

    assert api.count(PATH) == raised.value.tries == 3
    is_about_rate = kind.startswith(("429", "503"))
    assert raised.value.size_may_be_why == (not is_about_rate)


@pytest.mark.parametrize(("last", "tries"), [("500", 2), ("429", 5), ("wrong_shape", 5)])
def test_only_what_a_smaller_page_may_cure_is_given_up_early(
    api: Sandbox, client: ChatislavClient, last: str, tries: int
) -> None:
    api.configure(faults={last: 1.0})

    with pytest.raises((RetriesExhaustedError, UnexpectedResponseError)):
        client.post(PATH, QUERY, ABOUT, parse, tries=5, tries_if_large=2)

    assert api.count(PATH) == tries


def test_a_shape_that_stays_wrong_is_said_with_what_is_wrong(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.answer_next(*[Answer(body={"conversations": None})] * 3)

    with pytest.raises(UnexpectedResponseError, match="`conversations` is not a list"):
        post(client, tries=3)

    assert api.count(PATH) == 3


def test_a_body_that_is_no_object_is_unexpected(api: Sandbox, client: ChatislavClient) -> None:
    api.answer_next(Answer(body=[]))

    with pytest.raises(UnexpectedResponseError, match="not an object"):
        post(client, tries=1)


@pytest.mark.parametrize("status", [400, 402, 404, 405, 409, 410, 413, 422])
def test_a_refused_request_is_not_repeated(
    api: Sandbox, client: ChatislavClient, status: int
) -> None:
    api.answer_next(Answer(status, {"error": "no \n such   bot"}))

    with pytest.raises(RequestRejectedError, match=r"no .{0,5} such bot") as raised:
        post(client)

    assert raised.value.status == status
    assert api.count(PATH) == 1


def test_a_long_refusal_is_cut(api: Sandbox, client: ChatislavClient) -> None:
    api.answer_next(Answer(400, b"x" * 100_000, {"Content-Type": "text/html"}))

    with pytest.raises(RequestRejectedError) as raised:
        post(client)

    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_says_what_is_wrong(
    api: Sandbox, client: ChatislavClient, status: int
) -> None:
    elsewhere = {"Location": "https://elsewhere.example/login?next=secret"}
    api.answer_next(Answer(status, b"", elsewhere))

    with pytest.raises(RequestRejectedError, match=r"redirects to https://elsewhere\.ex") as raised:
        post(client)

    assert "base_url" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert api.count() == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_not_tried_again(
    api: Sandbox, client: ChatislavClient, status: int
) -> None:
    api.configure(api_access_enabled=False, auth_failure_status=status)

    with pytest.raises(AuthenticationError, match=r"missing, invalid or revoked, or API Access is"):
        post(client)

    assert api.count() == 1


def test_the_other_key_takes_over_and_is_used_from_then_on(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    api.configure(revoked_keys={SANDBOX_KEY})
    client = new_client(api, SANDBOX_KEY, OTHER_KEY)

    answers = [post(client) for _ in range(3)]

    assert [request.status for request in api.requests] == [401, 200, 200, 200]
    assert all(len(answer.value["conversations"]) == 2 for answer in answers)


def test_the_first_key_is_found_again_when_the_other_is_revoked(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    client = new_client(api, SANDBOX_KEY, OTHER_KEY)
    api.configure(revoked_keys={SANDBOX_KEY})
    post(client)

    api.configure(revoked_keys={OTHER_KEY})
    post(client)

    assert [request.status for request in api.requests] == [401, 200, 401, 200]


def test_both_keys_refused_is_said_after_one_try_each(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    api.configure(revoked_keys={SANDBOX_KEY, OTHER_KEY})

    with pytest.raises(AuthenticationError):
        post(new_client(api, SANDBOX_KEY, OTHER_KEY))

    assert api.count() == 2


def test_keys_are_changed_while_many_threads_are_asking(
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


@pytest.mark.parametrize("kind", ["429_retry_after", "503_retry_after", "429_retry_after_date"])
def test_retry_after_is_waited_for(
    api: Sandbox, client: ChatislavClient, gate: NotedThrottle, kind: str
) -> None:
    api.configure(faults={kind: 1.0}, retry_after_seconds=40, fault_bots={101})
    with pytest.raises(RetriesExhaustedError):
        post(client, tries=1)

    post(client, bot_id=102)

    assert gate.turns[1] - gate.turns[0] >= 38.0


def test_a_wait_that_is_too_long_is_said_and_nothing_more_is_sent(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.configure(faults={"429_retry_after": 1.0}, retry_after_seconds=86_400)

    with pytest.raises(
        RetriesExhaustedError, match="failed 1 time, last: the API asks to wait 86400 s"
    ):
        post(client)
    with pytest.raises(RetriesExhaustedError, match="asks to wait"):
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


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"])))
def test_no_retry_after_breaks_the_client(text: str) -> None:
    seconds = retry_after(httpx.Headers({"Retry-After": text}), NOW)

    assert seconds is None or seconds >= 0


def test_a_server_that_hangs_is_given_up(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch, new_client: Callable[..., ChatislavClient]
) -> None:
    monkeypatch.setattr("chatislav_source.api.transport.READ_TIMEOUT_SECONDS", 0.2)
    api.configure(faults={"hang": 1.0})

    with pytest.raises(RetriesExhaustedError, match=r"no answer \(ReadTimeout\)") as raised:
        post(new_client(api), tries=2)

    assert raised.value.size_may_be_why


def test_a_server_that_is_not_there_is_said(
    api: Sandbox, new_client: Callable[..., ChatislavClient]
) -> None:
    client = new_client(api)
    api.stop()

    with pytest.raises(RetriesExhaustedError, match=r"no answer \(ConnectError\)"):
        post(client, tries=2)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(200, b"no gzip", {"Content-Encoding": "gzip"}), id="not compressed"),
        pytest.param(
            Answer(200, gzip.compress(b"{}" * 99)[:40], {"Content-Encoding": "gzip"}), id="cut"
        ),
        pytest.param(Answer(204), id="no content"),
        pytest.param(Answer(200, b"NaN"), id="NaN"),
        pytest.param(Answer(200, b"[" * 100_000), id="nested without end"),
        pytest.param(Answer(206, b'{"conver'), id="a part"),
        pytest.param(Answer(599, b"?"), id="a status that nobody knows"),
    ],
)
def test_an_answer_nobody_can_read_is_asked_for_again(
    api: Sandbox, client: ChatislavClient, answer: Answer
) -> None:
    api.answer_next(answer)

    assert post(client).tries == 2


def test_a_compressed_answer_is_read(api: Sandbox, client: ChatislavClient) -> None:
    body = gzip.compress(b'{"conversations": [], "pagination": {"hasMore": false}}')
    api.answer_next(Answer(200, body, {"Content-Encoding": "gzip"}))

    assert post(client).value["conversations"] == []


def test_lone_surrogates_are_read_and_marked_for_cleaning(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.answer_next(
        Answer(200, b'{"conversations": [{"x": "\\ud800"}], "pagination": {"hasMore": false}}')
    )

    answer = client.post(PATH, QUERY, ABOUT, decode)

    value, needs_cleaning = answer.value
    assert needs_cleaning
    assert value["conversations"] == [{"x": "\ud800"}]


def test_the_value_is_what_parse_makes_of_the_body(client: ChatislavClient) -> None:
    answer = client.post(PATH, QUERY, ABOUT, bytes)

    assert len(answer.value) == answer.size
    assert len(parse(answer.value)["conversations"]) == 2


def test_an_error_of_parse_that_is_not_about_the_body_is_raised_at_once(
    api: Sandbox, client: ChatislavClient
) -> None:
    def broken(body: bytes) -> None:
        raise LookupError(len(body))

    with pytest.raises(LookupError):
        client.post(PATH, QUERY, ABOUT, broken)

    assert api.count() == 1


def test_an_address_that_is_none_is_a_matter_of_configuration(
    gate: NotedThrottle, stop: threading.Event
) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        ChatislavClient("http://a\0b", (SANDBOX_KEY,), gate, stop)


def waits_until(is_true: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether something happens in other threads soon."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not is_true() and time.monotonic() < deadline:
        pause.wait(0.005)
    return is_true()


def test_interrupting_lets_go_of_threads_that_wait_for_an_answer(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.configure(faults={"hang": 1.0})
    ended: list[type[BaseException]] = []
    threads = [threading.Thread(target=lambda: ended.append(how_it_ends(client))) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert waits_until(lambda: api.max_in_flight == 2)

    began = time.monotonic()
    client.interrupt()
    for thread in threads:
        thread.join(20)

    assert ended == [Cancelled, Cancelled]
    assert time.monotonic() - began < 5.0  # the read timeout is a minute


def test_interrupting_lets_go_of_threads_that_wait_between_tries(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch, client: ChatislavClient
) -> None:
    monkeypatch.setattr("chatislav_source.api.client.FIRST_WAIT_SECONDS", 10_000.0)
    monkeypatch.setattr("chatislav_source.api.client.LONGEST_WAIT_SECONDS", 10_000.0)
    api.configure(faults={"500": 1.0})
    ended: list[type[BaseException]] = []
    thread = threading.Thread(target=lambda: ended.append(how_it_ends(client, tries=8)))
    thread.start()
    assert waits_until(lambda: api.count() == 1)

    client.interrupt()
    thread.join(20)

    assert ended == [Cancelled]


def test_after_an_interruption_nothing_is_sent(api: Sandbox, client: ChatislavClient) -> None:
    client.interrupt()

    assert how_it_ends(client) is Cancelled
    assert api.count() == 0


def how_it_ends(client: ChatislavClient, tries: int = 1) -> type[BaseException]:
    """What a request raises that is tried so often."""
    with pytest.raises(BaseException) as raised:  # noqa: PT011 - which, is the question
        post(client, tries=tries)
    return raised.type


def everything_said_of(error: BaseException) -> str:
    """The error with its traceback, its causes and what hangs on it."""
    shown = "".join(traceback.format_exception(error))
    return shown + repr(error) + repr(vars(error))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(400, {"error": f"key {SANDBOX_KEY} may not"}), id="in the text"),
        pytest.param(Answer(400, b" " * 780 + SANDBOX_KEY.encode()), id="far behind"),
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
def test_a_key_that_is_echoed_is_nowhere_to_be_seen(
    api: Sandbox, client: ChatislavClient, caplog: pytest.LogCaptureFixture, answer: Answer
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, logger=name)
    api.answer_next(*[answer] * 2)

    with pytest.raises(ChatislavError) as raised:
        post(client, tries=2)

    assert SANDBOX_KEY not in everything_said_of(raised.value)
    assert SANDBOX_KEY not in caplog.text
    assert len(caplog.records) >= 2
    assert "urllib3.connectionpool" in {record.name for record in caplog.records}


def test_the_key_and_the_words_are_in_no_log_and_no_repr_of_a_good_answer(
    client: ChatislavClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    answer = post(client)

    words = answer.value["conversations"][0]["messages"][0]["content"]
    shown = caplog.text + repr(answer) + repr(client) + repr(vars(client)["_throttle"])
    assert SANDBOX_KEY not in shown
    assert words not in shown
    assert "POST" in caplog.text


def test_a_failed_try_is_logged_with_its_reason_and_number(
    api: Sandbox, client: ChatislavClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="chatislav_source")
    api.answer_next(Answer(500), Answer(200, {}))

    post(client)

    assert [record.getMessage() for record in caplog.records] == [
        f"POST {PATH} for {ABOUT}: HTTP 500; try 1 failed",
        f"POST {PATH} for {ABOUT}: `conversations` is not a list; try 2 failed",
    ]
