"""The dlt resources, and the scope of a run: one load package, or the whole run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from copy import deepcopy
from typing import Any, Protocol, cast

import dlt
import pyarrow as pa
import pyarrow.compute as pc
from dlt.common.pipeline import current_pipeline
from dlt.extract import DltResource, DltSource

from chatislav_source.config import SyncConfig
from chatislav_source.destinations.concurrency import bot_locks
from chatislav_source.destinations.ddl import install_load_hook
from chatislav_source.destinations.defaults import own_defaults
from chatislav_source.destinations.dlt_internals import LastStep
from chatislav_source.destinations.duckdb import DispositionChooser
from chatislav_source.destinations.last_run import (
    announce_move,
    note_run,
    refuse_overlooked_path,
)
from chatislav_source.destinations.pipe.writers import Outlet
from chatislav_source.extract.load_limit import LoadLimit
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS, DELETED, MESSAGES, Table
from chatislav_source.runner.checkpoint import first_days
from chatislav_source.runner.erasure.pending import install_pending_hook
from chatislav_source.runner.erasure.retention import (
    HOOK,
    install_retention_hook,
    require_retention,
)
from chatislav_source.runner.history.follow import require_history
from chatislav_source.runner.history.plain_runs import keep_history
from chatislav_source.runner.redaction import install_log_filters, open_file
from chatislav_source.runner.run import OpenPackage, Run

Customize = Callable[[DltSource], object]
"""Called with the source of every load, to add steps and hints to its resources."""

STREAMS = (CONVERSATIONS.name, ANALYTICS.name)


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
        self._is_accepted = False

    @contextmanager
    def open(self, resource: str) -> Iterator[tuple[Run, LoadLimit | None]]:
        """A run that ends with the resource; the first one begins with a check of the key.

        Raises:
            ConfigurationError: as `refuse_overlooked_path`, `require_history` and
                `require_retention`; nothing was requested.
            AuthenticationError: the API accepts no key; not even a lock was made.
            PipelineLockedError: another run loads one of the bots; no row was requested.
            ChatislavError: a request failed; dlt then loads nothing.
        """
        pipeline = current_pipeline()
        if pipeline is not None:
            refuse_overlooked_path(pipeline)
            if self._config.history:
                require_history(cast(dlt.Pipeline, pipeline))
                keep_history(pipeline, resource, self._config.bot_ids)
        require_retention(pipeline, self._config)
        with Run(self._config) as run:
            if bot_locks.are_written(pipeline):
                self._check_key(run, resource)
            bot_locks.take_in_run(pipeline, self._config.bot_ids)
            self._check_key(run, resource)
            if pipeline is not None:
                note_run(cast(dlt.Pipeline, pipeline))
            run.first_days = first_days(dlt.current.source_state())
            yield run, None
            fatal = run.finish()
            if fatal:
                raise fatal
            for partition in run.tables[resource].partitions:
                if partition.error:
                    raise partition.error
            if resource == CONVERSATIONS.name:
                HOOK.note(pipeline, self._config, run.left_out)

    def _check_key(self, run: Run, resource: str) -> None:
        """Send the first request of all resources."""
        if not self._is_accepted:
            run.check_key([resource])
        self._is_accepted = True


class PackageScope:
    """One load package with the next rows of a run, up to a limit; starts the run's `streams`."""

    def __init__(
        self, run: Run, limit: LoadLimit, dispositions: DispositionChooser, streams: Sequence[str]
    ) -> None:
        self.dispositions = dispositions  # `load_package` never repeats such packages
        self.streams = streams
        self._run = run
        self._limit = limit
        self._ended: set[str] = set()

    @contextmanager
    def open(self, resource: str) -> Iterator[tuple[Run, LoadLimit | None]]:
        """The run, with all its streams started; a resource that is cut takes no more pages."""
        self._start()
        try:
            yield self._run, self._limit
        except GeneratorExit:  # by `add_limit`
            self._run.cut(resource)
            raise
        self._ended.add(resource)
        if self._ended.issuperset(self.streams):
            open_file(self.dispositions.file)  # for the load

    def _start(self) -> None:
        """Start the streams that were not; others may open the file while pages are waited for."""
        is_first = not self._run.tables
        if is_first:
            self._run.first_days = first_days(dlt.current.source_state())
        for name in self.streams:
            self._run.start(name, dlt.current.resource_state(name))
        if is_first:
            self.dispositions.file.close()


def package_source(
    run: Run,
    limit: LoadLimit,
    dispositions: DispositionChooser,
    streams: Sequence[str] = STREAMS,
    customize: Customize | None = None,
) -> DltSource:
    """A dlt source whose load package has the next rows of `run`, customized.

    `streams`: the names of its resources; those that were cut are left out.
    """
    scope = PackageScope(run, limit, dispositions, streams)
    run.open_package = OpenPackage(has_steps=customize is not None)

    @dlt.source(name="chatislav", section="chatislav", max_table_nesting=0)
    def chatislav() -> object:
        return resources(scope)

    source = chatislav().with_resources(*streams)
    if customize is not None:
        customized = customize(source)
        source = customized if isinstance(customized, DltSource) else source
    selected = source.selected_resources
    scope.streams = [name for name in streams if name in selected and not run.is_cut(name)]
    return source.with_resources(*(name for name in selected if not run.is_cut(name)))


