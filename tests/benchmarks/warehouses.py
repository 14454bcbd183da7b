"""A first load, a sync with nothing new and one of 1 % changes, into DuckDB and Postgres in turn.

The same, smaller, into the emulators of Snowflake and BigQuery, where they are installed. They are
DuckDB behind a protocol written in Python, so they say what the client costs, and nothing of the
services.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec

from tests.benchmarks.measure import BOTS, SYNC, Measured, Row, Served, middle, process, scratch
from tests.benchmarks.measure import served as served_conversations
from tests.destinations.servers.bigquery import HOST_VARIABLE, bigquery_emulator, service_account
from tests.destinations.servers.environments import EnvironmentNotBuiltError
from tests.destinations.servers.postgres import postgres_server
from tests.destinations.servers.snowflake import snowflake_emulator

RUNS = 3
CONVERSATIONS, OF_EMULATORS = 100_000, 10_000
CLIENTS = {"snowflake": "snowflake.connector", "bigquery": "google.cloud.bigquery"}
STEPS = ("first load", "nothing new", "1 % changed")

Environment = dict[str, str]
"""The variables by which a process finds a warehouse."""


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of warehouses."""
    with served_conversations(CONVERSATIONS) as api, postgres_server() as url:
        variables = {"duckdb": {}, "postgres": {"DESTINATION__POSTGRES__CREDENTIALS": url}}
        runs = [
            (name, _steps(name, api, variables[name], CONVERSATIONS))
            for _ in range(RUNS)
            for name in variables
        ]
    reference = [middle(each) for each in _by_step(runs, "duckdb")]
    for name in variables:
        measured = [middle(each) for each in _by_step(runs, name)]
        yield from _shown(name, CONVERSATIONS, measured, reference)
    with served_conversations(OF_EMULATORS) as api:
        reference = _steps("duckdb", api, {}, OF_EMULATORS)
        yield from _shown("duckdb", OF_EMULATORS, reference, reference)
        yield from _emulated(api, reference)


def _by_step(runs: list[tuple[str, list[Measured]]], name: str) -> Iterator[tuple[Measured, ...]]:
    """For each step, the runs of one warehouse."""
    return zip(*(steps for each, steps in runs if each == name), strict=True)


def _emulated(api: Served, reference: list[Measured]) -> Iterator[Row]:
    for name, client in CLIENTS.items():
        with ExitStack() as stack:
            try:
                variables = _emulator(name, stack) if _is_installed(client) else None
            except EnvironmentNotBuiltError:
                variables = None
            if variables is None:
                yield Row(f"{name} emulator", "not installed")
                continue
            steps = _steps(name, api, variables, OF_EMULATORS)
            yield from _shown(f"{name} emulator", OF_EMULATORS, steps, reference)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _emulator(name: str, stack: ExitStack) -> Environment:
    """Start an emulator that lives as long as `stack`.

    Raises:
        EnvironmentNotBuiltError: it is not installed.
    """
    if name == "snowflake":
        credentials = stack.enter_context(snowflake_emulator())
        return {"DESTINATION__SNOWFLAKE__CREDENTIALS": credentials}
    address = stack.enter_context(bigquery_emulator())
    account = stack.enter_context(service_account())
    return {
        HOST_VARIABLE: address,
        "DESTINATION__BIGQUERY__CREDENTIALS": json.dumps(account),
        "DESTINATION__BIGQUERY__LOCATION": "US",
    }


def _steps(name: str, api: Served, variables: Environment, conversations: int) -> list[Measured]:
    """The three syncs into a new dataset."""
    dataset = f"bench_{uuid.uuid4().hex[:12]}"
    command = [*SYNC, "--bot-id", str(BOTS[0]), "--destination", name, "--dataset", dataset]
    measured = []
    with scratch() as folder:
        for step in STEPS:
            if step == STEPS[-1]:
                api.mutate("new_message", conversations // 100)
            measured.append(process(command, api.environment | variables, folder))
    return measured


def _shown(
    name: str, conversations: int, measured: list[Measured], reference: list[Measured]
) -> Iterator[Row]:
    """A row per step; the ratio is that of wall time to DuckDB's."""
    for step, run, other in zip(STEPS, measured, reference, strict=True):
        yield Row(
            f"{step}, {conversations:,} × 8 into {name}",
            f"{run.seconds:.2f} s, {run.cpu_seconds:.2f} s CPU, {run.megabytes:.0f} MB",
            f"{run.seconds / other.seconds:.2f}",
        )
