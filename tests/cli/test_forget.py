"""The command `forget`: says what it deletes and what it cannot reach, asks, and needs the key."""

from __future__ import annotations

import io
from pathlib import Path

import duckdb
import pytest

from chatislav_source.sandbox import Sandbox
from tests.cli.test_commands import Chatislav, _configured, chatislav, count

__all__ = ["_configured", "chatislav"]
KEY = "SOURCES__CHATISLAV__PRIVACY__KEY"


def a_phone() -> tuple[str, int]:
    """A phone number in the table, with spaces, and the number of its conversations."""
    query = "SELECT contact__phone_number, COUNT(*) FROM chatislav.conversations GROUP BY ALL"
    with duckdb.connect("warehouse.duckdb", read_only=True) as connection:
        found = connection.execute(f"{query} HAVING contact__phone_number IS NOT NULL").fetchall()
    number, conversations = found[0]
    return f"{number[:6]} {number[6:]}", conversations


def test_forget_says_what_it_deletes_asks_and_says_what_it_cannot_reach(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    chatislav("sync", "--bot-id", "101")
    phone, conversations = a_phone()
    before = count("conversations")
    monkeypatch.setenv(KEY, "k" * 32)
    monkeypatch.setattr("sys.stdin", io.StringIO("no\nyes\n"))

    dry, refused = (chatislav("forget", "--phone", phone, *more) for more in (["--dry-run"], []))

    assert (dry.status, refused.status) == (0, 1)
    assert "Rows to be deleted" in dry.out
    assert "would be deleted. Nothing was changed." in dry.out
    assert "and keep later syncs from loading them?" in refused.err
    assert "Nothing was deleted" in refused.err
    assert count("conversations") == before

    ended = chatislav("forget", "--phone", phone)

    assert (ended.status, count("conversations")) == (0, before - conversations)
    assert "COPY FROM DATABASE old TO rewritten" in ended.out
    assert "dbt run --full-refresh" in ended.out
    assert chatislav("sync", "--bot-id", "101").status == 0
    assert count("conversations") == before - conversations
    again = chatislav("forget", "--phone", phone, "--yes", "--json").json
    assert (again["deleted"], len(again["beyond_reach"])) == ({}, 4)


def test_forget_without_a_key_or_without_a_value_is_status_2_and_changes_nothing(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch, api: Sandbox
) -> None:
    no_key = chatislav("forget", "--email", "ana@example.com", "--yes")
    monkeypatch.setenv(KEY, "too short, and a secret")
    short_key = chatislav("forget", "--email", "ana@example.com", "--yes")
    monkeypatch.setenv(KEY, "k" * 32)
    nobody, empty = chatislav("forget", "--yes"), chatislav("forget", "--ip", " ", "--yes")
    no_file = chatislav("forget", "--email", "ana@example.com", "--yes")

    statuses = [ended.status for ended in (no_key, short_key, nobody, empty, no_file)]
    assert statuses == [2] * 5
    assert "openssl rand -hex 32" in " ".join(no_key.err.split())
    assert "a secret." in short_key.err
    assert "and a secret" not in short_key.err
    assert "--session-id, --phone, --email or --ip" in nobody.err
    assert "nothing is loaded yet" in " ".join(no_file.err.split())
    assert (api.count(), Path("warehouse.duckdb").exists()) == (0, False)
