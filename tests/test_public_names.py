"""The public names of the package, which are imported when they are used."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import chatislav_source

PIPELINES = sorted((Path(__file__).parents[1] / "pipelines").glob("*.py"))
READY = {
    ("chatislav_source.integrations.dagster", "ChatislavComponent"),
    ("chatislav_source.integrations.airflow", "chatislav_dag"),
}
"""The definitions for orchestrators, which are not imported with the package."""


def test_the_public_names_are_these() -> None:
    others = {name for name in chatislav_source.__all__ if not name.endswith("Error")}

    assert others == {"chatislav", "sync", "verify", "SyncReport", "TABLES", "__version__"}


@pytest.mark.parametrize("name", chatislav_source.__all__)
def test_each_public_name_is_there_and_listed(name: str) -> None:
    assert getattr(chatislav_source, name)
    assert name in dir(chatislav_source)


def test_a_name_that_is_imported_late_is_public() -> None:
    assert set(chatislav_source.MODULES) < set(chatislav_source.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = chatislav_source.nonsense


def test_the_version_is_that_of_the_installed_package() -> None:
    assert chatislav_source.__version__ == version("chatislav-source")


def test_importing_the_package_imports_nothing_heavy() -> None:
    heavy = "{'dlt', 'pyarrow', 'duckdb', 'pendulum', 'httpx'}"
    code = f"import sys, chatislav_source; print({heavy} & set(sys.modules))"

    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert ended.stdout == "set()\n"


@pytest.mark.parametrize("path", PIPELINES, ids=lambda path: path.stem)
def test_the_example_pipelines_use_public_names_only(path: Path) -> None:
    used = {
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chatislav_source")
        for alias in node.names
    }

    assert used
    assert used <= {("chatislav_source", name) for name in chatislav_source.__all__} | READY
