"""The structure of the package: allowed imports, no import cycles, short files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import chatislav_source

PACKAGE = Path(chatislav_source.__file__).parent
NAME = PACKAGE.name

GROUND = {"config", "errors", "privacy"}
MAY_IMPORT: dict[str, set[str]] = {
    "api": set(),
    "records": set(),
    "streams": {"api", "records"},
    "destinations": {"records"},
    "extract": {"streams", "api"},
    "runner": {"extract", "streams", "destinations", "records", "api"},
    "proof": {"runner", "streams", "destinations", "records", "api"},
    "configured": {"runner", "records"},
    "source": {"configured", "proof", "runner", "extract"},
    "views": set(),
    "report": {"proof"},
    "integrations": set(),
    "cli": {
        *(
            "source",
            "configured",
            "runner",
            "extract",
            "streams",
            "destinations",
            "records",
            "api",
            "sandbox",
        ),
        *("proof", "views", "report"),
    },
}
"""The rooms that each room may import; all may import `config`, `errors` and `privacy`."""

ALONE_IN: dict[str, set[str]] = {
    "click": {"cli"},
    "rich": {"cli"},
    "ctypes": {"cli"},
    "httpx": {"api"},
    "httpcore": {"api"},
    "tenacity": {"api"},
    "msgspec": {"records"},
    "xxhash": {"records"},
    "phonenumbers": {"privacy"},
    "stdnum": {"privacy"},
    "threading": {"api", "destinations", "extract", "runner", "cli"},
    "altair": {"report"},
    "vl_convert": {"report"},
    "yaml": {"report"},
    "airflow": {"integrations"},
    "dagster": {"integrations"},
    "pydantic": {"integrations"},
    "dlt": {
        *("source", "configured", "proof", "runner", "destinations", "cli", "views"),
        "integrations",
    },
}
"""The only rooms that may import a library."""

ARCHITECTURE = (Path(__file__).parents[1] / "docs/architecture.md").read_text("utf-8")

PURE = {"privacy", "records", "streams"}
"""Rooms without a clock, a thread, I/O or dlt."""

MAX_TOP_MODULES = 6
MAX_ROOM_MODULES = 12
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_ATTRIBUTES = 13

FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if "models" not in path.relative_to(PACKAGE).parts
)
FOLDERS = sorted({path.parent for path in FILES})


def module_of(path: Path) -> str:
    """The dotted name of a file, without the package's own; a room's `__init__` is the room."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def room_of(module: str) -> str:
    """The first part of a module's name."""
    return module.partition(".")[0]


MODULES = {module_of(path): path for path in FILES}


@cache
def imports(path: Path) -> frozenset[str]:
    """The full names of all imports of a file, also within functions."""
    return frozenset(_imports(path))


def _imports(path: Path) -> Iterator[str]:
    base = path.parent.relative_to(PACKAGE.parent).parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = f"{'.'.join(base[: len(base) + 1 - node.level])}." if node.level else ""
            full = f"{folder}{node.module or ''}".rstrip(".")
            yield full
            yield from (f"{full}.{alias.name}" for alias in node.names)


def own_imports(module: str) -> set[str]:
    """The other modules of the package that a module imports."""
    found = {full.removeprefix(f"{NAME}.") for full in imports(MODULES[module])}
    return {name for name in found if name in MODULES and name != module}


def libraries(module: str) -> set[str]:
    """The imports of a module from outside the package."""
    return {full.partition(".")[0] for full in imports(MODULES[module])} - {NAME}


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) in MAY_IMPORT])
def test_a_room_only_imports_the_rooms_below_it(module: str) -> None:
    room = room_of(module)

    used = {room_of(name) for name in own_imports(module)} - {"", room} - GROUND

    assert used <= MAY_IMPORT[room]


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) == "integrations"])
def test_integrations_use_only_public_names(module: str) -> None:
    full = {name for name in imports(MODULES[module]) if name.startswith(f"{NAME}.")}
    public = {f"{NAME}.{name}" for name in chatislav_source.__all__}

    assert {name for name in full - public if not name.startswith(f"{NAME}.integrations")} == set()


def test_every_module_is_in_a_room() -> None:
    rooms = {room_of(module) for module in MODULES}

    assert rooms == {"", "__main__", "sandbox", *GROUND, *MAY_IMPORT}


