"""Runs the commands, Python and SQL of the documentation, and compares its tables with the code."""

from __future__ import annotations

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import dlt
import duckdb
import pytest
import sqlglot

import chatislav_source
from chatislav_source import sync
from chatislav_source.cli.commands import cli
from chatislav_source.config import ANALYTICS_CHANNELS
from chatislav_source.records.schema import TABLES
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, Settings, World

ROOT = Path(__file__).parents[1]
PACKAGE = Path(chatislav_source.__file__).parent
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text("utf-8")
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"))
}
MAX_README_LINES = 250
CHATISLAV = Path(sys.executable).with_name("chatislav")
PREPARED = ("make test", "pip install", "export ")  # run by the gate, or set up by the test
WAREHOUSES = ("DuckDB", "Postgres", "Snowflake", "BigQuery")


def blocks(language: str, text: str) -> list[str]:
    """The fenced blocks of a language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def section(page: str, title: str) -> str:
    """The text under a heading of the second level."""
    return PAGES[page].split(f"\n## {title}\n")[1].split("\n## ")[0]


def sessions(page: str) -> list[tuple[str, list[str]]]:
    """Each command of the console blocks with its documented output."""
    found: list[tuple[str, list[str]]] = []
    for line in "".join(blocks("console", PAGES[page])).splitlines():
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


def own_python(page: str) -> list[str]:
    """The Python blocks of a page, without those for an orchestrator, which run in its tests."""
    return [
        code
        for code in blocks("python", PAGES[page])
        if "from chatislav_source" in code and "chatislav_source.integrations" not in code
    ]


def shape(lines: list[str]) -> Counter[str]:
    """The lines with each number as 0 and single blanks, as numbers depend on the day."""
    plain = (re.sub(r"\d[\d,.:-]*", "0", " ".join(line.split())) for line in lines)
    return Counter(line for line in plain if line)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Runs a command of a page with a sandbox, and returns its output."""
    today = datetime.now(UTC).date()
    world = World.generate(bot_ids=(101, 102, 103), conversations=2_000, last_day=today)

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
            "COLUMNS": "100",  # the width without a terminal; workers of pytest set another
            "SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY,
            "SOURCES__CHATISLAV__BASE_URL": api.base_url,
        }
        yield one


def test_the_readme_is_short() -> None:
    assert len(PAGES["README.md"].splitlines()) <= MAX_README_LINES


@pytest.mark.parametrize(
    "page",
    [
        # many commands, each of which another page has, too
        pytest.param(page, marks=pytest.mark.slow) if page == "docs/tutorial.md" else page
        for page in PAGES
        if sessions(page)
    ],
)
@pytest.mark.slow
def test_its_commands_print_what_it_says(page: str, run: Callable[[str], str]) -> None:
    for command, said in sessions(page):
        printed = run(command)

        assert shape(printed.splitlines()) == shape(said), command


def test_the_python_that_is_run_is_in_these_pages() -> None:
    found = {page: len(own_python(page)) for page in PAGES if own_python(page)}

    assert found == {
        "README.md": 1,
        "docs/configuration.md": 1,
        "docs/sandbox.md": 1,
        "docs/verbs.md": 2,
    }


