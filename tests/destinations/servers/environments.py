"""Virtual environments of the emulators and of dbt: they need libraries that dlt cannot live with.

`python -m tests.destinations.servers.environments` builds all that are missing or out of date.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVERS = Path(__file__).parent
ROOT = SERVERS.parents[2] / ".venvs"
RECIPE = "1"  # raise it when the way of building changes, so that old environments are rebuilt

# DuckDB would download its extensions. These packages carry them instead; the files have to be
# copied to where DuckDB looks, which is below HOME.
_COPY_EXTENSIONS = """
from duckdb_extensions import import_extension
for name in ("ducklake", "icu", "spatial"):
    import_extension(name)
"""


class EnvironmentNotBuiltError(RuntimeError):
    """An emulator's environment is missing, out of date or could not be installed."""


@dataclass(frozen=True)
class Environment:
    """One emulator's virtual environment, with a HOME of its own."""

    name: str
    after_install: str = ""  # Python code, run once inside

    @property
    def folder(self) -> Path:
        return ROOT / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    @property
    def run(self) -> list[str]:
        """How a script starts; without -P, files beside it would hide packages of that name."""
        return [str(self.python), "-P"]

    @property
    def home(self) -> Path:
        """Keeps what a library writes below HOME out of the user's own."""
        return self.folder / "home"

    @property
    def requirements(self) -> Path:
        return SERVERS / f"requirements-{self.name}.txt"

    @property
    def marker(self) -> Path:
        return self.folder / "built-from"

    def variables(self) -> dict[str, str]:
        """The environment variables to run the emulator with."""
        # our own virtual environment, if one is active, is not the emulator's
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
        return kept | {"HOME": str(self.home), "PYTHONUNBUFFERED": "1"}

    def is_current(self) -> bool:
        """Whether what is installed is what the requirements say."""
        return self.marker.exists() and self.marker.read_text() == self._fingerprint()

    def require(self) -> None:
        """Refuse to go on without a current environment.

        Tests do not build it: that takes longer than a test may, and downloads a lot.

        Raises:
            EnvironmentNotBuiltError: it is missing or out of date.
        """
        if not self.is_current():
            raise EnvironmentNotBuiltError(
                f"The environment {self.name} is missing or out of date. "
                "To build it: python -m tests.destinations.servers.environments"
            )

    def ensure(self) -> None:
        """Build the environment unless it is there and current.

        Raises:
            EnvironmentNotBuiltError: an installation step failed.
        """
        with _one_builder_at_a_time(self.name):
            if not self.is_current():
                self._build()

    def _build(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self._step([sys.executable, "-m", "venv", str(self.folder)], dict(os.environ))
        self.home.mkdir()
        # Every package is pinned, so nothing is left to resolve; and local-bigquery's own
        # conditions (Python 3.13, DuckDB 2) are wider of the mark than what was tried.
        pip = [str(self.python), "-m", "pip", "install", "--quiet", "--no-deps"]
        pip += ["--ignore-requires-python", "--only-binary", ":all:"]
        pip += ["--disable-pip-version-check", "--requirement", str(self.requirements)]
        self._step(pip, dict(os.environ))
        if self.after_install:
            self._step([str(self.python), "-c", self.after_install], self.variables())
        self.marker.write_text(self._fingerprint())

    def _step(self, command: list[str], variables: dict[str, str]) -> None:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EnvironmentNotBuiltError(
                f"{self.name}: {' '.join(command[:5])} … failed:\n{done.stdout}{done.stderr}"
            )

    def _fingerprint(self) -> str:
        """What the environment is made of; a change of any part asks for a new one."""
        parts = (RECIPE, sys.version, self.after_install, self.requirements.read_text())
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


SNOWFLAKE = Environment("snowflake-emulator")
BIGQUERY = Environment("bigquery-emulator", after_install=_COPY_EXTENSIONS)
DBT = Environment("dbt")


@contextmanager
def _one_builder_at_a_time(name: str) -> Iterator[None]:
    """Two test runs in one checkout must not build the same folder at once."""
    ROOT.mkdir(exist_ok=True)
    with (ROOT / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    """Build every environment."""
    for environment in (SNOWFLAKE, BIGQUERY, DBT):
        environment.ensure()
        sys.stdout.write(f"{environment.folder}: ready\n")


if __name__ == "__main__":
    main()
