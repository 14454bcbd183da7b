"""The dlt source `chatislav` and the function `sync`, which take the same arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import dlt
from dlt.extract import DltResource

from chatislav_source.config import Arguments, SyncConfig
from chatislav_source.configured import resolved, sync_config
from chatislav_source.errors import ConfigurationError
from chatislav_source.extract.page_groups import OnPage
from chatislav_source.proof.healing import heal
from chatislav_source.proof.warehouse import dialect_of
from chatislav_source.runner.job import run_job
from chatislav_source.runner.report import SyncReport
from chatislav_source.runner.resources import STREAMS, Customize, whole_run

NO_RESOURCE = "There is no resource {name}. Choose from conversations and analytics."


@dlt.source(name="chatislav", section="chatislav", max_table_nesting=0)
def chatislav(**arguments: Unpack[Arguments]) -> Sequence[DltResource]:
    """Conversations with their messages, and daily analytics, of Chatislav AI agents.

    Arguments that are not given are read from `[sources.chatislav]` of dlt's config and secrets;
    `Arguments` describes each. One pipeline run is one complete load: if a bot cannot be read, the
    run loads nothing.

    Raises:
        ConfigurationError: an argument is not usable; no request was sent.
        TypeError: there is no such argument.
    """
    return whole_run(resolved(arguments))


def sync(
    pipeline: dlt.Pipeline,
    *,
    on_progress: OnPage = lambda *_: None,
    resources: Sequence[str] = STREAMS,
    customize: Customize | None = None,
    verify: bool = False,
    **arguments: Unpack[Arguments],
) -> SyncReport:
    """Load new and changed rows into the pipeline's destination, in load packages.

    Takes the arguments of `chatislav(...)`. `resources` are the names of those to load, by default
    both. `customize` is called with the dlt source of every load, and adds steps or hints to its
    resources, as for `pipeline.run`; it may return another selection of the source. If a bot cannot
    be read, the report has its error and the other bots are loaded. A call after an interruption
    continues after the last load package. With `verify` the last 30 days are then compared with the
    API's totals, and days that differ are read again; `verification` of the report has the result.

    Raises:
        ConfigurationError: an argument is not usable, and no request was sent; or a step or hint
            of `customize` cannot be honoured.
        TypeError: there is no such argument.
        AuthenticationError: the API accepts no key; earlier loads are kept.
        RetriesExhaustedError: the API has not responded to any request; nothing was changed.
        PipelineLockedError: another process runs this pipeline or has the database open.
        LoadFailedError: the destination rejected a load twice; the next run reads its rows again.
    """
    unknown = [name for name in resources if name not in STREAMS]
    if unknown or not resources:
        raise ConfigurationError(NO_RESOURCE.format(name=", ".join(unknown) or "(none)"))
    config = sync_config(pipeline.pipeline_name, **arguments)
    if verify:
        dialect_of(pipeline)  # before anything is loaded
    report = run_job(pipeline, config, on_progress, resources, customize)
    if verify:
        add_verification(pipeline, config, report, customize)
    return report


def add_verification(
    pipeline: dlt.Pipeline,
    config: SyncConfig,
    report: SyncReport,
    customize: Customize | None = None,
) -> None:
    """Verify the days of the bots that were synced, and heal those that differ.

    Raises:
        ChatislavError: as `proof.healing.heal`.
    """
    result = heal(pipeline, config, bot_ids=config.bot_ids, customize=customize)
    report.verification = result.as_dict()
