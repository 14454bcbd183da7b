"""Mistakes are told as mistakes: status 2, what to do, and never "report it"."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import tomlkit
from dlt.common.configuration.container import Container
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatislav_source.cli import commands, exit_status
from chatislav_source.cli.options import pipeline_config_of
from chatislav_source.config import Arguments, SyncConfig
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import SANDBOX_KEY
from tests.cli.process import run

CONFIG = "[sources.chatislav]\nbot_ids = [101]\n"
SECRETS = f'[sources.chatislav]\napi_key = "{SANDBOX_KEY}"\n'


def write(config: str = CONFIG, secrets: str = SECRETS) -> None:
    """Write dlt's files into the current folder."""
    Path(".dlt").mkdir(exist_ok=True)
    Path(".dlt/config.toml").write_text(config, "utf-8")
    Path(".dlt/secrets.toml").write_text(secrets, "utf-8")


@pytest.mark.parametrize(
    ("config", "secrets", "text"),
    [
        (
            "[sources.chatislav]\nbot_ids = [1\n",
            "",
            "config.toml is not TOML: Unclosed array (at l",
        ),
        (CONFIG, '[sources.chatislav\napi_key="x"', "secrets.toml is not TOML: Expected"),
        (CONFIG + f'api_key = "{SANDBOX_KEY}"\n', "", "api_key is a secret, but stands in config"),
        (CONFIG + "lookback_days = 'x'\n", SECRETS, "lookback_days is 'x'"),
        (CONFIG + "max_concurrency = true\n", SECRETS, "max_concurrency is True"),
        (CONFIG + "start_date = 5\n", SECRETS, "start_date 5 is not a date"),
        ("[sources]\nchatislav = 5\n", SECRETS, "bot_ids is empty"),
        (CONFIG, SECRETS.replace(SANDBOX_KEY, "<configure me>"), "There is no API key"),
        (CONFIG + "[load]\nworkers = 'many'\n", SECRETS, "workers is not of the type int"),
        (CONFIG + "[runtime]\nlog_level = 'loud'\n", SECRETS, "log level of dlt"),
        (
            CONFIG + "[destination.duckdb]\ncredentials = ':memory:'\n",
            SECRETS,
            "name no file",
        ),
    ],
)
def test_a_mistake_in_a_file_is_named(config: str, secrets: str, text: str) -> None:
    write(config, secrets)

    ended = run(
        "sync", "--base-url", "http://127.0.0.1:9", env={"SOURCES__CHATISLAV__API_KEY": None}
    )

    assert (ended.returncode, text in " ".join(ended.stderr.split())) == (2, True), ended.stderr
    assert SANDBOX_KEY not in ended.stderr


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--pipeline-name", "a/b"), "cannot be the name of a folder"),
        (("--pipeline-name", ""), "it is empty"),
        (("--dataset", ""), "it is empty"),
        (("--pipelines-dir", "file"), "a part of its path is a file"),
        (("--pipelines-dir", "/proc/no"), "/proc/no cannot be used"),
        (("--database", "no/such/folder.duckdb"), "does not exist; create it"),
        (("--database", "/proc/new.duckdb"), "cannot be created"),
        (("--database", "."), "is a directory"),
        (("--destination", "nonsense"), "There is no destination 'nonsense'"),
        (("--wait", "-1"), "not in the range"),
        (("--lookback-days", "-1"), "lookback_days is -1"),
        (("--analytics-channel", "sms"), "analytics_channels has ['sms']"),
        (("--api-timezone", "Mars"), "api_timezone 'Mars'"),
    ],
)
def test_a_mistake_on_the_command_line_is_named(words: tuple[str, ...], text: str) -> None:
    Path("file").touch()

    ended = run("sync", "--bot-id", "1", "--base-url", "http://127.0.0.1:9", *words)

    assert (ended.returncode, text in " ".join(ended.stderr.split())) == (2, True), ended.stderr


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])

        ended = run("sandbox", "--port", port, "--conversations", "1")

    assert ended.returncode == 2
    assert f"Port {port} cannot be used" in ended.stderr


def test_a_misspelt_setting_is_a_warning_that_names_the_nearest() -> None:
    write(CONFIG + "time_zone = 'UTC'\n[chatislav_sync.sources.chatislav]\nstart_dat = 5\n")

    ended = run(
        "check",
        "--base-url",
        "http://127.0.0.1:9",
        env={"SOURCES__CHATISLAV__BOTS": "5", "HTTP_PROXY": "ftp://unusable"},
    )

    for wrong, right in (
        ("time_zone", "timezone"),
        ("start_dat", "start_date"),
        ("bots", "bot_ids"),
    ):
        assert f"no setting '{wrong}'" in ended.stderr
        assert f"meant is '{right}'" in ended.stderr


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
VALUES = st.one_of(
    TEXTS,
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(
        ["-", "--", "[", "[[", "{}", "[1", "null", "true", "1e999", "../..", "/", "š", "a\nb"]
    ).filter(str.isprintable),
    st.lists(st.integers(), max_size=3).map(str),
)
OPTIONS = sorted(
    option.opts[0]
    for option in commands.sync.params
    if isinstance(option, click.Option) and not option.is_flag
)