def whole_run(config: SyncConfig) -> Sequence[DltResource]:
    """The resources of a plain dlt pipeline run, each with all of its rows."""
    pipeline = current_pipeline()  # dlt deletes its folder before a run into an empty database
    if pipeline is not None:
        announce_move(pipeline)
    return resources(WholeRunScope(config))


def resources(scope: RunScope) -> Sequence[DltResource]:
    """The resources `conversations` and `analytics`, with rows of the run that `scope` opens."""
    install_log_filters()
    install_load_hook()
    install_pending_hook()
    install_retention_hook()
    defaults = own_defaults()

    def rows_of(name: str, outlet: Outlet) -> Iterator[Any]:
        defaults.claim(current_pipeline())
        is_loaded = outlet.open(scope.dispositions)
        with scope.open(name) as (run, limit):
            state = dlt.current.resource_state()
            progress = deepcopy(state)
            holds_emptied = scope.dispositions is not None
            tables = run.package(name, progress, limit)
            for item in _items(_joined(tables), outlet, is_loaded, holds_emptied):
                if item is GROUP_ENDS:
                    state.update(progress)  # after its rows, so that a cut load has no more
                else:
                    yield item
        outlet.close()
        bot_locks.check(current_pipeline())  # an error of the extract step; the load's are hidden

    conversations_outlet, analytics_outlet = Outlet(), Outlet()

    @dlt.resource(name=CONVERSATIONS.name, write_disposition="merge")
    def conversations() -> Iterator[Any]:
        """Conversations, each once in its newest version, and their messages as a child table."""
        yield from rows_of(CONVERSATIONS.name, conversations_outlet)

    @dlt.resource(name=ANALYTICS.name, write_disposition="merge")
    def analytics() -> Iterator[Any]:
        """Totals by bot, day and channel."""
        yield from rows_of(ANALYTICS.name, analytics_outlet)

    conversations.add_step(LastStep(conversations_outlet))
    analytics.add_step(LastStep(analytics_outlet))
    return conversations, analytics


ITEM_BYTES = 16 * 1024 * 1024  # of Arrow in one item


def _joined(tables: Iterable[tuple[Table, pa.Table]]) -> Iterator[tuple[Table, pa.Table]]:
    """The tables of several groups in one: dlt computes the schema anew for each item."""
    waiting: dict[Table, list[pa.Table]] = {}
    size = 0
    for table, rows in tables:
        waiting.setdefault(table, []).append(rows)
        size += rows.nbytes
        is_group = table is REJECTED  # the last of its group
        if is_group and size >= ITEM_BYTES:
            yield from ((each, pa.concat_tables(parts)) for each, parts in waiting.items())
            waiting, size = {}, 0
    yield from ((each, pa.concat_tables(parts)) for each, parts in waiting.items())


GROUP_ENDS = object()
"""Stands between the items of `_items` where all rows of the progress made so far were yielded."""


def _items(
    tables: Iterable[tuple[Table, pa.Table]], outlet: Outlet, is_loaded: bool, holds_emptied: bool
) -> Iterator[Any]:
    """The items of a load: messages before their conversations, so that none is without.

    Rows that remove the messages of emptied conversations follow, then these conversations; with
    `holds_emptied` after all others, as the choice to append needs the keys of all. Rejected
    records come last.
    """
    removals, emptied = (
        MESSAGES.arrow_schema.empty_table(),
        CONVERSATIONS.arrow_schema.empty_table(),
    )
    for table, rows in tables:
        if table is MESSAGES and rows[DELETED].null_count < rows.num_rows:
            is_removal = pc.is_valid(rows[DELETED])
            removals = pa.concat_tables([removals, rows.filter(is_removal)])
            rows = rows.filter(pc.invert(is_removal))
        elif table is CONVERSATIONS and is_loaded and removals.num_rows:
            is_empty = pc.fill_null(pc.equal(rows["message_count"], 0), False)
            emptied = pa.concat_tables([emptied, rows.filter(is_empty)])
            rows = rows.filter(pc.invert(is_empty))
        if table is REJECTED:
            yield from _rejected(outlet, rows, is_loaded)
        else:
            yield from outlet.item(table, rows)
        if table is REJECTED and not holds_emptied:
            yield from _removals(outlet, removals, emptied, is_loaded)
            removals, emptied = removals.slice(0, 0), emptied.slice(0, 0)
            yield GROUP_ENDS
    yield from _removals(outlet, removals, emptied, is_loaded)
    yield GROUP_ENDS


def _rejected(outlet: Outlet, rows: pa.Table, is_loaded: bool) -> Iterator[Any]:
    """The items of rejected records: those that are new or changed, then those that are removed."""
    is_removed = pc.is_valid(rows[DELETED])
    yield from outlet.item(REJECTED, rows.filter(pc.invert(is_removed)))
    if is_loaded:
        yield from outlet.item(REJECTED, rows.filter(is_removed), removes=True)


def _removals(
    outlet: Outlet, removals: pa.Table, emptied: pa.Table, is_loaded: bool
) -> Iterator[Any]:
    if is_loaded and removals.num_rows:  # to one who only iterates, there is nothing to remove
        yield from outlet.item(MESSAGES, removals, removes=True)
        yield from outlet.item(CONVERSATIONS, emptied)
