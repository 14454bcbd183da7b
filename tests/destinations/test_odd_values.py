"""Values that JSON can write and warehouses refuse, if they get them unchanged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatislav_source import sync
from chatislav_source.records.convert import parse_page
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from tests.default_suite import mostly_slow

from .conftest import WAREHOUSES
from .story import TODAY
from .warehouses import Warehouse

BOT_ID = 101
ODD = {
    "a number beyond all": "1e999999",
    "a number next to nothing": "-1e-999999",
    "a number without end": "9" * 140_000,
    "not a number": "NaN",
    "infinity": "-Infinity",
}
TWICE = '{"a":1,"a":2}'
LONG_ID = "я" * 5000


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The API sends the texts `@odd` and `@twice` as what they stand for."""
    sent = {"odd": ""}

    def parse(body: bytes, *more: Any) -> Any:
        body = body.replace(b'"@odd"', sent["odd"].encode())
        return parse_page(body.replace(b'"@twice"', TWICE.encode()), *more)

    monkeypatch.setattr("chatislav_source.streams.conversations.page.parse_page", parse)
    return sent


@pytest.mark.parametrize("warehouse", mostly_slow(WAREHOUSES, "postgres"), indirect=True)
def test_a_warehouse_takes_every_number_name_and_id(
    warehouse: Warehouse, odd: dict[str, str], tmp_path: Path
) -> None:
    world = World.generate(bot_ids=(BOT_ID,), conversations=1, days=1, last_day=TODAY, messages=2)
    row = world.conversations(BOT_ID)[0]
    world.put(BOT_ID, {**row, "sessionId": LONG_ID, "summary": {"x": "@odd", "y": "@twice"}})
    pipeline = warehouse.pipeline(tmp_path / "pipelines")
    given: Any = {"api_key": SANDBOX_KEY, "start_date": TODAY.isoformat(), "bot_ids": [BOT_ID]}

    for digits in ODD.values():
        odd["odd"] = digits
        with Sandbox(world) as api:
            assert sync(pipeline, base_url=api.base_url, **given).complete

        rows = warehouse.rows(pipeline, "conversations")
        stored = next(each for each in rows if each["session_id"] != row["sessionId"])
        assert as_json(stored["summary"]) == {"x": digits, "y": {"a": 2, "a#1": 1}}
        assert as_json(stored["extra"])["sessionId"] == LONG_ID
    assert len(warehouse.rows(pipeline, "conversations__messages")) == 2 * 2


def as_json(value: Any) -> Any:
    """A value of a JSON column, which some clients return as text."""
    return json.loads(value) if isinstance(value, str) else value
