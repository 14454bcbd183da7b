"""What is in the wheel and in the source distribution, and what a user's type checker sees."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email import message_from_string
from itertools import chain
from pathlib import Path

import pytest
from hatchling import build
from packaging.requirements import Requirement
from twine.commands import check

import chatislav_source

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chatislav_source"
INFO = f"chatislav_source-{chatislav_source.__version__}.dist-info"
OF_TOOLS = {"__pycache__", "target", "logs", "dbt_packages"}  # what Python and dbt leave behind
METADATA = {*("METADATA", "WHEEL", "RECORD", "entry_points.txt"), "licenses/LICENSE"}

TYPE_CHECK = (sys.executable, "-m", "mypy", "--strict", "--python-executable")
USER_SCRIPT = """
import dlt
from chatislav_source import ChatislavError, SyncReport, chatislav, sync

pipeline = dlt.pipeline("chatislav_sync", destination="duckdb")
report: SyncReport = sync(pipeline, bot_ids=[101], start_date="2026-11-01")
reveal_type(report.complete)
reveal_type(chatislav(bot_ids=[101]))
sync(pipeline, bot_ids="101")
"""


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The wheel, built from the source distribution, which is beside it."""
    monkeypatch.chdir(ROOT)
    sdist = tmp_path / build.build_sdist(str(tmp_path))
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path / sdist.name.removesuffix(".tar.gz"))
    return tmp_path / build.build_wheel(str(tmp_path))


def package_files() -> set[str]:
    """The files of the package in this checkout, without what tools leave behind."""
    files = (path.relative_to(ROOT) for path in PACKAGE.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if OF_TOOLS.isdisjoint(path.parts)}


def test_the_distributions_hold_the_package_with_its_licence_and_nothing_else(wheel: Path) -> None:
    (sdist,) = wheel.parent.glob("*.tar.gz")

    with tarfile.open(sdist) as archive:
        of_sdist = {name.partition("/")[2] for name in archive.getnames()}
    with zipfile.ZipFile(wheel) as archive:
        of_wheel = set(archive.namelist())
        texts = {name: archive.read(name).decode() for name in of_wheel}

    top = {"CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "SECURITY.md", "pyproject.toml"}
    assert of_sdist == package_files() | top | {".gitignore"}
    assert of_wheel == package_files() | {f"{INFO}/{name}" for name in METADATA}
    assert {"chatislav_source/py.typed", "chatislav_source/models/metrics.yml"} < of_wheel
    assert {name for name, text in texts.items() if str(ROOT) in text or "/home/" in text} == set()
    assert wheel.name in (ROOT / "README.md").read_text("utf-8")
    assert not check.check([str(sdist), str(wheel)], strict=True)
    metadata = message_from_string(texts[f"{INFO}/METADATA"])
    assert metadata["Version"] == chatislav_source.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert "dlt-source-chatislav" in metadata["Keywords"].split(",")


def test_every_requirement_is_pinned_to_a_version_that_it_allows() -> None:
    constraints = (ROOT / "constraints.txt").read_text("utf-8")
    pins = dict(re.findall(r"^([\w-]+)==([^ \n]+)", constraints, re.MULTILINE))
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    extras = project["optional-dependencies"].values()

    wanted = [Requirement(text) for text in (*project["dependencies"], *chain(*extras))]

    assert {str(each) for each in wanted if pins[each.name] not in each.specifier} == set()


@pytest.mark.slow  # mypy reads dlt and what it imports
def test_a_users_strict_mypy_sees_the_types_of_the_installed_wheel(
    wheel: Path, tmp_path: Path
) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    (site,) = environment.glob("lib/python*/site-packages")
    shutil.unpack_archive(wheel, site, "zip")
    # the dependencies, but not this checkout, which is installed there by a file that is not read
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    (tmp_path / "script.py").write_text(USER_SCRIPT)

    ended = subprocess.run(
        [*TYPE_CHECK, environment / "bin/python", "script.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": ""},  # without PYTHONPATH
        check=False,
    )

    told = re.findall(r"^script.py:(\d+): (\w+): (.*)$", ended.stdout, re.MULTILINE)
    assert [(line, kind) for line, kind, _ in told] == [
        ("7", "note"),
        ("8", "note"),
        ("9", "error"),
    ]
    assert "bool" in told[0][2]
    assert "DltSource" in told[1][2]
    assert 'has incompatible type "str"; expected "list[int] | None"' in told[2][2]
