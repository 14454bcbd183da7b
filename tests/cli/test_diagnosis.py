"""Each text about a database that cannot be used, by provoking the thing itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from chatislav_source.cli.mistakes import explained
from chatislav_source.destinations.duckdb_file.access import check_file
from chatislav_source.errors import ConfigurationError, PipelineLockedError
from chatislav_source.sandbox import Sandbox
from tests.cli.process import run, start
from tests.conftest import days_ago
from tests.default_suite import mostly_slow

SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(9))
VERSION = slice(12, 20)  # of the storage format, in the first block; little endian
WORD = slice(8, 16)  # with the lower half of the version
FACTOR = 0xBF58476D1CE4E5B9  # of DuckDB's checksum, the exclusive or of each word times this


def written_by_version(path: Path, version: int) -> None:
    """Give a DuckDB file another storage version, with a good checksum."""
    content = bytearray(path.read_bytes())
    before = int.from_bytes(content[WORD], "little")
    content[VERSION] = version.to_bytes(8, "little")
    change = _product(before) ^ _product(int.from_bytes(content[WORD], "little"))
    checksum = int.from_bytes(content[:8], "little") ^ change
    content[:8] = checksum.to_bytes(8, "little")
    path.write_bytes(content)


def _product(word: int) -> int:
    return word * FACTOR % 2**64


def test_a_file_of_a_newer_duckdb_is_called_good(api: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(file)).close()
    written_by_version(file, 9999)

    ended = run(*SYNC, api=api)

    assert ended.returncode == 2
    assert "newer version of DuckDB" in ended.stderr
    assert "keep it, and upgrade" in ended.stderr
    assert "damaged" not in ended.stderr
    assert api.count() == 0


AS_NOBODY = """
import os, pathlib, sys
from chatislav_source.destinations.duckdb_file.access import check_file

if os.geteuid() == 0:
    os.seteuid(65534)  # root may write everything
check_file(pathlib.Path(sys.argv[1]), "chatislav")
"""


@pytest.mark.parametrize("name", ["read_only.duckdb", "new.duckdb"])
def test_what_may_not_be_written_is_not_called_damaged(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    duckdb.connect(str(folder / "read_only.duckdb")).close()
    (folder / "read_only.duckdb").chmod(0o444)
    folder.chmod(0o555)
    for parent in [tmp_path, *tmp_path.parents[:-2]]:
        parent.chmod(parent.stat().st_mode | 0o111)

    ended = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(folder / name)],
        capture_output=True,
        text=True,
        check=False,
    )

    folder.chmod(0o755)
    assert "ConfigurationError" in ended.stderr
    assert "right to write" in ended.stderr
    assert "damaged" not in ended.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 50 kB, which is too small for a sync."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=50k", "tmpfs", str(folder)],  # noqa: S607
            check=False,
            capture_output=True,
        ).returncode
    )
    if not mounted:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)  # noqa: S607


@pytest.mark.parametrize(
    "options",
    mostly_slow(
        [
            (("--database", "small/warehouse.duckdb"),),
            (("--pipelines-dir", "small/pipelines"),),
        ],
        (("--database", "small/warehouse.duckdb"),),
    ),
)
def test_a_full_disk_is_named_and_the_next_run_goes_on(
    api: Sandbox, small_disk: Path, options: tuple[str, str]
) -> None:
    ended = run(*SYNC, *options, api=api)

    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].startswith("Error: The disk is full.")
    assert "report it" not in ended.stderr
    subprocess.run(["mount", "-o", "remount,size=100M", str(small_disk)], check=True)  # noqa: S607
    assert run(*SYNC, *options, api=api).returncode == 0


def test_a_full_disk_is_named_even_if_it_cannot_be_provoked() -> None:
    error = RuntimeError("load")
    error.__cause__ = OSError(28, "No space left on device")

    assert "disk is full" in str(explained(error))


HOLDER = """
import duckdb, sys

connection = duckdb.connect(sys.argv[1])
print("held", flush=True)
input()
"""


@pytest.fixture
def held(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the database file until it gets a line."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "warehouse.duckdb")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_sync_waits_for_a_file_that_is_held_and_says_for_whom(
    api: Sandbox, held: subprocess.Popen[str]
) -> None:
    with start(*SYNC, api=api) as process:
        assert process.stderr
        said = process.stderr.readline()
        assert held.stdin
        held.stdin.write("\n")
        held.stdin.flush()
        process.communicate(timeout=60)

    assert f"(PID {held.pid})" in said
    assert "Waiting for it, up to 30 s" in said
    assert process.returncode == 0


def test_a_file_that_stays_held_is_busy_after_the_wait(
    api: Sandbox, held: subprocess.Popen[str]
) -> None:
    ended = run(*SYNC, "--wait", "0.1", api=api)

    assert ended.returncode == 75
    assert f"(PID {held.pid})" in ended.stderr
    assert "Close the other program" in ended.stderr


def test_python_can_check_a_file_without_waiting(
    tmp_path: Path, held: subprocess.Popen[str]
) -> None:
    with pytest.raises(PipelineLockedError, match=f"PID {held.pid}"):
        check_file(tmp_path / "warehouse.duckdb", "chatislav")


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist; create it"):
        check_file(tmp_path / "missing" / "w.duckdb", "chatislav")
