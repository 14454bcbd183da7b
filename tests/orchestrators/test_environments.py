"""The extras install the tested versions, without conflicts."""

from __future__ import annotations

import json
import subprocess
import tomllib

import pytest

from .conftest import require
from .environments import AIRFLOW, DAGSTER, PROJECT, Orchestrator

UNMET = """
import json, sys
from importlib.metadata import version
from packaging.requirements import Requirement
wanted = map(Requirement, json.loads(sys.argv[1]))
print([f"{w}: {version(w.name)}" for w in wanted if version(w.name) not in w.specifier])
"""


@pytest.mark.parametrize("environment", [AIRFLOW, DAGSTER], ids=lambda found: found.name)
def test_an_extra_installs_without_conflict(environment: Orchestrator) -> None:
    require(environment)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = [environment.name, "postgres", *(["dg"] if environment is DAGSTER else [])]
    wanted = [*project["dependencies"], *(each for name in names for each in extras[name])]

    checked = in_environment(environment, "-m", "pip", "check")
    unmet = in_environment(environment, "-c", UNMET, json.dumps(wanted))

    assert checked == "No broken requirements found."
    assert unmet == "[]"


def in_environment(environment: Orchestrator, *arguments: str) -> str:
    """The output of the environment's Python."""
    done = subprocess.run(
        [str(environment.python), *arguments],
        env=environment.variables(),
        capture_output=True,
        text=True,
        check=False,
    )
    return (done.stdout + done.stderr).strip()
