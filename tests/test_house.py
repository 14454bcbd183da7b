"""The house stands as it is drawn: imports only point down, files and functions stay short."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import chatislav_source

PACKAGE = Path(chatislav_source.__file__).parent
NAME = PACKAGE.name
FLOORS: list[set[str]] = [
    {
        "errors",
        "settings",
        "windows",
        "tables",
        "decoding",
        "company",
        "memory",
        "belonging",
        "running",
        "hiding",
        "retry_after",
    },
    {
        "values",
        "state",
        "options",
        "pace",
        "report",
        "loaded",
        "staging",
        "json_lines",
        "hints",
        "density",
        "chunk",
    },
    {"rows", "throttle", "transport", "appending", "catalog", "status", "destinations"},
    {"client", "typed_page", "landing", "evidence"},
    {"conversations", "analytics", "typed_rows"},
    {"movement", "building", "crawl", "check"},
    {"reading", "batch", "console", "destination_check"},
    {"writing"},
    {"planning"},
    {"run"},
    {"source"},
    {"loads"},
    {"demo"},
    {"cli"},
]
"""From the ground up; a module may use those of the floors below its own."""

MOST_LINES = 300
LONG_FILES = {"cli": "one short function per command, but each with its options and examples"}
MOST_LINES_OF_A_FUNCTION = 40
LONG_FUNCTIONS: dict[str, str] = {}

MODULES = {path.stem: path for path in sorted(PACKAGE.glob("*.py")) if path.stem != "__init__"}
SANDBOX = sorted((PACKAGE / "sandbox").glob("*.py"))


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = f"{'.' * node.level}{node.module or ''}"
            yield folder
            dot = "" if folder.endswith(".") else "."
            yield from (f"{folder}{dot}{alias.name}" for alias in node.names)


def own_imports(name: str) -> set[str]:
    """Modules of the package that a module imports; the sandbox counts as one."""
    prefix = f"{NAME}."
    found = {
        full.removeprefix(prefix).partition(".")[0]
        for full in imports(MODULES[name])
        if full.startswith(prefix)
    }
    return found & {*MODULES, "sandbox"}


def everything_below(name: str) -> set[str]:
    """What a module imports, and what that imports, and so on."""
    found: set[str] = set()
    todo = [name]
    while todo:
        new = own_imports(todo.pop()) - found - {"sandbox"}
        found |= new
        todo += new
    return found


def outside(name: str) -> set[str]:
    """Packages other than our own that a module imports."""
    return {full.partition(".")[0] for full in imports(MODULES[name])} - {NAME}


def test_every_module_has_its_floor() -> None:
    placed = [name for floor in FLOORS for name in floor]

    assert sorted(placed) == sorted(MODULES), "give a new module its place in FLOORS"


@pytest.mark.parametrize("name", MODULES)
def test_imports_only_point_down(name: str) -> None:
    own = next(number for number, floor in enumerate(FLOORS) if name in floor)
    below = {lower for floor in FLOORS[:own] for lower in floor}

    assert own_imports(name) - below - {"sandbox"} == set()


def test_only_the_demo_and_the_command_line_know_the_sandbox() -> None:
    assert {name for name in MODULES if "sandbox" in own_imports(name)} <= {"demo", "cli"}


@pytest.mark.parametrize("path", SANDBOX, ids=lambda path: path.stem)
def test_the_sandbox_stands_on_its_own(path: Path) -> None:
    used = set(imports(path))

    assert not {full for full in used if full.startswith((NAME, "..", "dlt", "httpx"))}


def test_conversations_and_analytics_do_not_know_each_other() -> None:
    assert "analytics" not in everything_below("conversations")
    assert "conversations" not in everything_below("analytics")


def test_only_the_client_speaks_http() -> None:
    speakers = {"httpx", "httpcore", "requests", "urllib3", "http", "aiohttp"}

    assert {name for name in MODULES if outside(name) & speakers} == {"client", "transport"}
    assert {name for name in MODULES if "transport" in own_imports(name)} == {"client"}


def test_the_client_knows_neither_dlt_nor_tables() -> None:
    below = everything_below("client")

    assert "tables" not in below
    assert "dlt" not in set().union(*map(outside, below | {"client"}))


@pytest.mark.parametrize("name", ["conversations", "analytics", "reading", "crawl", "options"])
def test_what_reads_the_api_does_not_know_dlt(name: str) -> None:
    assert "dlt" not in set().union(*map(outside, everything_below(name) | {name}))


@pytest.mark.parametrize("name", ["windows", "tables", "state", "reading", "movement", "pace"])
def test_what_is_pure_looks_at_no_clock_and_starts_no_thread(name: str) -> None:
    text = MODULES[name].read_text("utf-8")

    assert outside(name).isdisjoint({"time", "threading", "random", "socket", "os"})
    assert not any(call in text for call in (".now(", ".today(", ".utcnow("))


@pytest.mark.parametrize("path", [*MODULES.values(), *SANDBOX], ids=lambda path: path.stem)
def test_a_file_is_short(path: Path) -> None:
    lines = len(path.read_text("utf-8").splitlines())

    assert (lines > MOST_LINES) == (path.stem in LONG_FILES and path.parent == PACKAGE)


def test_functions_are_short() -> None:
    long = {
        f"{path.stem}.{node.name}"
        for path in [*MODULES.values(), *SANDBOX]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > MOST_LINES_OF_A_FUNCTION
    }

    assert long == set(LONG_FUNCTIONS)


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of the body, without the signature and what stands for documentation."""
    first = function.body[0]
    has_words = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if has_words else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", [*MODULES.values(), *SANDBOX], ids=lambda path: path.stem)
def test_a_file_begins_with_what_it_is_for(path: Path) -> None:
    words = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""

    assert words.partition("\n")[0].endswith((".", ":", ";"))
