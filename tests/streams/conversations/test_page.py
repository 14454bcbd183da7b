"""A record that cannot be loaded may be a passing fault, so its page is read again."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chatislav_source.api.call import ApiResponse
from chatislav_source.api.client import TRIES
from chatislav_source.errors import RequestRejectedError
from chatislav_source.streams.conversations.open_window import OpenWindow
from chatislav_source.streams.conversations.page import Page, PageReader, PageRequest
from chatislav_source.streams.date_window import DateWindow

BOT_ID = 7
DAY = date(2026, 6, 23)
NOW = datetime(2026, 6, 24, tzinfo=UTC)
WINDOW = DateWindow(DAY, DAY)
REQUEST = PageRequest(BOT_ID, WINDOW, None, 100)
REFUSED = RequestRejectedError("/conversations", "bot 7", 400, "used")


def item(session_id: str | None, **fields: Any) -> dict[str, Any]:
    return {"sessionId": session_id, "botId": BOT_ID, "createdAt": f"{DAY}T10:00:00"} | fields


def body(*items: Any, token: str | None = None) -> bytes:
    pagination = {"limit": 100, "hasMore": token is not None, "nextCursor": token}
    return json.dumps({"conversations": items, "pagination": pagination}).encode()


@dataclass
class Client:
    """Responds with these bodies and errors in turn, with the last one for ever."""

    answers: list[bytes | RequestRejectedError]
    sent: int = field(default=0)

    def post(self, *given: Any, **_: Any) -> ApiResponse[Any]:
        answer = self.answers[min(self.sent, len(self.answers) - 1)]
        self.sent += 1
        if isinstance(answer, RequestRejectedError):
            answer.requests = 1
            raise answer
        parse = given[3]
        return ApiResponse(parse(answer), len(answer), 1, NOW)


def read(client: Client, *known: str) -> Page:
    reader = PageReader(BOT_ID, UTC, NOW, DAY, frozenset(known))
    return reader.read(REQUEST, client)  # type: ignore[arg-type]


GOOD, BAD, OTHER_BAD = item("a"), item(None), item(None, helpful=2)


@pytest.mark.parametrize(
    ("answers", "sent", "rejected"),
    [
        pytest.param([body(GOOD, item("b"))], 1, 0, id="all good"),
        pytest.param([body(GOOD, BAD), body(GOOD, item("b"))], 2, 0, id="a passing fault"),
        pytest.param([body(GOOD, BAD), body(GOOD, BAD)], 2, 1, id="the same again"),
        pytest.param([body(GOOD, BAD, 5), body(GOOD, BAD)], 2, 1, id="fewer"),
        pytest.param(
            [body(GOOD, BAD), body(GOOD, OTHER_BAD), body(GOOD, OTHER_BAD)], 3, 1, id="another one"
        ),
        pytest.param([body(GOOD, BAD), REFUSED], 2, 1, id="a token that is used up"),
    ],
)
def test_a_page_is_read_again_until_a_bad_record_is_confirmed(
    answers: list[Any], sent: int, rejected: int
) -> None:
    client = Client(answers)

    page = read(client)

    assert (client.sent, page.tries, len(page.rejected)) == (sent, sent, rejected)
    assert page.session_ids[0] == "a"


def test_a_record_that_is_bad_in_another_way_each_time_is_set_aside_in_the_end() -> None:
    client = Client([body(GOOD, item(None, helpful=number)) for number in range(20)])

    page = read(client)

    assert (client.sent, len(page.rejected)) == (TRIES, 1)


def test_a_record_that_the_table_holds_is_not_asked_for_again() -> None:
    (known,) = read(Client([body(GOOD, BAD)])).rejected
    client = Client([body(GOOD, BAD)])

    page = read(client, known.version)

    assert (client.sent, len(page.rejected)) == (1, 1)


def test_bad_records_count_for_the_size_of_a_page_and_only_those_with_an_id_for_repeats() -> None:
    opened = OpenWindow(WINDOW, 2)

    for records in ((GOOD, BAD), (BAD, item("c")), (None, None), (item("d"),)):
        opened.take(read(Client([body(*records, token="t" if len(records) > 1 else None)])))

    assert not opened.doubtful
    opened.take(read(Client([body(item("e"), item("f", botId=8), token="t")])))
    assert not opened.doubtful
    opened.take(read(Client([body(item("g"), item("f", botId=8), token="t")])))
    assert opened.doubtful


def test_a_flagged_conversation_is_known_also_if_its_record_cannot_be_loaded() -> None:
    asked = replace(REQUEST, asks_flagged=True)
    reader = PageReader(BOT_ID, UTC, NOW, DAY)
    client = Client([body(GOOD, item("b", botId=8), BAD)])

    page = reader.read(asked, client)  # type: ignore[arg-type]

    assert page.flagged_keys == [hash("a"), hash("b")]
    assert (page.count, page.keys, list(page.session_ids)) == (3, [], [])
    assert asked.query() == {**REQUEST.query(), "guardrail_flagged": True}
