"""The dlt resources, and the scope of a run: one load package, or the whole run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

import dlt
from dlt.common.pipeline import current_pipeline
from dlt.extract import DltResource, DltSource

from chatislav_source.config import SyncConfig
from chatislav_source.destinations.concurrency import bot_locks
from chatislav_source.destinations.ddl import install_load_hook
from chatislav_source.destinations.duckdb import DispositionChooser
from chatislav_source.destinations.staging import private_staging
from chatislav_source.destinations.writers import open_writer
from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.runner.redaction import install_log_filters
from chatislav_source.runner.run import Run


class RunScope(Protocol):
    """Opens the run whose rows a load package has.

    Without `dispositions` every package is merged, so that dlt can repeat it.
    """

    @property
    def dispositions(self) -> DispositionChooser | None: ...

    def open(self, resource: str) -> AbstractContextManager[tuple[Run, LoadLimit | None]]:
        """The run and the limit of the package; None means no limit."""
        ...


class WholeRunScope:
    """One run for each resource of a plain dlt pipeline run, which is complete or fails."""

    dispositions = None  # dlt repeats an interrupted package

    def __init__(self, config: SyncConfig) -> None:
        self._config = config

    @contextmanager
    def open(self, resource: str) -> Iterator[tuple[Run, LoadLimit | None]]:
        """A run that ends with the resource.

        Raises:
            PipelineLockedError: another run loads one of the bots; nothing was requested.
            ChatislavError: a request failed; dlt then loads nothing.
        """
        bot_locks.take_in_run(current_pipeline(), self._config.bot_ids)
        with Run(self._config) as run:
            yield run, None
            fatal = run.finish()
            if fatal:
                raise fatal
            for partition in run.tables[resource].partitions:
                if partition.error:
                    raise partition.error


class PackageScope:
    """One load package with the next rows of a run, up to a limit."""

    def __init__(self, run: Run, limit: LoadLimit, dispositions: DispositionChooser) -> None:
        self.dispositions = dispositions  # `load_package` never repeats such packages
        self._run = run
        self._limit = limit

    @contextmanager
    def open(self, resource: str) -> Iterator[tuple[Run, LoadLimit | None]]:
        """The run, with both streams started."""
        del resource
        for name in (CONVERSATIONS.name, ANALYTICS.name):
            self._run.start(name, dlt.current.resource_state(name))
        yield self._run, self._limit


def package_source(run: Run, limit: LoadLimit, dispositions: DispositionChooser) -> DltSource:
    """A dlt source whose load package has the next rows of `run`."""

    @dlt.source(name="chatislav", section="chatislav", max_table_nesting=0)
    def chatislav() -> object:
        return resources(PackageScope(run, limit, dispositions))

    return chatislav()


def resources(scope: RunScope) -> Sequence[DltResource]:
    """The resources `conversations` and `analytics`, with rows of the run that `scope` opens."""
    install_log_filters()
    install_load_hook()
    staging = private_staging()

    def rows_of(name: str) -> Iterator[Any]:
        staging.claim(current_pipeline())
        with scope.open(name) as (run, limit), open_writer(scope.dispositions) as writer:
            for table, rows in run.package(name, dlt.current.resource_state(), limit):
                yield from writer.write(table, rows)
            yield from writer.flush()
        bot_locks.check(current_pipeline())  # an error of the extract step; the load's are hidden

    @dlt.resource(name=CONVERSATIONS.name)
    def conversations() -> Iterator[Any]:
        """Conversations, each once in its newest version, and their messages as a child table."""
        yield from rows_of(CONVERSATIONS.name)

    @dlt.resource(name=ANALYTICS.name)
    def analytics() -> Iterator[Any]:
        """Totals by bot, day and channel."""
        yield from rows_of(ANALYTICS.name)

    return conversations, analytics
