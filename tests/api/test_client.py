"""The client against the sandbox over a real socket: what it sends, and what it returns."""

from __future__ import annotations

import gc
import gzip
import logging
import weakref
from datetime import UTC, datetime

import httpx
import pytest

from chatislav_source.api.client import ChatislavClient
from chatislav_source.errors import (
    ConfigurationError,
    RequestRejectedError,
    UnexpectedResponseError,
)
from chatislav_source.records.json_decoder import decode
from chatislav_source.sandbox import SANDBOX_KEY, Answer, Sandbox
from tests.api.posting import LABEL, PATH, QUERY, RecordingRateLimiter, parse, post


def test_a_response_has_the_parsed_value_and_the_cost_of_the_request(
    client: ChatislavClient,
) -> None:
    before = datetime.now(UTC)

    answer = post(client)

    assert [row["botId"] for row in answer.value["conversations"]] == [101, 101]
    assert answer.tries == 1
    assert answer.size > 100
    assert before <= answer.read_at <= datetime.now(UTC)


def test_the_query_is_sent_unchanged_with_the_key_in_a_header(
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
    assert sent[0].headers["Accept-Encoding"].startswith("gzip, deflate")
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
        client._transport,
        "handle_request",
        lambda request: weakly_referenced(send(request), responses),
    )
    gc.disable()
    try:
        post(client)
        left = [response() for response in responses]
    finally:
        gc.enable()

    assert left == [None]


def weakly_referenced(
    response: httpx.Response, responses: list[weakref.ref[httpx.Response]]
) -> httpx.Response:
    """The response, to which only a weak reference is kept."""
    responses.append(weakref.ref(response))
    return response


def test_one_connection_serves_many_requests(
    client: ChatislavClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="httpcore")

    for _ in range(5):
        post(client)

    assert caplog.text.count("connect_tcp.complete") == 1
    assert caplog.text.count("receive_response_headers.complete") == 5


def test_a_body_that_is_not_an_object_is_an_unexpected_response(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.answer_next(Answer(body=[]))

    with pytest.raises(UnexpectedResponseError, match="not an object"):
        post(client, tries=1)


@pytest.mark.parametrize("status", [400, 402, 404, 405, 409, 410, 413, 422])
def test_a_rejected_request_is_not_retried(
    api: Sandbox, client: ChatislavClient, status: int
) -> None:
    api.answer_next(Answer(status, {"error": "no \n such   bot"}))

    with pytest.raises(RequestRejectedError, match=r"no .{0,5} such bot") as raised:
        post(client)

    assert raised.value.status == status
    assert api.count(PATH) == 1


def test_a_long_error_text_is_truncated(api: Sandbox, client: ChatislavClient) -> None:
    api.answer_next(Answer(400, b"x" * 100_000, {"Content-Type": "text/html"}))

    with pytest.raises(RequestRejectedError) as raised:
        post(client)

    assert len(str(raised.value)) < 600


def test_a_redirect_to_an_invalid_address_is_a_rejection(
    api: Sandbox, client: ChatislavClient
) -> None:
    api.answer_next(Answer(302, b"", {"Location": "https://[x"}))

    with pytest.raises(RequestRejectedError, match="invalid address"):
        post(client)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_its_error_names_base_url(
    api: Sandbox, client: ChatislavClient, status: int
) -> None:
    elsewhere = {"Location": "https://elsewhere.example/login?next=secret"}
    api.answer_next(Answer(status, b"", elsewhere))

    with pytest.raises(RequestRejectedError, match=r"redirects to https://elsewhere\.ex") as raised:
        post(client)

    assert "base_url" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert api.count() == 1


def test_a_compressed_response_is_decompressed(api: Sandbox, client: ChatislavClient) -> None:
    body = gzip.compress(b'{"conversations": [], "pagination": {"hasMore": false}}')
    api.answer_next(Answer(200, body, {"Content-Encoding": "gzip"}))

    assert post(client).value["conversations"] == []


def test_lone_surrogates_are_decoded_and_flagged(api: Sandbox, client: ChatislavClient) -> None:
    api.answer_next(
        Answer(200, b'{"conversations": [{"x": "\\ud800"}], "pagination": {"hasMore": false}}')
    )

    answer = client.post(PATH, QUERY, LABEL, decode)

    value, needs_cleaning = answer.value
    assert needs_cleaning
    assert value["conversations"] == [{"x": "\ud800"}]


def test_the_value_is_the_result_of_parse(client: ChatislavClient) -> None:
    answer = client.post(PATH, QUERY, LABEL, bytes)

    assert len(answer.value) == answer.size
    assert len(parse(answer.value)["conversations"]) == 2


def test_another_error_of_parse_is_raised_without_a_retry(
    api: Sandbox, client: ChatislavClient
) -> None:
    def broken(body: bytes) -> None:
        raise LookupError(len(body))

    with pytest.raises(LookupError):
        client.post(PATH, QUERY, LABEL, broken)

    assert api.count() == 1


def test_an_invalid_base_url_is_a_configuration_error(
    limiter: RecordingRateLimiter,
) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        ChatislavClient("http://a\0b", (SANDBOX_KEY,), limiter)
