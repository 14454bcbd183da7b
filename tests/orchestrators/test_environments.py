"""The extras install the tested versions, without conflicts."""

from __future__ import annotations

import json
import subprocess
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

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

    checked = in_environment(environment, "-m", "pip", "check")
    unmet = in_environment(environment, "-c", UNMET, json.dumps(wanted_in(environment)))

    assert checked == "No broken requirements found."
    assert unmet == "[]"


@pytest.mark.parametrize("environment", [AIRFLOW, DAGSTER], ids=lambda found: found.name)
def test_every_dependency_is_pinned_to_a_version_that_it_allows(environment: Orchestrator) -> None:
    lines = environment.requirements.read_text().splitlines()
    pins = [Requirement(line) for line in lines if line and not line.startswith("#")]
    versions = {canonicalize_name(pin.name): str(pin.specifier).strip("=") for pin in pins}

    wanted = map(Requirement, wanted_in(environment))

    assert [
        str(each)
        for each in wanted
        if versions.get(canonicalize_name(each.name), "none") not in each.specifier
    ] == []


def wanted_in(environment: Orchestrator) -> list[str]:
    """What the project requires in an environment, as `pyproject.toml` has it."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    names = [environment.name, "postgres", *(["dg"] if environment is DAGSTER else [])]
    return [*project["dependencies"], *(each for name in names for each in extras[name])]


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