@pytest.fixture(autouse=True)
def nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A good value ends with an empty report instead of a sync."""

    def load(_pipeline: object, config: SyncConfig, *_: object) -> SyncReport:
        return SyncReport(started_at=config.now)

    monkeypatch.setattr("chatislav_source.runner.job.run_job", load)
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)


def read_files_again() -> None:
    """Have dlt read its files, which it does once in a process."""
    Container()[PluggableRunContext].reload_providers()


def status(words: list[str], patch: pytest.MonkeyPatch) -> int:
    """The exit status of a sync in this process; fails if it is told as a defect."""

    def fail(kind: str = "", **_: object) -> str:
        raise AssertionError(f"told as a defect: {kind}")

    class Unexpected:
        format = staticmethod(fail)

    patch.setattr("chatislav_source.cli.console.UNEXPECTED", Unexpected())
    patch.setattr("sys.argv", ["chatislav", *words])
    with pytest.raises(SystemExit) as ended:
        exit_status.run(commands.cli)
    return int(ended.value.code or 0)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(option=st.sampled_from(OPTIONS), value=VALUES, is_variable=st.booleans())
def test_any_value_of_an_option_is_taken_or_a_mistake(
    option: str, value: str, is_variable: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        words = ["sync", *([] if option == "--bot-id" else ["--bot-id", "1"])]
        if is_variable:
            patch.setenv("CHATISLAV_" + option.strip("-").upper().replace("-", "_"), value)
        else:
            words.append(f"{option}={value}")

        assert status(words, patch) in (0, 2)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(Arguments.__annotations__)), value=VALUES)
def test_any_value_in_the_environment_is_taken_or_a_mistake(name: str, value: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(f"SOURCES__CHATISLAV__{name.upper()}", value)

        assert status(["sync", *(["--bot-id", "1"] if name != "bot_ids" else [])], patch) in (0, 2)


TOML: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXTS | st.dates() | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


@pytest.fixture
def own_files() -> Iterator[None]:
    """The files of the current folder, for this test only."""
    yield
    Path(".dlt/secrets.toml").unlink(missing_ok=True)
    read_files_again()


@pytest.mark.usefixtures("own_files")
@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from(sorted(Arguments.__annotations__)), value=TOML)
def test_any_value_in_a_file_is_taken_or_a_mistake(name: str, value: Any) -> None:
    Path(".dlt").mkdir(exist_ok=True)
    Path(".dlt/secrets.toml").write_text(
        tomlkit.dumps({"sources": {"chatislav": {name: value}}}), "utf-8"
    )
    read_files_again()
    with pytest.MonkeyPatch.context() as patch:
        if name == "api_key":
            patch.delenv("SOURCES__CHATISLAV__API_KEY")

        assert status(["sync", *(["--bot-id", "1"] if name != "bot_ids" else [])], patch) in (0, 2)


def test_a_text_in_the_environment_is_a_list_of_bots(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, ...]] = []

    def load(_pipeline: object, config: SyncConfig, *_: object) -> SyncReport:
        seen.append(config.bot_ids)
        return SyncReport(started_at=config.now)

    monkeypatch.setattr("chatislav_source.runner.job.run_job", load)
    for name in ("SOURCES__CHATISLAV__BOT_IDS", "CHATISLAV_BOT_ID"):
        for text in ("123", "123,456", "[123, 456]", "123 456"):
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv(name, text)
                assert status(["sync"], patch) == 0

    assert seen == [(123,), (123, 456), (123, 456), (123, 456)] * 2


def test_the_file_in_the_configuration_of_dlt_is_used_unless_another_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DESTINATION__DUCKDB__CREDENTIALS", str(tmp_path / "own.duckdb"))

    given: dict[str, Any] = {
        "destination": "duckdb",
        "database": None,
        "dataset": "d",
        "pipeline_name": "p",
        "pipelines_dir": None,
        "wait_seconds": 0.0,
    }

    configured = pipeline_config_of(given).database
    other = pipeline_config_of(given | {"database": Path("other.duckdb")}).database
    monkeypatch.delenv("DESTINATION__DUCKDB__CREDENTIALS")
    default = pipeline_config_of(given).database

    assert configured == tmp_path / "own.duckdb"
    assert (str(other), str(default)) == ("other.duckdb", "warehouse.duckdb")
    assert os.listdir() == []
