"""With `--json` stdout is one document, also where the command ends with an error."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.cli.process import run

BOT = ("--bot-id", "101")


@pytest.mark.parametrize(
    ("words", "status", "kind"),
    [
        pytest.param(("sync", "--nonsense"), 2, "UsageError", id="unknown option"),
        pytest.param(("sink",), 2, "UsageError", id="unknown command"),
        pytest.param(("sync", "--bot-id", "x"), 2, "UsageError", id="bot is no number"),
        pytest.param(("backfill", *BOT), 2, "UsageError", id="option missing"),
        pytest.param(("sync",), 2, "ConfigurationError", id="no bot"),
        pytest.param(("sync", *BOT, "--timezone", "Mars"), 2, "ConfigurationError", id="zone"),
        pytest.param(("status", "--database", "no/file"), 2, "ConfigurationError", id="status"),
    ],
)
def test_a_mistake_is_a_document_with_its_kind_and_message(
    api: Sandbox, words: tuple[str, ...], status: int, kind: str
) -> None:
    ended = run(*words, "--json", api=api)

    error = json.loads(ended.stdout)["error"]
    assert (ended.returncode, error["kind"]) == (status, kind)
    assert " ".join(error["message"].split()) in " ".join(ended.stderr.split())
    assert api.count() == 0


def test_a_refused_key_is_a_document(api: Sandbox) -> None:
    api.settings.revoked_keys = {SANDBOX_KEY}

    ended = run("sync", *BOT, "--json", api=api)

    assert ended.returncode == 2
    assert json.loads(ended.stdout)["error"]["kind"] == "AuthenticationError"


def test_json_asked_for_in_the_environment_is_a_document_too(api: Sandbox) -> None:
    ended = run("sync", "--nonsense", api=api, env={"CHATISLAV_JSON": "1"})

    assert json.loads(ended.stdout)["error"]["kind"] == "UsageError"


def test_a_failed_load_is_a_document(api: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "warehouse.duckdb").write_text("not a database")

    ended = run("sync", *BOT, "--json", api=api)

    assert ended.returncode == 2
    assert "not a DuckDB database" in json.loads(ended.stdout)["error"]["message"]


def test_a_reader_that_goes_away_is_no_error(api: Sandbox) -> None:
    words = ("sync", *BOT, "--json")
    ended = run(*words, api=api)
    assert ended.returncode == 0

    piped = f"{' '.join(ended.args)} | true"
    assert "Error" not in run_shell(piped, api)


def run_shell(line: str, api: Sandbox) -> str:
    """What a shell command writes to stderr."""
    env = os.environ | {
        "SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY,
        "SOURCES__CHATISLAV__BASE_URL": api.base_url,
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    return subprocess.run(
        ["/bin/sh", "-c", line], env=env, capture_output=True, text=True, check=False
    ).stderr
