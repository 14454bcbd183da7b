"""The container and the CronJob: what they say, and what the steps of the Dockerfile make."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import dockerfile
import kubernetes_validate
import pytest
import yaml

from chatislav_source import __version__
from chatislav_source.cli.commands import cli
from chatislav_source.cli.exit_status import BUSY, COMPLETE, INCOMPLETE, STOPPED, UNUSABLE
from chatislav_source.cli.terminal.stopping import GRACE_SECONDS
from chatislav_source.config import Arguments
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

ROOT = Path(__file__).parents[2]
FILE = ROOT / "Dockerfile"
CRON_JOB = ROOT / "deploy/cronjob.yaml"
KUBERNETES = "1.34"
TOOLS = Path(sys.executable).parent
IN_IMAGE = re.compile(r"(?<![\w.])/(?=(?:opt|data)\b)")


def stages() -> list[list[Any]]:
    """The instructions of each stage of the Dockerfile, each after its FROM."""
    found: list[list[Any]] = []
    for command in dockerfile.parse_file(str(FILE)):
        if command.cmd == "FROM":
            found.append([])
        elif found:
            found[-1].append(command)
    return found


def variables(stage: list[Any]) -> dict[str, str]:
    """What ENV sets in a stage."""
    pairs = [command.value for command in stage if command.cmd == "ENV"]
    return {
        name: value for each in pairs for name, value in zip(each[::2], each[1::2], strict=True)
    }


def value_of(stage: list[Any], name: str) -> tuple[str, ...]:
    """The value of the only instruction of this name."""
    (value,) = [command.value for command in stage if command.cmd == name]
    return tuple(value)


def test_the_last_stage_runs_nothing_and_is_not_of_root() -> None:
    build, last = stages()

    assert [command.cmd for command in last].count("RUN") == 0  # so no build tool gets into it
    assert all(command.flags[0] == "--from=build" for command in last if command.cmd == "COPY")
    user, group = value_of(last, "USER")[0].split(":")
    assert int(user) == int(group) > 0
    assert f"--chown={user}:{group}" in {flag for command in last for flag in command.flags}
    assert build


def test_the_base_image_is_pinned_to_the_python_that_all_tests_run_on() -> None:
    first = dockerfile.parse_file(str(FILE))[0].value[0]

    assert re.fullmatch(r"PYTHON_IMAGE=python:3\.11\.\d+-slim-\w+", first)


def test_a_linter_of_dockerfiles_has_nothing_to_say() -> None:
    ended = subprocess.run([TOOLS / "hadolint", FILE], capture_output=True, text=True, check=False)

    assert (ended.returncode, ended.stdout) == (0, "")


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    copied = {
        name.removeprefix("./")
        for command in stages()[0]
        if command.cmd == "COPY"
        for name in command.value[:-1]
    }

    assert rules[1] == "*"  # nothing else, such as a file with keys
    assert {rule[1:] for rule in rules if rule.startswith("!")} == copied


def cron_job() -> dict[str, Any]:
    """The CronJob's manifest."""
    manifest: dict[str, Any] = yaml.safe_load(CRON_JOB.read_text("utf-8"))
    return manifest


def test_kubernetes_accepts_every_field_of_the_cron_job() -> None:
    kubernetes_validate.validate(cron_job(), KUBERNETES, strict=True)


def test_the_cron_job_handles_each_exit_status_as_it_is_meant() -> None:
    job = cron_job()["spec"]["jobTemplate"]["spec"]
    rules = job["podFailurePolicy"]["rules"]
    (container,) = job["template"]["spec"]["containers"]

    by_status = {
        status: rule["action"]
        for rule in rules
        if "onExitCodes" in rule
        for status in rule["onExitCodes"]["values"]
    }

    assert by_status == {UNUSABLE: "FailJob", BUSY: "Ignore"}  # others are tried again
    assert rules[0]["onPodConditions"] == [{"type": "DisruptionTarget", "status": "True"}]
    assert all(
        rule["onExitCodes"]["containerName"] == container["name"]
        for rule in rules
        if "onExitCodes" in rule
    )
    assert job["template"]["spec"]["restartPolicy"] == "Never"  # the policy needs it
    assert job["template"]["spec"]["terminationGracePeriodSeconds"] > GRACE_SECONDS
    assert job["backoffLimit"] > 0
    assert cron_job()["spec"]["concurrencyPolicy"] == "Forbid"


def test_the_page_on_containers_lists_every_exit_status_of_a_run() -> None:
    page = (ROOT / "docs/containers.md").read_text("utf-8")

    listed = re.findall(r"^\| .* \| (\d+) \|", page, re.MULTILINE)

    assert set(map(int, listed)) == {COMPLETE, INCOMPLETE, UNUSABLE, BUSY, STOPPED}
    assert f"Kubernetes {KUBERNETES}'s schema" in " ".join(page.split())