@pytest.mark.parametrize("page", [page for page in PAGES if own_python(page)])
def test_its_python_and_its_sql_run(
    page: str, api: Sandbox, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SOURCES__CHATISLAV__API_KEY", SANDBOX_KEY)
    monkeypatch.setenv("SOURCES__CHATISLAV__BASE_URL", api.base_url)
    names: dict[str, Any] = {}

    for block in own_python(page):
        exec(compile(block, page, "exec"), names)  # noqa: S102 - our own text

    assert names["report"].complete
    for query in blocks("sql", PAGES[page]):
        with duckdb.connect(str(tmp_path / "chatislav_sync.duckdb")) as connection:
            rows = connection.execute(query).fetchall()
        assert len(rows) == 3


def test_the_sql_about_tables_and_privacy_runs(api: Sandbox, pipeline: dlt.Pipeline) -> None:
    sync(
        pipeline,
        bot_ids=[101],
        api_key=SANDBOX_KEY,
        base_url=api.base_url,
        analytics_periods=["month"],
        privacy={"columns": {"user_form": "drop"}},
    )
    of_privacy = section("docs/privacy.md", "Change of settings")
    queries = [*blocks("sql", PAGES["docs/tables.md"]), *blocks("sql", of_privacy)]

    with pipeline.sql_client() as client:
        found = [client.execute_sql(query) for query in queries]

    assert len(queries) >= 2
    assert all(found)


@pytest.mark.slow  # tests/test_source.py and tests/cli have the section of a pipeline
def test_two_workspaces_are_two_pipelines_in_one_dataset(
    run: Callable[[str], str], tmp_path: Path
) -> None:
    folder, page = tmp_path / ".dlt", PAGES["docs/workspaces.md"]
    folder.mkdir()
    for text in blocks("toml", page):
        name, rest = text.removeprefix("# .dlt/").split("\n", 1)
        keys = re.sub(r"chsk_live_\w+", SANDBOX_KEY, rest)
        (folder / name).write_text(keys)
    (commands,) = blocks("sh", page)

    for command in commands.splitlines():
        run(command)

    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        bots = connection.execute("SELECT DISTINCT bot_id FROM chatislav.conversations").fetchall()
    assert sorted(bots) == [(101,), (102,), (103,)]


@pytest.mark.parametrize("warehouse", WAREHOUSES)
def test_the_sql_of_a_warehouse_is_in_its_dialect_and_names_columns_that_exist(
    warehouse: str,
) -> None:
    columns = {column.name for table in TABLES for column in table.columns}
    (query,) = blocks("sql", section("docs/destinations.md", warehouse))

    parsed = sqlglot.parse_one(query, dialect=warehouse.lower())

    named = {column.name for column in parsed.find_all(sqlglot.exp.Column) if column.table}
    assert named <= columns | {"summary"}
    assert len(named) > 5


def test_the_masking_policy_is_on_columns_that_exist_and_its_condition_is_sql() -> None:
    (text,) = blocks("sql", section("docs/privacy.md", "Enforce in the warehouse"))
    create, *alter = (" ".join(each.split()) for each in text.split(";") if each.strip())
    columns = {(table.name, column.name) for table in TABLES for column in table.columns}

    words = r"CREATE MASKING POLICY (\S+) AS \(val STRING\) RETURNS STRING -> (CASE .* END)"
    policy, condition = re.findall(words, create)[0]
    words = r"ALTER TABLE chatislav\.(\w+) MODIFY COLUMN (\w+) SET MASKING POLICY (\S+)"
    masked = [re.findall(words, each)[0] for each in alter]

    assert {(table, column) for table, column, _ in masked} <= columns
    assert {name for *_, name in masked} == {policy}
    assert isinstance(sqlglot.parse_one(condition, dialect="snowflake"), sqlglot.exp.Case)


@pytest.mark.parametrize("page", PAGES)
def test_its_python_and_toml_can_be_read(page: str) -> None:
    for code in blocks("python", PAGES[page]):
        ast.parse(code)
    for code in blocks("toml", PAGES[page]):
        tomllib.loads(code)


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_somewhere(page: str) -> None:
    # not what looks like a link within code
    prose = re.sub(r"^```.*?^```$", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)]+)\)", prose):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent.joinpath(name).resolve() if name else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("page", PAGES)
def test_the_files_that_it_names_exist(page: str) -> None:
    named = re.findall(r"`((?:\w+/)+\w+\.\w+)`", PAGES[page])

    # a page about the package says `runner/run.py`
    missing = {name for name in named if not ((ROOT / name).exists() or (PACKAGE / name).exists())}
    assert missing == set()


def anchors(text: str) -> set[str]:
    """The names that the headings of a page have in links."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_and_options_that_it_names_exist(page: str) -> None:
    named = re.findall(r"(?:^\$ |^|`|bin/)chatislav ([a-z]+)([^`\n|>]*)", PAGES[page], re.MULTILINE)
    for name, rest in named:
        command = cli.commands[name]
        known = {option for each in command.params for option in each.opts} | {"--help"}
        assert {word.partition("=")[0] for word in re.findall(r" (--[a-z-]+)", rest)} <= known
        assert isinstance(command, click.Command)


@pytest.mark.parametrize("page", PAGES)
def test_the_targets_of_make_that_it_names_exist(page: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)

    named = set(re.findall(r"(?:^\$ |^|`)make ([a-z-]+)", PAGES[page], re.MULTILINE))

    assert named <= set(targets)


def test_the_error_messages_that_it_explains_exist() -> None:
    words = " ".join(package_texts())
    messages = re.findall(r"^\| `(.+?)` \|", section("docs/operations.md", "Errors"), re.MULTILINE)

    parts = {part.strip() for message in messages for part in re.split(r"…|\d+|[()]", message)}

    assert len(messages) > 8
    assert {part for part in parts if part not in words} == set()


def package_texts() -> Iterator[str]:
    """Every text of the package's code."""
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_the_sandbox_settings_that_it_names_exist() -> None:
    named = re.findall(r"`(\w+)`", section("docs/sandbox.md", "Settings").split("|---")[1])

    assert set(named) <= set(Settings().as_dict())


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
