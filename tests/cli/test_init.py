"""`init` writes the configuration files, and keeps what they have."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chatislav_source.cli import init
from chatislav_source.errors import ConfigurationError
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.cli.process import run

CONFIG, SECRETS = Path(".dlt/config.toml"), Path(".dlt/secrets.toml")


def section(path: Path) -> dict[str, Any]:
    """What a file has for this source."""
    values: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))["sources"]["chatislav"]
    return values


def test_it_writes_what_is_given_and_checks_the_access(api: Sandbox) -> None:
    ended = run("init", "--bot-id", "101", "--start-date", "2026-06-01", api=api)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert "bot 101: ok" in ended.stdout
    assert str(section(CONFIG)["start_date"]) == "2026-06-01"
    assert not SECRETS.exists()  # the key is in the environment


def test_without_a_terminal_nothing_is_asked_and_nothing_written(api: Sandbox) -> None:
    ended = run("init", api=api)

    assert ended.returncode == 2
    assert "give --bot-id 123" in ended.stderr
    assert not Path(".dlt").exists()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A terminal on which these answers are given."""
    given: list[str] = []
    monkeypatch.setattr("click.prompt", lambda *_, **__: given.pop(0))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    yield given
    assert given == []


def test_what_is_missing_is_asked_for_and_the_key_is_kept_private(answers: list[str]) -> None:
    answers += ["101, 102", SANDBOX_KEY]
    Path(".git").mkdir()
    Path(".gitignore").write_text("*.duckdb\n")

    init.run_init([], None)

    assert section(CONFIG)["bot_ids"] == [101, 102]
    assert section(SECRETS)["api_key"] == SANDBOX_KEY
    assert SECRETS.stat().st_mode & 0o077 == 0
    assert Path(".gitignore").read_text() == "*.duckdb\n/.dlt/secrets.toml\n"


def test_what_the_files_have_is_kept(answers: list[str]) -> None:
    answers.append("7")
    CONFIG.parent.mkdir()
    CONFIG.write_text("# mine\n[runtime]\nlog_level = 'INFO'\n")
    SECRETS.write_text("[sources.chatislav]\napi_key = 'own'\n")

    init.run_init([], None)

    assert CONFIG.read_text().startswith("# mine\n[runtime]\nlog_level = 'INFO'\n")
    assert section(CONFIG)["bot_ids"] == [7]
    assert section(SECRETS) == {"api_key": "own"}


def test_a_placeholder_is_asked_for(answers: list[str]) -> None:
    answers += ["7", SANDBOX_KEY]
    SECRETS.parent.mkdir()
    SECRETS.write_text("[sources.chatislav]\napi_key = '<configure me>'\n")

    init.run_init([], None)

    assert section(SECRETS)["api_key"] == SANDBOX_KEY


def test_an_answer_that_is_no_id_and_a_broken_file_are_mistakes(answers: list[str]) -> None:
    answers.append("seven")
    with pytest.raises(ConfigurationError, match="whole numbers"):
        init.run_init([], None)

    CONFIG.parent.mkdir()
    CONFIG.write_text("[")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        init.run_init([7], None)
