"""A real Airflow on loopback: its command line, its services, and its API."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from tests.destinations.servers.process import free_port, running

from .environments import AIRFLOW, HERE, PROJECT
from .polling import until

DAG_FILE = PROJECT / "pipelines" / "airflow_dag.py"
DAG = "/api/v2/dags/chatislav"
DOWNSTREAM_DAG = "/api/v2/dags/downstream"
FINISHED = ("success", "failed")
# Of the bots in the variable, as tests have bots of their own. A task that waits its turn must not
# be due again before the scheduler has noted that it waits, or Airflow takes it for failed; on a
# busy machine that takes seconds.
QUICK = """
from datetime import timedelta
from chatislav_source.integrations.airflow import chatislav_dag

chatislav_dag(
    destination="postgres",
    retries=3,
    retry_delay=timedelta(seconds=1),
    turn=timedelta(seconds=5),
)
"""
DOWNSTREAM = """
from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, Asset

with DAG("downstream", schedule=[Asset.ref(name="chatislav_conversations")]):
    EmptyOperator(task_id="afterwards")
"""
SETTINGS = {
    "CORE__LOAD_EXAMPLES": "false",
    # another test may have stored a DAG of the same name just before
    "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
    "CORE__PARALLELISM": "4",
    "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "true",
    "API__WORKERS": "1",
    "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "600",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC": "2",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "2",
    "USAGE_DATA_COLLECTION__ENABLED": "false",
}


@dataclass
class Airflow:
    """An installation in `home`, with two Postgres databases: its own, and the warehouse."""

    home: Path
    metadata: str
    warehouse: str
    port: int = field(default_factory=free_port)
    jwt_secret: str = field(default_factory=lambda: secrets.token_hex(64))

    def prepare(self) -> None:
        """Put the DAG in its place and make the metadata database."""
        dags = self.home / "dags"
        dags.mkdir(parents=True)
        (dags / "chatislav.py").write_text(QUICK)
        (dags / "downstream.py").write_text(DOWNSTREAM)
        self.command("db", "migrate")

    @property
    def environment(self) -> dict[str, str]:
        """The variables that every part of Airflow is run with."""
        address = f"http://127.0.0.1:{self.port}"
        settings = SETTINGS | {
            "API_AUTH__JWT_SECRET": self.jwt_secret,
            "CORE__EXECUTION_API_SERVER_URL": f"{address}/execution/",
            "DATABASE__SQL_ALCHEMY_CONN": self.metadata,
        }
        secrets_toml = f'[destination.postgres]\ncredentials = "{self.warehouse}"\n'
        return AIRFLOW.variables_in(self.home) | {
            "AIRFLOW_HOME": str(self.home),
            "AIRFLOW_VAR_DLT_SECRETS_TOML": secrets_toml,
            **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        }

    def command(self, *arguments: str, **environment: str) -> str:
        """Run the command line to its end; returns its output."""
        return self._output([str(AIRFLOW.python.parent / "airflow"), *arguments], environment)

    def _output(self, command: list[str], environment: dict[str, str], given: str = "") -> str:
        done = subprocess.run(
            command,
            input=given,
            env=self.environment | environment,
            cwd=self.home,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
        return done.stderr + done.stdout

    def in_process(self, connection: dict[str, Any], **given: Any) -> Any:
        """The output of `in_airflow.py`, where the connection of the API is that one."""
        command = [str(AIRFLOW.python), "-P", str(HERE / "in_airflow.py")]
        environment = {"AIRFLOW_CONN_CHATISLAV_DEFAULT": json.dumps(connection)}
        return json.loads(self._output(command, environment, json.dumps(given)).splitlines()[-1])

    @contextmanager
    def services(self) -> Iterator[AirflowApi]:
        """An API server, a scheduler and a DAG processor, on loopback only."""
        with ExitStack() as stack:
            api = AirflowApi(stack.enter_context(httpx.Client(timeout=60)), self.port)
            for name, *arguments in (
                ("api-server", "--host", "127.0.0.1", "--port", str(self.port)),
                ("scheduler", "--skip-serve-logs"),  # it would serve them on every interface
                ("dag-processor",),
            ):
                stack.enter_context(self._service(name, arguments))
            until(api.is_healthy, "Airflow is healthy")
            api.log_in()
            until(api.knows_the_dags, "the DAGs are parsed")
            yield api

    def _service(self, name: str, arguments: list[str]) -> Any:
        return running(
            f"airflow {name}",
            [str(AIRFLOW.python.parent / "airflow"), name, *arguments],
            log=self.home / f"{name}.log",
            ready=lambda: True,
            environment=self.environment,
        )

    def said_anywhere(self, text: str) -> list[str]:
        """The log files that hold `text`."""
        files = [*self.home.glob("*.log"), *(self.home / "logs").rglob("*.log")]
        return [file.name for file in files if text in file.read_text(errors="replace")]


@dataclass
class AirflowApi:
    """Airflow's public API, as its users call it."""

    http: httpx.Client
    port: int

    def request(self, method: str, path: str, **given: Any) -> Any:
        """The JSON answer to a request that must succeed."""
        answer = self.http.request(method, f"http://127.0.0.1:{self.port}{path}", **given)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def is_healthy(self) -> bool:
        """Whether every service reports that it is healthy."""
        try:
            parts = self.request("GET", "/api/v2/monitor/health")
        except httpx.TransportError:
            return False
        names = ("metadatabase", "scheduler", "dag_processor")
        return all(parts[name]["status"] == "healthy" for name in names)

    def log_in(self) -> None:
        """Send a token from now on."""
        token = self.request("GET", "/auth/token")["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"

    def knows_the_dags(self) -> bool:
        """Whether both files were parsed; errors in them are raised."""
        errors = self.request("GET", "/api/v2/importErrors")["import_errors"]
        assert not errors, errors
        return len(self.request("GET", "/api/v2/dags")["dags"]) == 2

    def connect(self, base_url: str, key: str) -> None:
        """Store the connection of the API."""
        connection = {"conn_type": "chatislav", "host": base_url, "password": key}
        body = {"connection_id": "chatislav_default", **connection}
        self.request("POST", "/api/v2/connections", json=body)

    def load_bots(self, *bots: int) -> None:
        """Store the variable with the bots of the next runs."""
        name = "chatislav_bot_ids"
        known = self.request("GET", "/api/v2/variables")["variables"]
        body = {"key": name, "value": json.dumps(bots)}
        if any(variable["key"] == name for variable in known):
            self.request("PATCH", f"/api/v2/variables/{name}", json=body)
        else:
            self.request("POST", "/api/v2/variables", json=body)

    def unpause(self) -> str:
        """Let the schedules begin; the id of the run that is made."""
        for dag in (DOWNSTREAM_DAG, DAG):
            self.request("PATCH", dag, json={"is_paused": False})
        return str(until(lambda: self.runs("scheduled"), "the schedule makes a run")[0])

    def runs(self, run_type: str) -> list[str]:
        """The ids of the runs of a type."""
        found = self.request("GET", f"{DAG}/dagRuns", params={"run_type": run_type})["dag_runs"]
        return [run["dag_run_id"] for run in found]

    def runs_downstream(self) -> int:
        """How many runs the DAG has that is to run after the conversations."""
        return len(self.request("GET", f"{DOWNSTREAM_DAG}/dagRuns")["dag_runs"])

    def trigger(self, **conf: str) -> str:
        """Start an incremental run, or one with days in `conf`; returns its id."""
        body = {"logical_date": None, "conf": conf}
        return str(self.request("POST", f"{DAG}/dagRuns", json=body)["dag_run_id"])

    def backfill(self, day: date) -> None:
        """Start Airflow's own backfill of a day."""
        range_ = {"from_date": f"{day}T00:00:00Z", "to_date": f"{day}T00:00:00Z"}
        self.request("POST", "/api/v2/backfills", json={"dag_id": "chatislav", **range_})

    def wait_for(self, run: str) -> str:
        """Wait for the end of a run; returns its state."""
        path = f"{DAG}/dagRuns/{run}"

        def end() -> str | None:
            state = self.request("GET", path)["state"]
            return state if state in FINISHED else None

        return str(until(end, f"{run} ends"))

    def loads(self, run: str) -> dict[str, dict[str, Any]]:
        """The mapped tasks of a run, by what they load."""
        found = self.request("GET", f"{DAG}/dagRuns/{run}/taskInstances")["task_instances"]
        return {
            task["rendered_map_index"] or str(task["map_index"]): task
            for task in found
            if task["task_id"] == "load"
        }

    def summary(self, run: str, map_index: int = 0) -> dict[str, Any]:
        """What a mapped task pushed."""
        path = f"{DAG}/dagRuns/{run}/taskInstances/load/xcomEntries/return_value"
        found = self.request("GET", path, params={"map_index": map_index})["value"]
        return json.loads(found) if isinstance(found, str) else dict(found)

    def form(self) -> dict[str, Any]:
        """The form of the connection type, as the page of the connections reads it."""
        forms = self.request("GET", "/ui/connections/hook_meta")
        return dict(next(form for form in forms if form["connection_type"] == "chatislav"))

    def events(self, run: str) -> list[tuple[str, int]]:
        """The asset events of a run: the asset, and the bot whose rows are new."""
        params = {"source_run_id": run, "limit": 100}
        found = self.request("GET", "/api/v2/assets/events", params=params)["asset_events"]
        return sorted((event["name"], event["extra"]["bot_id"]) for event in found)
