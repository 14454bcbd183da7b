"""Virtual environments of the orchestrators, each with this project's dependencies beside it.

`python -m tests.orchestrators.environments` builds those that are missing or out of date.
"""

from __future__ import annotations

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.destinations.servers.environments import Environment

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]


@dataclass(frozen=True)
class Orchestrator(Environment):
    """An orchestrator's virtual environment."""

    @property
    def requirements(self) -> Path:
        return HERE / f"requirements-{self.name}.txt"

    def variables_in(self, home: Path) -> dict[str, str]:
        """The environment variables to run a command with; whatever it writes goes into `home`."""
        path = f"{self.python.parent}:{self.variables()['PATH']}"
        return self.variables() | {
            "PATH": path,
            "PYTHONPATH": str(PROJECT),
            "HOME": str(home),
            "DLT_DATA_DIR": str(home / "dlt"),
            "RUNTIME__DLTHUB_TELEMETRY": "false",
        }


def entry_points() -> dict[str, dict[str, str]]:
    """The entry points by which an orchestrator finds this project."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    return dict(project["entry-points"])


# Entry points are read of what is installed; they are in the code, so that a change rebuilds.
_INSTALL_PROJECT = f"""
import subprocess, sys
pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
subprocess.run([*pip, "--no-deps", "--editable", {str(PROJECT)!r}], check=True)
{entry_points()!r}
"""

AIRFLOW = Orchestrator("airflow", after_install=_INSTALL_PROJECT)
DAGSTER = Orchestrator("dagster", after_install=_INSTALL_PROJECT)


def main() -> None:
    """Build every environment."""
    for environment in (AIRFLOW, DAGSTER):
        environment.ensure()
        sys.stdout.write(f"{environment.folder}: ready\n")


if __name__ == "__main__":
    main()
