"""The command `reset`: says what it deletes, asks, and takes the locks of a sync."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from filelock import FileLock

from chatislav_source.sandbox import Sandbox
from tests.cli.test_commands import Chatislav, _configured, chatislav, count

__all__ = ["_configured", "chatislav"]
BOTS = ("--bot-id", "101", "--bot-id", "102")


def test_a_reset_says_what_it_deletes_and_asks(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatislav("sync", *BOTS)
    before = count("conversations")
    monkeypatch.setattr("sys.stdin", io.StringIO("no\nyes\n"))

    refused = chatislav("reset", "--bot-id", "101")

    assert refused.status == 1
    assert "Delete the conversations and analytics of bot 101, and their state" in refused.err
    assert "Nothing was deleted" in refused.err
    assert count("conversations") == before

    ended = chatislav("reset", "--bot-id", "101")

    assert ended.status == 0
    assert [row.split()[0] for row in ended.out.splitlines()[3:4]] == ["101"]
    assert "The next sync reads them anew" in ended.out
    assert 0 < count("conversations") < before
    assert [bot["bot_id"] for bot in chatislav("status", "--json").json] == [102]


def test_a_reset_of_a_resource_is_of_every_bot_and_json_says_the_rows(
    chatislav: Chatislav,
) -> None:
    chatislav("sync", *BOTS)
    command = ("reset", "--resource", "analytics", "--yes", "--json")

    first, second = chatislav(*command), chatislav(*command)

    assert first.json == {"deleted": {"101": {"analytics": 10}, "102": {"analytics": 10}}}
    assert second.json["deleted"] == {"101": {"analytics": 0}, "102": {"analytics": 0}} or (
        second.json == {"deleted": {}}
    )
    assert (count("analytics"), count("conversations") > 0) == (0, True)


def test_a_reset_without_a_file_is_status_2_and_sends_no_request(
    chatislav: Chatislav, api: Sandbox
) -> None:
    ended = chatislav("reset", "--yes")

    assert ended.status == 2
    assert "nothing is loaded yet" in " ".join(ended.err.split())
    assert (api.count(), Path("warehouse.duckdb").exists()) == (0, False)


def test_a_reset_during_a_sync_is_status_75(chatislav: Chatislav, tmp_path: Path) -> None:
    where = ("--pipelines-dir", str(tmp_path / "pipelines"))
    chatislav("sync", "--bot-id", "101", *where)
    before = count("conversations")

    with FileLock(tmp_path / "pipelines" / "chatislav_sync.lock"):
        ended = chatislav("reset", "--yes", *where)

    assert ended.status == 75
    assert count("conversations") == before
