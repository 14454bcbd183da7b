"""The README's commands, Python and SQL are run, and its tables compared with the code."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from chatislav_source.config import ANALYTICS_CHANNELS
from chatislav_source.records.schema import TABLES
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.source import resolved_options

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CHATISLAV = Path(sys.executable).with_name("chatislav")
PREPARED = ("make test", "pip install", "export ")  # run by the gate, or set up by the test


def blocks(language: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def sessions() -> list[tuple[str, list[str]]]:
    """Each command of the console blocks with the lines it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(blocks("console")).splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return [
        (command, said)
        for command, said in found
        # those into other warehouses need one, and are run where the warehouses are
        if not command.startswith(PREPARED) and "--destination" not in command
    ]


def shape(lines: list[str]) -> Counter[str]:
    """Lines without what depends on the day: numbers are 0, blanks are one."""
    plain = (re.sub(r"\d[\d,.:-]*", "0", " ".join(line.split())) for line in lines)
    return Counter(line for line in plain if line)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[str], str]:
    """Runs a command of the README beside a sandbox, and gives what it printed."""
    today = datetime.now(UTC).date()
    world = World.generate(bot_ids=(101, 102, 103), last_day=today)

    def one(command: str) -> str:
        words = shlex.split(command.replace("make demo", "chatislav demo"))
        ended = subprocess.run(
            [CHATISLAV, *words[1:]],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env=os.environ | environment,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    with Sandbox(world) as api:
        environment = {
            "SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY,
            "SOURCES__CHATISLAV__BASE_URL": api.base_url,
        }
        yield one


def test_its_commands_print_what_it_says(run: Callable[[str], str]) -> None:
    for command, said in sessions():
        printed = run(command)

        assert shape(printed.splitlines()) == shape(said), command


def test_its_python_and_its_sql_run(
    api: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__CHATISLAV__BASE_URL", api.base_url)
    names: dict[str, Any] = {}

    # what is for an orchestrator is run where the orchestrators are
    own = [block for block in blocks("python") if "from chatislav_source" in block]
    for block in own:
        exec(compile(block, "README.md", "exec"), names)  # noqa: S102 - our own text

    assert len(own) == 2
    assert names["report"].complete
    with duckdb.connect(str(tmp_path / "chatislav_sync.duckdb")) as connection:
        rows = connection.execute(blocks("sql")[0]).fetchall()
    assert len(rows) == 3


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_it_has_every_table_and_column_with_type_and_meaning(table: Any) -> None:
    section = README.split(f"### `{table.name}`\n\n{table.meaning}\n")[1].split("\n#")[0]

    described = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", section, re.MULTILINE)

    assert described == [(column.name, column.kind, column.meaning) for column in table.columns]


def test_it_has_every_argument_with_its_environment_variable() -> None:
    described = re.findall(r"^\| `(\w+)` \| `SOURCES__CHATISLAV__(\w+)", README, re.MULTILINE)

    arguments = [name for name in resolved_options.__annotations__ if name != "return"]
    assert [name for name, _ in described] == arguments
    assert all(name.upper() == variable for name, variable in described)


def test_its_example_configuration_is_good(tmp_path: Path) -> None:
    (tmp_path / ".dlt").mkdir()
    example = (ROOT / ".dlt/example.secrets.toml").read_text()
    (tmp_path / ".dlt/secrets.toml").write_text(example)
    config = (ROOT / ".dlt/config.toml").read_text()
    (tmp_path / ".dlt/config.toml").write_text(re.sub(r"^# (\w+ =)", r"\1", config, flags=re.M))
    command = [CHATISLAV, "check", "--base-url", "http://127.0.0.1:9/api/v1", "--json"]

    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    assert "bot 123" in ended.stdout + ended.stderr
    assert "chsk_live" not in ended.stdout + ended.stderr


def test_a_listed_channel_is_a_documented_one() -> None:
    config = (ROOT / ".dlt/config.toml").read_text()
    named = re.findall(r'"(\w+)"', config.split("analytics_channels")[1].split("\n")[0])

    assert set(named) <= set(ANALYTICS_CHANNELS)