def test_config_errors_and_privacy_import_no_room() -> None:
    ground = [module for module in MODULES if room_of(module) in GROUND]
    used = {room_of(name) for module in ground for name in own_imports(module)}

    assert used <= GROUND | {""}


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) == "sandbox"])
def test_the_sandbox_imports_nothing_else_of_the_package(module: str) -> None:
    assert {room_of(name) for name in own_imports(module)} <= {"sandbox", ""}


def test_no_modules_import_each_other_in_a_circle() -> None:
    # a package is imported before its modules, so an import of the package is no cycle
    graph = {module: own_imports(module) - parents(module) for module in MODULES}

    list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the cycle


def parents(module: str) -> set[str]:
    """The packages that contain a module."""
    parts = module.split(".")
    return {".".join(parts[:count]) for count in range(len(parts))}


def test_conversations_and_analytics_do_not_import_each_other() -> None:
    streams = ("streams.conversations", "streams.analytics")

    for one, other in (streams, reversed(streams)):
        used = {name for m in MODULES if m.startswith(one) for name in own_imports(m)}
        assert not any(name.startswith(other) for name in used)


@pytest.mark.parametrize("library", ALONE_IN)
def test_a_library_is_only_used_in_its_rooms(library: str) -> None:
    users = {room_of(module) for module in MODULES if library in libraries(module)}

    assert users - {"sandbox", ""} <= ALONE_IN[library]


def test_the_architecture_page_has_the_import_rules() -> None:
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", ARCHITECTURE, re.MULTILINE)
    rules = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}

    assert rules == MAY_IMPORT | ALONE_IN


def test_the_architecture_page_shows_every_room_and_only_allowed_imports() -> None:
    shown = re.findall(r"^ +(\w+)\[", ARCHITECTURE, re.MULTILINE)
    arrows = re.findall(r"^ +(\w+) --> (\w+)$", ARCHITECTURE, re.MULTILINE)

    assert set(shown) == {"sandbox", *MAY_IMPORT}
    assert {(room, used) for room, used in arrows if used not in MAY_IMPORT[room]} == set()


def test_names_of_dlt_that_are_not_public_stand_in_one_file() -> None:
    users = {
        module
        for module, path in MODULES.items()
        if any(full.startswith("dlt.common.configuration.container") for full in imports(path))
    }

    assert users == {"destinations.dlt_internals"}


@pytest.mark.parametrize("module", [name for name in MODULES if room_of(name) in PURE])
def test_pure_code_reads_no_clock_and_starts_no_thread(module: str) -> None:
    text = MODULES[module].read_text("utf-8")

    unwanted = {"time", "threading", "random", "socket", "os", "pathlib", "dlt", "httpx"}
    assert libraries(module).isdisjoint(unwanted)
    assert not any(call in text for call in (".now(", ".today(", ".utcnow("))


def test_the_top_of_the_package_has_few_modules() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MAX_TOP_MODULES


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_room_has_few_modules(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.stem != "__init__"]

    assert len(modules) <= MAX_ROOM_MODULES


def test_the_tests_mirror_the_rooms() -> None:
    tests = Path(__file__).parent
    rooms = {room_of(name) for name in MODULES if "." in name}

    assert {room for room in rooms if not list((tests / room).rglob("test_*.py"))} == set()


@pytest.mark.parametrize("path", FILES, ids=module_of)
def test_a_file_is_short_and_begins_with_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    words = ast.get_docstring(ast.parse(text)) or ""

    assert len(text.splitlines()) <= MAX_FILE_LINES
    assert words.partition("\n")[0].endswith((".", ":", ";"))


def test_functions_are_short() -> None:
    long = {
        f"{module}.{node.name}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of(node) > MAX_FUNCTION_LINES
    }

    assert long == set()


def lines_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The number of lines of the body, without the signature and the docstring."""
    first = function.body[0]
    has_words = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    body = function.body[1:] if has_words else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_no_class_keeps_many_attributes() -> None:
    large = {
        f"{module}.{node.name}"
        for module, path in MODULES.items()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and len(attributes_of(node)) > MAX_ATTRIBUTES
    }

    assert large == set()


def attributes_of(node: ast.ClassDef) -> set[str]:
    """Names that the methods of a class assign on `self`."""
    return {
        part.attr
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute)
        and isinstance(part.ctx, ast.Store)
        and isinstance(part.value, ast.Name)
        and part.value.id == "self"
    }
