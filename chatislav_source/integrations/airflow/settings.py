"""What a DAG was configured with, as its tasks need it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Settings:
    """The part of the arguments of `chatislav_dag` that is used when a task runs."""

    dag_id: str
    destination: str
    dataset: str
    conn_id: str
    secrets_variable: str
    pipelines_dir: str | None
    requests_per_task: int
    turn: timedelta
    verify: bool
