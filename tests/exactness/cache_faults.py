"""What may happen to the local folder, the warehouse or the clock between two runs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from unittest.mock import patch

import dlt
import duckdb

from chatislav_source.destinations.target import PipelineConfig
from tests.exactness.truth import DATASET, Bench, days_ago

LOOKBACK_DAYS = 2

FILES = {
    "state": "state.json",
    "schema": "schemas/chatislav.schema.json",
    "version of load": "load/.version",
    "version of normalize": "normalize/.version",
    "trace": "trace.pickle",
}
TABLES = ("conversations", "conversations__messages", "analytics")
DLT_TABLES = ("_dlt_loads", "_dlt_version", "_dlt_pipeline_state")


class CachedBench(Bench):
    """A bench whose pipeline is made by the command line, with a short lookback."""

    def pipeline(self) -> dlt.Pipeline:
        """The pipeline, as a new process of the command line makes it."""
        config = PipelineConfig(
            "duckdb", self.database, DATASET, self.name, str(self.folder / "pipelines")
        )
        return config.pipeline()

    def arguments(self, **given: object) -> dict[str, object]:
        """The arguments of a sync with a short lookback."""
        return dict(super().arguments(**{"lookback_days": LOOKBACK_DAYS} | given))

    @property
    def local(self) -> Path:
        """The pipeline's folder."""
        return self.folder / "pipelines" / self.name


def empty(file: Path) -> None:
    """Leave the file without content, as a power cut does."""
    file.write_bytes(b"")


def cut(file: Path) -> None:
    """Leave the first half of the file."""
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def fill_with_garbage(file: Path) -> None:
    """Replace the content by bytes that are no text."""
    file.write_bytes(b"\x00\xff{[")


def fill_with_other_json(file: Path) -> None:
    """Replace the content by JSON of another shape."""
    file.write_text('{"_state_engine_version": 99, "engine_version": 99}')


def fill_with_zeros(file: Path) -> None:
    """Keep the length of the file, with no other byte than NUL, as some file systems do."""
    file.write_bytes(bytes(file.stat().st_size))


DAMAGES: dict[str, Callable[[Path], None]] = {
    "is empty": empty,
    "is cut": cut,
    "is garbage": fill_with_garbage,
    "is zeros": fill_with_zeros,
    "is of another version": fill_with_other_json,
    "is deleted": Path.unlink,
}


def damage(bench: CachedBench, file: str, how: str) -> None:
    """Damage one file of the pipeline's folder, if it is there."""
    path = bench.local / FILES[file]
    if path.exists():
        DAMAGES[how](path)


def damage_every_file(bench: CachedBench, under: str, how: str) -> None:
    """Damage all files under a part of the pipeline's folder."""
    for path in [path for path in (bench.local / under).rglob("*") if path.is_file()]:
        DAMAGES[how](path)


def copy_all(source: Path, target: Path) -> None:
    """Make `target` a copy of the folder `source`; it is absent if that is."""
    shutil.rmtree(target, ignore_errors=True)
    if source.exists():
        shutil.copytree(source, target)


def swap(one: Path, other: Path) -> None:
    """Exchange two files or folders, each of which may be absent."""
    aside = one.with_name("aside")
    for source, target in ((one, aside), (other, one), (aside, other)):
        if source.exists():
            source.rename(target)


def back_up(bench: Bench, name: str) -> None:
    """Copy the warehouse."""
    if bench.database.exists():
        shutil.copy(bench.database, bench.folder / f"{name}.backup")


def restore(bench: Bench, name: str) -> None:
    """Put the warehouse back from a backup; without one there was no warehouse."""
    backup = bench.folder / f"{name}.backup"
    bench.database.unlink(missing_ok=True)
    if backup.exists():
        shutil.copy(backup, bench.database)


def execute(bench: Bench, statement: str) -> None:
    """Run a statement in the warehouse by hand."""
    with duckdb.connect(str(bench.database)) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"USE {DATASET}")
        connection.execute(statement)


def drop_table(bench: Bench, table: str) -> None:
    """Drop a table."""
    execute(bench, f"DROP TABLE IF EXISTS {table}")


def delete_rows(bench: Bench, table: str, inside: bool, share: int = 3) -> None:
    """Delete one row of `share` that are inside the lookback, or before it."""
    column = "date" if table == "analytics" else "created_at"
    where = f"{column} {'>=' if inside else '<'} DATE '{days_ago(LOOKBACK_DAYS)}'"
    key = "date" if table == "analytics" else "session_id"
    execute(bench, f"DELETE FROM {table} WHERE {where} AND hash({key}) % {share} = 0")


def empty_table(bench: Bench, table: str) -> None:
    """Delete all rows of a table."""
    execute(bench, f"DELETE FROM {table}")


@contextmanager
def clock_set_back(by: timedelta) -> Iterator[None]:
    """The clock of syncs and of dlt's load ids is late; a negative duration sets it forward."""

    class LateClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) - by

    from dlt.common.storages import load_package
    from dlt.extract import storage

    original = load_package.create_load_id
    with (
        patch("chatislav_source.configured.datetime", LateClock),
        patch("chatislav_source.runner.job.datetime", LateClock),
        patch.object(
            storage, "create_load_id", lambda: f"{float(original()) - by.total_seconds()}"
        ),
    ):
        yield