def test_the_cron_job_runs_the_container_with_the_least_rights() -> None:
    pod = cron_job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    last = stages()[1]
    user = int(value_of(last, "USER")[0].partition(":")[0])
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}

    rights = container["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    assert not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["runAsUser"] == pod["securityContext"]["fsGroup"] == user
    assert not pod["automountServiceAccountToken"]
    assert set(mounts.values()) == {value_of(last, "WORKDIR")[0], "/tmp"}  # noqa: S108
    assert {volume["name"] for volume in pod["volumes"] if volume["emptyDir"]} == set(mounts)
    assert container["resources"].keys() == {"requests", "limits"}
    assert variables(last)["DLT_DATA_DIR"].startswith(mounts["work"])


def test_the_cron_job_names_what_exists() -> None:
    (container,) = cron_job()["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    name, *rest = container["args"]
    command = cli.commands[name]

    assert isinstance(command, click.Command)
    assert command.make_context(name, [*rest]).params["destination"] == "postgres"
    assert container["image"].endswith(f"/chatislav:{__version__}")
    named = {variable["name"] for variable in container["env"]}
    assert named <= {f"SOURCES__CHATISLAV__{each.upper()}" for each in Arguments.__annotations__}
    assert container["envFrom"] == [{"secretRef": {"name": "chatislav"}}]


class Image:
    """The files of an image in a folder, made by the steps of a stage."""

    def __init__(self, folder: Path, arguments: dict[str, str]) -> None:
        self.folder = folder
        self.variables = arguments
        self.work = folder

    def inside(self, text: str) -> str:
        """The text with each absolute path of the image as a path of the folder."""
        return IN_IMAGE.sub(f"{self.folder}/", text)

    def apply(self, command: Any) -> None:
        """Do what an instruction of the build stage does."""
        if command.cmd == "WORKDIR":
            self.work = self.folder / command.value[0].lstrip("/")
            self.work.mkdir(parents=True)
        elif command.cmd == "COPY":
            for name in command.value[:-1]:
                copy(ROOT / name, self.work / name)
        elif command.cmd == "RUN":
            self.run("sh", "-c", self.inside(command.value[0]), cwd=self.work, PATH=PATH)

    def run(self, *command: str | Path, cwd: Path, status: int = 0, **more: str) -> str:
        """Run a command with nothing of this process's environment."""
        given = {**TRUST, **self.variables, **more}
        ended = subprocess.run(
            command, cwd=cwd, env=given, capture_output=True, text=True, check=False
        )
        assert ended.returncode == status, ended.stderr
        return ended.stdout

    def files(self) -> set[Path]:
        """Every file, without the folder that may be written to."""
        return {path for path in self.folder.rglob("*") if self.folder / "data" not in path.parents}


PATH = f"{TOOLS}:{os.environ['PATH']}"  # the image has a Python with pip, as TOOLS has
TRUST = {
    name: os.environ[name]
    for name in ("HOME", "SSL_CERT_FILE", "SSL_CERT_DIR", "PIP_CERT")  # for the package index
    if name in os.environ
}


def copy(source: Path, target: Path) -> None:
    """Copy a file or a folder, without what Python leaves behind."""
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


@pytest.fixture
def image(tmp_path: Path) -> Image:
    """What the build stage leaves in a folder, with the variables of the last stage."""
    build, last = stages()
    arguments = dict(value_of([each], "ARG")[0].split("=") for each in build if each.cmd == "ARG")
    made = Image(tmp_path / "image", arguments | variables(build))
    for command in build:
        made.apply(command)
    made.variables = {name: made.inside(value) for name, value in variables(last).items()}
    made.variables["PATH"] = made.variables["PATH"].replace("$PATH", "/usr/bin:/bin")
    return made


@pytest.mark.slow  # it installs everything anew
def test_the_steps_of_the_dockerfile_make_a_command_that_writes_only_to_its_folder(
    image: Image, api: Sandbox
) -> None:
    last = stages()[1]
    entry, work = value_of(last, "ENTRYPOINT")[0], image.folder / "data"
    before = image.files()
    key = {"SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY, "SOURCES__CHATISLAV__BASE_URL": api.base_url}
    command = [f"{image.folder}/opt/chatislav/bin/{entry}", *value_of(last, "CMD"), "--json"]

    without_key = image.run(*command, "--bot-id", "101", cwd=work, status=UNUSABLE)
    report = image.run(*command, "--bot-id", "101", cwd=work, **key)
    check = ["check", "--bot-id", "101", "--destination", "postgres", "--json"]
    no_server = image.run(command[0], *check, cwd=work, status=UNUSABLE, **key)

    assert "There is no API key" in without_key
    assert yaml.safe_load(report)["complete"]
    assert "missing: database" in no_server  # so Postgres' client is installed
    assert image.files() == before
    assert (work / "dlt").is_dir()
    # Python finds compiled code: it cannot write it
    assert any(path.suffix == ".pyc" and "chatislav_source" in path.parts for path in before)
