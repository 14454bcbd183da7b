"""Installs the package into every other Python of this machine, and runs tests or the demo there.

`python -m tests.packaging.pythons` (`make test-pythons`) looks on PATH and in pyenv. Each runs
the demo: the oldest and the newest after a part of the tests, with the wheel; those between them
with the package from the git repository. The Python that runs this module is left out, as `make
test` uses it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hatchling import build

ROOT = Path(__file__).parents[2]
OLDEST = (3, 11)  # `requires-python`
NEWEST = (3, 14)
TESTS = [f"tests/{room}" for room in ("records", "privacy", "extract", "config")]


@dataclass(frozen=True, order=True)
class Python:
    """An interpreter; `version` has three parts."""

    version: tuple[int, ...]
    path: Path

    @property
    def minor(self) -> tuple[int, ...]:
        return self.version[:2]

    @property
    def name(self) -> str:
        return ".".join(map(str, self.version))


def candidates() -> Iterator[Path]:
    """Where interpreters may be: on PATH under the name of their version, and in pyenv."""
    for folder in os.get_exec_path():
        yield from Path(folder).glob("python3.[0-9][0-9]")
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from pyenv.glob("versions/*/bin/python3")


def found(paths: Iterable[Path]) -> dict[tuple[int, ...], Python]:
    """The newest interpreter of each minor version that the package may be used with."""
    newest: dict[tuple[int, ...], Python] = {}
    for path in paths:
        asked = "import sys; print(*sys.version_info[:3])"
        ended = subprocess.run([path, "-c", asked], capture_output=True, text=True, check=False)
        if ended.returncode == 0:  # pyenv has shims of versions that are not installed
            python = Python(tuple(map(int, ended.stdout.split())), path)
            if python.minor >= OLDEST:
                newest[python.minor] = max(python, newest.get(python.minor, python))
    return newest


def installed(python: Python, package: str) -> Path:
    """The interpreter of a new environment that has the package with the pinned dependencies."""
    folder = ROOT / ".venvs" / f"python{python.name}"
    made = folder / "bin/python"
    subprocess.run([python.path, "-m", "venv", "--clear", folder], check=True)
    pip = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", "constraints.txt", package], check=True, cwd=ROOT)
    return made


def run_tests(python: Python, wheel: Path) -> Path:
    """Run the part of the tests, which may fail with CalledProcessError; returns the new Python."""
    workers = str((os.cpu_count() or 1) * 3 // 2)
    tests = ["pytest", "--numprocesses", workers, "--dist", "worksteal", "-q", *TESTS]
    made = installed(python, f"{wheel}[dev]")
    # processes that tests start need the package `tests`, which the wheel does not have
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    subprocess.run([made, "-m", *tests], check=True, cwd=ROOT, env=variables)
    return made


def run_demo(python: Path) -> None:
    """Run the demo in an empty folder; raises CalledProcessError if it fails."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python.with_name("chatislav"), "demo"]
        ended = subprocess.run(command, check=True, cwd=folder, stdout=subprocess.PIPE, text=True)
        assert "To see more" in ended.stdout


def main() -> None:
    """Run everything, and say what was run."""
    pythons = found(candidates())
    own = sys.version_info[:2]
    told = {own: "make test"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(ROOT)
        wheel = Path(folder) / build.build_wheel(folder)
        for minor, python in sorted(pythons.items()):
            if minor == own:
                continue
            if minor in (min(pythons), max(pythons)):
                run_demo(run_tests(python, wheel))
                told[minor] = f"a part of the tests, and the demo ({python.name})"
            else:
                run_demo(installed(python, f"git+{ROOT.as_uri()}"))
                told[minor] = f"the demo ({python.name})"
    for number in range(OLDEST[1], max(*(minor[1] for minor in told), NEWEST[1]) + 1):
        sys.stdout.write(f"Python 3.{number}: {told.get((3, number), 'not on this machine')}\n")


if __name__ == "__main__":
    main()
