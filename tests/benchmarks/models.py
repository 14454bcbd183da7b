"""The models and the report: what a month costs in each view, and what a report takes.

Seconds are the least of some runs, as other work on the machine only adds to them; the CPU seconds
beside them, divided by the number of cores, hardly depend on other work.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dlt
import duckdb

from chatislav_source.report.facts import ask_all
from chatislav_source.views.reading import reading
from tests.benchmarks.measure import BOTS, CHATISLAV, SYNC, Row, middle, process, scratch, served

LARGE, USUAL = 1_000_000, 100_000
CORES = 2
RUNS = 3
QUESTIONS = {
    "conversations": "SELECT channel, count(*), sum(is_resolved), sum(is_contained),"
    " avg(first_response_seconds), sum(is_recontacted_7d) FROM {} WHERE day {} GROUP BY channel",
    "messages": "SELECT channel, role, count(*), avg(characters), avg(seconds_since_previous)"
    " FROM {} WHERE day {} GROUP BY channel, role",
    "turns": "SELECT channel, count(*), sum(is_answered), avg(answer_seconds) FROM {}"
    " WHERE day {} GROUP BY channel",
    "contacts": "SELECT last_channel, count(*), sum(conversations), avg(active_days) FROM {}"
    " WHERE last_day {} GROUP BY last_channel",
    "contact_days": "SELECT channel, count(DISTINCT bot_contact_key), sum(is_first_day) FROM {}"
    " WHERE day {} GROUP BY channel",
    "retention": "SELECT weeks_later, sum(contacts) FROM {} WHERE cohort_week {}"
    " GROUP BY weeks_later",
    "daily": "SELECT channel, sum(conversations), sum(resolved_conversations),"
    " sum(contained_conversations) FROM {} WHERE day {} GROUP BY channel",
    "daily, every column": "SELECT count(COLUMNS(*)) FROM {} WHERE day {}",
    "hours": "SELECT weekday, hour, sum(conversations) FROM {} WHERE day {} GROUP BY weekday, hour",
    "words": "SELECT word, sum(conversations) AS conversations FROM {} WHERE week {}"
    " GROUP BY word ORDER BY conversations DESC LIMIT 50",
    "credits": "SELECT timezone, sum(credits), sum(conversations) FROM {} WHERE day {}"
    " GROUP BY timezone",
    "analytics": "SELECT channel, sum(conversations), sum(resolutions) FROM {} WHERE day {}"
    " GROUP BY channel",
    "freshness": "SELECT bot_id, last_day, conversations FROM {}",
}
"""By model, its question on a month; {} are the view and the month."""

STORED = ("daily", "words")  # the two that take longest, as dbt would store them


def rows() -> Iterator[Row]:
    """What the table of docs/benchmarks.md shows of models and reports."""
    with scratch() as folder:
        file = _loaded(LARGE, folder)
        yield from _questions(file)
        yield _report_queries(file)
        yield _report(LARGE, folder, runs=1)
    with scratch() as folder:
        _loaded(USUAL, folder)
        yield _report(USUAL, folder, runs=RUNS)


def _loaded(conversations: int, folder: str) -> Path:
    """The DuckDB file of a first sync, with the views."""
    with served(conversations, days=89) as api:
        process([*SYNC, "--models", "--bot-id", str(BOTS[0])], api.environment, folder)
    return Path(folder, "warehouse.duckdb")


def _questions(file: Path) -> Iterator[Row]:
    last = datetime.now(UTC).date().replace(day=1) - timedelta(days=1)
    month = f"BETWEEN DATE '{last.replace(day=1)}' AND DATE '{last}'"
    with duckdb.connect(str(file), read_only=True) as connection:
        connection.execute(f"SET threads = {CORES}; SET timezone = 'UTC'; USE chatislav_models")
        connection.execute("SET enable_progress_bar = false")
        for name, question in QUESTIONS.items():
            query = question.format(f"chatislav__{name.partition(',')[0]}", month)
            yield _timed(f"a month of {LARGE:,} × 8: {name}", _asking(connection, query))
        for name in STORED:
            table = f"CREATE OR REPLACE TEMP TABLE stored AS FROM chatislav__{name}"
            yield _timed(f"{name} of {LARGE:,} × 8: made as a table", _asking(connection, table), 1)
            query = QUESTIONS[name].format("stored", month)
            yield _timed(f"a month of {LARGE:,} × 8: {name}, a table", _asking(connection, query))


def _asking(connection: duckdb.DuckDBPyConnection, query: str) -> Callable[[], Any]:
    return lambda: connection.execute(query).fetchall()


def _report_queries(file: Path) -> Row:
    pipeline = dlt.pipeline(
        "report_benchmark",
        destination=dlt.destinations.duckdb(str(file)),
        dataset_name="chatislav",
        pipelines_dir=str(file.parent / "of_report"),
    )
    today = datetime.now(UTC).date()
    with reading(pipeline, "UTC") as ask:
        what = f"queries of a report, {LARGE:,} × 8"
        return _timed(what, lambda: ask_all(ask, "UTC", 90, today))


def _report(conversations: int, folder: str, runs: int) -> Row:
    """Of the whole process."""
    command = [CHATISLAV, "report", "--pipelines-dir", "pipelines", "--out", "report.html"]
    run = middle([process(command, {}, folder) for _ in range(runs)])
    return Row(
        f"`chatislav report`, {conversations:,} × 8",
        f"{run.shown()}, {run.cpu_seconds / CORES:.2f} s of CPU by core",
    )


def _timed(what: str, call: Callable[[], Any], runs: int = RUNS) -> Row:
    seconds, cpu = [], []
    for _ in range(runs):
        began, cpu_began = time.perf_counter(), _cpu_seconds()
        call()
        seconds.append(time.perf_counter() - began)
        cpu.append((_cpu_seconds() - cpu_began) / CORES)
    load = os.getloadavg()[0]
    return Row(what, f"{min(seconds):.2f} s, {min(cpu):.2f} s of CPU by core", f"load {load:.0f}")


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
