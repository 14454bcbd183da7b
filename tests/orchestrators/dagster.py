"""A real Dagster on loopback: its command line, `dagster dev`, and its API."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from chatislav_source.sandbox import SANDBOX_KEY
from tests.destinations.servers.process import free_port, running

from .documented import commands
from .environments import DAGSTER, HERE, PROJECT
from .polling import until

PIPELINES = PROJECT / "pipelines"
# what users write into the file; and as the tests have it, to be fast
WRITTEN = 'bot_ids=[123, 456], destination="postgres", schedule="0 * * * *"'
QUICK = (
    'bot_ids={bots}, destination="duckdb", schedule="* * * * *", running=True, '
    "first_retry_seconds=1"
)
COMPONENT = "chatislav_source.integrations.dagster.ChatislavComponent"
REPOSITORY = {
    "repositoryLocationName": "dagster_definitions.py",
    "repositoryName": "__repository__",
}


@dataclass
class Dagster:
    """An installation in `home`, whose runs load `bots` of an API into a DuckDB file."""

    home: Path
    base_url: str
    bots: tuple[int, ...]

    @property
    def database(self) -> Path:
        """The file that runs load into."""
        return self.home / "warehouse.duckdb"

    @property
    def definitions(self) -> Path:
        """The definitions, as a user would have copied and changed them."""
        return self.home / "dagster_definitions.py"

    def prepare(self) -> None:
        """Put the definitions and the instance's settings in their place."""
        text = (PIPELINES / "dagster_definitions.py").read_text()
        assert WRITTEN in text
        text = text.replace(WRITTEN, QUICK.format(bots=list(self.bots)))
        self.definitions.write_text(text)
        (self.home / "dagster.yaml").write_text((PIPELINES / "dagster.yaml").read_text())

    @property
    def environment(self) -> dict[str, str]:
        """The variables that every part of Dagster is run with."""
        variables = DAGSTER.variables_in(self.home)
        return variables | {
            "PYTHONPATH": f"{self.home}:{self.home}/warehouse/src:{variables['PYTHONPATH']}",
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DAGSTER_DG_UPDATE_CHECK_ENABLED": "0",
            "SOURCES__CHATISLAV__BASE_URL": self.base_url,
            "SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY,
            "DESTINATION__DUCKDB__CREDENTIALS": str(self.database),
        }

    def run(self, *command: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
        """A command of the environment, run to its end in `folder`, by default the home."""
        program, *arguments = command
        return subprocess.run(
            [str(DAGSTER.python.parent / program), *arguments],
            env=self.environment,
            cwd=folder or self.home,
            capture_output=True,
            text=True,
            check=False,
        )

    def started(self, *arguments: object) -> subprocess.Popen[bytes]:
        """A process of `in_dagster.py` that runs."""
        command = [str(DAGSTER.python), "-P", str(HERE / "in_dagster.py"), *map(str, arguments)]
        with (self.home / "started.log").open("wb") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=self.home, stdout=log, stderr=log
            )

    def in_process(self, *arguments: object) -> Any:
        """The output of `in_dagster.py`."""
        done = self.run("python", "-P", str(HERE / "in_dagster.py"), *map(str, arguments))
        assert done.returncode == 0, done.stderr[-5000:]
        return json.loads(done.stdout)

    def project(self) -> Path:
        """Make an empty project of `dg` by the documented command; returns its folder."""
        (command,) = commands("Dagster", "create-dagster")
        checkout = self.home / "checkout"
        checkout.mkdir()
        done = self.run("create-dagster", *command, folder=checkout)
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return self.home / "warehouse"

    @contextmanager
    def services(self) -> Iterator[DagsterApi]:
        """The web server, the daemon and the code server of `dagster dev`, on loopback only."""
        port = free_port()
        command = [str(DAGSTER.python.parent / "dagster"), "dev", "-f", str(self.definitions)]
        with httpx.Client(timeout=60) as client:
            api = DagsterApi(client, port)
            with running(
                "dagster dev",
                [*command, "-h", "127.0.0.1", "-p", str(port)],
                log=self.home / "dev.log",
                ready=api.answers,
                environment=self.environment,
            ):
                yield api


@dataclass
class DagsterApi:
    """Dagster's GraphQL API."""

    http: httpx.Client
    port: int

    def query(self, text: str, **variables: Any) -> Any:
        """The data of a query's response."""
        body = {"query": text, "variables": variables}
        answer = self.http.post(f"http://127.0.0.1:{self.port}/graphql", json=body).json()
        assert not answer.get("errors"), answer["errors"]
        return answer["data"]

    def answers(self) -> bool:
        """Whether the server responds to queries."""
        try:
            return bool(self.query("{ version }"))
        except httpx.TransportError:
            return False

    def stop_schedule(self, name: str) -> None:
        """Stop a schedule, which must run."""
        find = """query ($selector: ScheduleSelector!) {
            scheduleOrError(scheduleSelector: $selector) {
                ... on Schedule { scheduleState { id status } } ... on Error { message } } }"""
        stop = """mutation ($id: String!) {
            stopRunningSchedule(id: $id) { ... on Error { message } } }"""
        found = self.query(find, selector=REPOSITORY | {"scheduleName": name})
        state = found["scheduleOrError"]["scheduleState"]
        assert state["status"] == "RUNNING"
        stopped = self.query(stop, id=state["id"])
        assert not stopped["stopRunningSchedule"], stopped

    def backfill(self, partitions: list[str]) -> str:
        """Start a backfill of the three assets; its id."""
        tables = ("conversations", "conversations__messages", "analytics")
        mutation = """mutation ($params: LaunchBackfillParams!) {
            launchPartitionBackfill(backfillParams: $params) {
                ... on LaunchBackfillSuccess { backfillId } ... on Error { message } } }"""
        keys = [{"path": ["chatislav", table]} for table in tables]
        params = {"assetSelection": keys, "partitionNames": partitions}
        return str(self.query(mutation, params=params)["launchPartitionBackfill"]["backfillId"])

    def runs(self) -> list[dict[str, Any]]:
        """All runs, with their tags as a dict."""
        text = "{ runsOrError { ... on Runs { results { runId status tags { key value } } } } }"
        found = self.query(text)["runsOrError"]["results"]
        return [run | {"tags": {tag["key"]: tag["value"] for tag in run["tags"]}} for run in found]

    def runs_of(self, tag: str, value: str) -> list[dict[str, Any]]:
        """The runs with a tag."""
        return [run for run in self.runs() if run["tags"].get(tag) == value]

    def wait_for_all(self) -> None:
        """Wait until every run has ended."""
        over = ("SUCCESS", "FAILURE", "CANCELED")
        until(lambda: all(run["status"] in over for run in self.runs()), "all runs end")
