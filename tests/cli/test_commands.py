"""The commands: their output and exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatislav_source.cli import commands as cli
from chatislav_source.config import BASE_URL, DEFAULT_CONCURRENCY, Arguments
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.conftest import days_ago
from tests.default_suite import mostly_slow


@dataclass
class Ended:
    """The exit status and output of a command."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Chatislav = Callable[..., Ended]


@pytest.fixture
def chatislav(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Chatislav:
    """Runs the command in this process."""

    def run(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["chatislav", *arguments])
        capsys.readouterr()
        try:
            cli.main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        return Ended(status, printed.out, printed.err)

    return run


@pytest.fixture(autouse=True)
def _configured(api: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__CHATISLAV__BASE_URL", api.base_url)
    monkeypatch.setenv("SOURCES__CHATISLAV__START_DATE", days_ago(9))


def count(table: str, database: str = "warehouse.duckdb") -> int:
    """The number of rows of a table."""
    with duckdb.connect(database) as connection:
        row = connection.execute(f"SELECT count(*) FROM chatislav.{table}").fetchone()
    assert row
    return int(row[0])


def test_sync_loads_the_bots_and_prints_a_summary(chatislav: Chatislav) -> None:
    ended = chatislav("sync", "--bot-id", "101", "--bot-id", "102")

    assert ended.status == 0
    assert "✓ Everything is loaded" in ended.out
    assert count("analytics") == 20


def test_sync_loads_only_the_resource_that_is_asked_for(chatislav: Chatislav, api: Sandbox) -> None:
    ended = chatislav("sync", "--bot-id", "101", "--resource", "analytics", "--json")

    assert [part["resource"] for part in ended.json["resources"]] == ["analytics"]
    assert (ended.json["complete"], api.count("/conversations")) == (True, 0)


def test_json_is_one_document_on_stdout_and_nothing_else(chatislav: Chatislav) -> None:
    ended = chatislav("sync", "--bot-id", "101", "--json")

    assert ended.json["complete"] is True
    assert [part["resource"] for part in ended.json["resources"]] == ["conversations", "analytics"]
    assert ended.json["resources"][0]["rows"] == count("conversations")
    assert ended.json["resources"][0]["state"]["watermark"]


@pytest.mark.slow
def test_a_second_sync_writes_nothing_where_nothing_changed(chatislav: Chatislav) -> None:
    chatislav("sync", "--bot-id", "101")

    ended = chatislav("sync", "--bot-id", "101", "--json")

    assert [part["rows"] for part in ended.json["resources"]] == [0, 0]


def test_a_bot_that_cannot_be_read_is_status_1_and_the_others_are_loaded(
    chatislav: Chatislav, api: Sandbox
) -> None:
    api.settings.bot_status = {102: 404}

    ended = chatislav("sync", "--bot-id", "101", "--bot-id", "102")

    assert ended.status == 1
    assert "✗ bot 102, conversations:" in ended.out
    assert "Check the bot id" in ended.out
    assert count("conversations") > 0


@pytest.mark.parametrize("resource", ["conversations", "analytics"])
def test_the_summary_of_one_resource_has_its_rows(chatislav: Chatislav, resource: str) -> None:
    ended = chatislav("sync", "--bot-id", "101", "--resource", resource)

    assert (ended.status, ended.err) == (0, "")
    assert f"{count(resource)}" in ended.out.split()


def test_the_summary_says_where_the_default_start_date_cuts_history(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__CHATISLAV__START_DATE")

    first = chatislav("sync", "--bot-id", "101")
    later = chatislav("sync", "--bot-id", "101")

    assert f"Days before {days_ago(90)} are not loaded (bot 101)" in first.out
    assert "`chatislav sync --start-date 2025-01-01` loads more" in first.out
    assert "are not loaded" not in later.out


@pytest.mark.slow
def test_a_start_date_stays_for_both_resources(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__CHATISLAV__START_DATE")
    chatislav("sync", "--bot-id", "101", "--start-date", days_ago(100))

    chatislav("sync", "--bot-id", "101")

    assert count("analytics") == 101


@pytest.mark.parametrize("first", mostly_slow(["conversations", "analytics"], "analytics"))
def test_a_start_date_given_for_one_resource_counts_for_the_other(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    monkeypatch.delenv("SOURCES__CHATISLAV__START_DATE")
    chatislav("sync", "--bot-id", "101", "--resource", first, "--start-date", days_ago(30))

    ended = chatislav("sync", "--bot-id", "101", "--json")

    days = {part["resource"]: part["state"]["loaded_from"] for part in ended.json["resources"]}
    assert days == {"conversations": days_ago(30), "analytics": days_ago(30)}
    assert (ended.json["notes"], count("analytics")) == ([], 31)


@pytest.mark.slow
def test_a_second_time_zone_is_a_warning_of_the_sync_and_of_the_status(
    chatislav: Chatislav,
) -> None:
    chatislav("sync", "--bot-id", "101")

    ended = chatislav("sync", "--bot-id", "101", "--timezone", "Asia/Tokyo", "--json")
    status = chatislav("status")

    assert "Asia/Tokyo and UTC" in ended.json["warnings"][0]
    assert "bot 101: 2 time zones, Asia/Tokyo and UTC" in status.out
    assert chatislav("status", "--json").json[0]["timezones"] == ["Asia/Tokyo", "UTC"]


def test_a_refused_key_is_status_2_with_the_four_causes(chatislav: Chatislav, api: Sandbox) -> None:
    api.settings.api_access_enabled = False

    ended = chatislav("sync", "--bot-id", "101")

    assert ended.status == 2
    assert not Path("warehouse.duckdb").exists()
    message = " ".join(ended.err.split())
    assert "missing, invalid or revoked, or API Access is disabled" in message
    assert SANDBOX_KEY not in ended.out + ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param([], "bot_ids is empty", id="no bots"),
        pytest.param(["--bot-id", "x"], "'x' is not a valid integer", id="bot is no number"),
        pytest.param(
            ["--bot-id", "1", "--start-date", "1.6.2026"], "start_date '1.6.2026'", id="bad date"
        ),
        pytest.param(
            ["--bot-id", "1", "--start-date", "2026-02-01", "--end-date", "2026-01-01"],
            "end_date 2026-01-01 is before start_date",
            id="dates swapped",
        ),
        pytest.param(["--bot-id", "1", "--timezone", "Belgrade"], "IANA time zone", id="zone"),
        pytest.param(
            ["--bot-id", "1", "--database", "chatislav.duckdb"],
            "cannot have the same name",
            id="same name",
        ),
        pytest.param(["--bot-id", "1", "--nonsense"], "No such option", id="unknown option"),
    ],
)
def test_wrong_usage_is_status_2_before_any_request(
    chatislav: Chatislav, api: Sandbox, arguments: list[str], message: str
) -> None:
    ended = chatislav("sync", *arguments)

    assert ended.status == 2
    assert message in " ".join(ended.err.split())
    assert api.count() == 0


def test_configured_values_are_checked_too(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch, api: Sandbox
) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__ANALYTICS_CHANNELS", '["widget", "sms"]')

    ended = chatislav("sync", "--bot-id", "101")

    assert ended.status == 2
    assert "['sms']" in ended.err
    assert api.count() == 0


def test_the_error_for_a_missing_key_names_the_setting(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__CHATISLAV__API_KEY")

    ended = chatislav("sync", "--bot-id", "101")

    assert ended.status == 2
    assert ".dlt/secrets.toml" in ended.err


def test_a_file_that_is_not_duckdb_is_not_changed(chatislav: Chatislav, api: Sandbox) -> None:
    Path("notes.duckdb").write_text("my notes")

    ended = chatislav("sync", "--bot-id", "101", "--database", "notes.duckdb")

    assert ended.status == 2
    assert "not a DuckDB database" in ended.err
    assert Path("notes.duckdb").read_text() == "my notes"
    assert api.count() == 0


def test_a_file_held_by_another_process_is_a_clear_error(
    chatislav: Chatislav, api: Sandbox
) -> None:
    holder = "import duckdb, sys; c = duckdb.connect('warehouse.duckdb'); print(1); input()"
    with subprocess.Popen(
        [sys.executable, "-uc", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        process.stdout.readline()

        ended = chatislav("sync", "--bot-id", "101", "--wait", "1")

        process.communicate(b"\n")
    assert ended.status == 75
    assert "held by another process" in ended.err
    assert api.count() == 0


def test_backfill_reads_the_range_and_does_not_change_the_state(
    chatislav: Chatislav, api: Sandbox
) -> None:
    before = chatislav("sync", "--bot-id", "101", "--json").json["resources"]
    api.reset_counts()

    ended = chatislav(
        "backfill",
        "--bot-id",
        "101",
        "--start-date",
        days_ago(40),
        "--end-date",
        days_ago(30),
        "--json",
    )

    assert ended.status == 0
    # the streams are read in parallel, so any request may be the first
    assert min(record.body["from"] for record in api.requests if record.body) == days_ago(40)
    assert count("analytics") == 10 + 11
    assert ended.json["resources"][0]["state"] == before[0]["state"]


def test_check_names_the_bot_that_cannot_be_read(chatislav: Chatislav, api: Sandbox) -> None:
    api.settings.bot_status = {102: 403}

    ended = chatislav("check", "--bot-id", "101", "--bot-id", "102")

    assert ended.status == 1
    assert "✓ bot 101: ok" in ended.out
    assert "✗ bot 102: Bot 102 is refused (HTTP 403)" in ended.out


def test_check_with_a_refused_key_is_status_2(chatislav: Chatislav, api: Sandbox) -> None:
    api.settings.revoked_keys = {SANDBOX_KEY}

    ended = chatislav("check", "--bot-id", "101")

    assert ended.status == 2


def test_status_shows_freshness_rows_and_the_last_error(chatislav: Chatislav, api: Sandbox) -> None:
    api.settings.bot_status = {102: 404}
    chatislav("sync", "--bot-id", "101", "--bot-id", "102")

    good, bad = chatislav("status", "--json").json

    assert good["behind_seconds"] < 3600
    assert good["conversations"] == count("conversations")
    assert good["error"] is None
    assert bad["loaded_up_to"] is None
    assert "HTTP 404" in bad["error"]


def test_status_before_the_first_sync_says_that_nothing_is_loaded(chatislav: Chatislav) -> None:
    ended = chatislav("status")

    assert ended.status == 2
    assert "nothing is loaded yet" in ended.err
    assert not Path("warehouse.duckdb").exists()


def test_an_unexpected_error_shows_its_kind_only_and_the_traceback_with_debug(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a row: Zdravo")

    monkeypatch.setattr("chatislav_source.destinations.target.PipelineConfig.pipeline", fail)

    plain = chatislav("sync", "--bot-id", "101")
    debug = chatislav("sync", "--bot-id", "101", "--debug")

    assert plain.status == 1
    assert "RuntimeError" in plain.err
    assert "Zdravo" not in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err


def test_demo_needs_neither_key_nor_network(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SOURCES__CHATISLAV__API_KEY")
    monkeypatch.setenv("SOURCES__CHATISLAV__BASE_URL", "http://127.0.0.1:9")

    ended = chatislav("demo", "--conversations", "30")

    assert ended.status == 0
    assert ended.out.count("✓ Everything is loaded") == 2
    assert count("conversations", "chatislav_demo.duckdb") == 91


def test_help_is_instant_because_nothing_heavy_is_imported() -> None:
    heavy = "{'dlt', 'pyarrow', 'duckdb', 'pendulum', 'httpx', 'rich'}"
    code = f"import sys, chatislav_source.cli.commands; print({heavy} & set(sys.modules))"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "set()\n"


def test_the_package_can_be_run_as_a_module() -> None:
    command = [sys.executable, "-m", "chatislav_source", "--help"]

    ended = subprocess.run(command, capture_output=True, text=True, check=True)

    assert "Usage: python -m chatislav_source" in ended.stdout
    assert "backfill" in ended.stdout


def test_help_shows_the_defaults_of_the_arguments(chatislav: Chatislav) -> None:
    shown = " ".join(chatislav("sync", "--help").out.split())

    for default in ("90 days ago", BASE_URL, "UTC", str(DEFAULT_CONCURRENCY)):
        assert f"{default}]" in shown


@pytest.mark.parametrize("command", ["sync", "backfill", "check"])
def test_an_option_of_the_api_is_an_argument_of_the_source(command: str) -> None:
    options = {option.name for option in cli.cli.commands[command].params}
    others = {"destination", "database", "dataset", "pipeline_name", "pipelines_dir", "resources"}

    others |= {"wait_seconds", "as_json", "quiet", "verbose", "debug", "is_dry_run", "with_models"}
    others |= {"is_verifying", "is_exploring"}
    assert options - others <= set(Arguments.__annotations__)


def test_the_pipeline_has_a_config_section_of_its_own(
    chatislav: Chatislav, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTLY__SOURCES__CHATISLAV__BOT_IDS", "[102]")

    ended = chatislav("sync", "--pipeline-name", "nightly", "--json")

    assert {part["bot_id"] for part in ended.json["resources"]} == {102}


def test_the_sandbox_serves_until_it_is_stopped() -> None:
    command = Path(sys.executable).with_name("chatislav")
    with subprocess.Popen(
        [command, "sandbox", "--port", "0", "--bot-id", "7"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        said = [process.stdout.readline() for _ in range(4)]
        process.terminate()
        status = process.wait()

    assert "SOURCES__CHATISLAV__BASE_URL=http://127.0.0.1:" in said[1]
    assert status == 0


def test_a_dry_run_says_what_a_sync_would_read_and_makes_no_file(
    chatislav: Chatislav, api: Sandbox, tmp_path: Path
) -> None:
    ended = chatislav("sync", "--bot-id", "101", "--dry-run")
    made = [path.name for path in tmp_path.rglob("*")]
    dry = chatislav("sync", "--bot-id", "101", "--dry-run", "--json").json["estimate"]
    api.reset_counts()
    chatislav("sync", "--bot-id", "101")

    assert made == []
    assert f"about {dry['requests']} requests" in ended.out
    assert " seconds for " in ended.out
    assert dry["requests"] == pytest.approx(api.count(), rel=0.25)
    later = chatislav("sync", "--bot-id", "101", "--dry-run", "--json").json["estimate"]
    assert later["bots"][0]["analytics_days"] == 8
