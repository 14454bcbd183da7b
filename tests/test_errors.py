"""Errors: the message says what happened and what to do, attributes have the facts."""

from __future__ import annotations

import pytest

import chatislav_source
from chatislav_source.errors import (
    AuthenticationError,
    BotAccessError,
    ChatislavError,
    ConfigurationError,
    LoadFailedError,
    PipelineLockedError,
    RequestRejectedError,
    RetriesExhaustedError,
    UnexpectedResponseError,
)

ABOUT = "bot 123, 2026-06-01/2026-06-30"


@pytest.mark.parametrize(
    ("error", "says", "advises"),
    [
        (AuthenticationError(401), "HTTP 401", "SOURCES__CHATISLAV__API_KEY"),
        (BotAccessError(123, 403), "Bot 123 is refused (HTTP 403)", "Check its id"),
        (
            BotAccessError(123, 403, only_here=True),
            "Bot 123 is refused here (HTTP 403) while the API's other endpoint accepts it",
            "Ask the vendor",
        ),
        (
            RequestRejectedError("/conversations", ABOUT, 404, "no such bot"),
            f"POST /conversations for {ABOUT} was refused (HTTP 404): no such bot.",
            "Check the bot id, the dates and base_url",
        ),
        (
            RequestRejectedError("/conversations", ABOUT, 400, ""),
            "(HTTP 400): no text.",
            "Check the bot id",
        ),
        (
            RetriesExhaustedError("/analytics", ABOUT, 8, "HTTP 502"),
            f"POST /analytics for {ABOUT} failed 8 times, last: HTTP 502.",
            "run again later",
        ),
        (
            RetriesExhaustedError("/analytics", ABOUT, 1, "HTTP 502"),
            "failed 1 time, last",
            "Nothing is lost",
        ),
        (
            UnexpectedResponseError("/conversations", ABOUT, "`hasMore` is missing"),
            f"POST /conversations for {ABOUT}: `hasMore` is missing.",
            "Run again; if it repeats, the API has changed.",
        ),
        (LoadFailedError("load", "DatabaseError"), "The load step failed (DatabaseError)", "check"),
    ],
)
def test_a_message_says_what_happened_and_what_to_do(
    error: ChatislavError, says: str, advises: str
) -> None:
    assert says in str(error)
    assert advises in str(error)
    assert str(error).endswith((".", "traceback."))


def test_facts_are_attributes() -> None:
    failed = RetriesExhaustedError("/analytics", ABOUT, 8, "HTTP 502", size_may_be_why=True)
    refused = RequestRejectedError("/conversations", ABOUT, 404, "no such bot")

    assert (failed.path, failed.tries, failed.reason) == ("/analytics", 8, "HTTP 502")
    assert failed.size_may_be_why
    assert (refused.path, refused.status) == ("/conversations", 404)
    assert BotAccessError(123, 403).bot_id == 123
    assert AuthenticationError(403).status == 403
    assert UnexpectedResponseError("/analytics", ABOUT, "wrong").problem == "wrong"
    assert (LoadFailedError("load", "X").step, LoadFailedError("load", "X").kind) == ("load", "X")


def test_every_error_is_a_chatislav_error_and_public() -> None:
    family = {ChatislavError, *ChatislavError.__subclasses__()} - {chatislav_source.ChatislavError}

    assert {error.__name__ for error in family} <= set(chatislav_source.__all__)
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(PipelineLockedError, ChatislavError)
