"""The dlt source `chatislav` and the function `sync`, which take the same arguments.

`Arguments` in `config` declares them; this module resolves them from dlt's configuration.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Unpack, get_type_hints

import dlt
from dlt.common.configuration import configspec, inject_section, resolve_configuration
from dlt.common.configuration.specs import BaseConfiguration, ConfigSectionContext
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from chatislav_source.config import SECRETS, Arguments, SyncConfig, checked
from chatislav_source.errors import ConfigurationError
from chatislav_source.extract.page_groups import OnPage
from chatislav_source.runner.job import run_job
from chatislav_source.runner.report import SyncReport
from chatislav_source.runner.resources import STREAMS, Customize, WholeRunScope
from chatislav_source.runner.resources import resources as resources_of

NO_RESOURCE = "There is no resource {name}. Choose from conversations and analytics."

SECTIONS = ("sources", "chatislav")


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
    return resources_of(WholeRunScope(_resolved(arguments)))


def sync(
    pipeline: dlt.Pipeline,
    *,
    on_progress: OnPage = lambda *_: None,
    resources: Sequence[str] = STREAMS,
    customize: Customize | None = None,
    **arguments: Unpack[Arguments],
) -> SyncReport:
    """Load new and changed rows into the pipeline's destination, in load packages.

    Takes the arguments of `chatislav(...)`. `resources` are the names of those to load, by default
    both. `customize` is called with the dlt source of every load, and adds steps or hints to its
    resources, as for `pipeline.run`; it may return another selection of the source. If a bot cannot
    be read, the report has its error and the other bots are loaded. A call after an interruption
    continues after the last load package.

    Raises:
        ConfigurationError: an argument is not usable, and no request was sent; or a step or hint
            of `customize` cannot be honoured.
        TypeError: there is no such argument.
        AuthenticationError: the API accepts no key; earlier loads are kept.
        PipelineLockedError: another process runs this pipeline or has the database open.
        LoadFailedError: the destination rejected a load twice; the next run reads its rows again.
    """
    unknown = [name for name in resources if name not in STREAMS]
    if unknown or not resources:
        raise ConfigurationError(NO_RESOURCE.format(name=", ".join(unknown) or "(none)"))
    config = sync_config(pipeline.pipeline_name, **arguments)
    return run_job(pipeline, config, on_progress, resources, customize)


def sync_config(pipeline_name: str, **arguments: Unpack[Arguments]) -> SyncConfig:
    """The configuration of a sync that starts now, from arguments and dlt's config.

    Raises:
        ConfigurationError: a value is not usable.
        TypeError: there is no such argument.
    """
    with inject_section(ConfigSectionContext(pipeline_name=pipeline_name, sections=SECTIONS)):
        return _resolved(arguments)


def _resolved(arguments: Arguments) -> SyncConfig:
    """The configuration of a sync, read from the config section that is active in dlt."""
    unknown = arguments.keys() - Arguments.__annotations__
    if unknown:
        raise TypeError(f"chatislav has no argument {', '.join(sorted(unknown))}")
    resolved = resolve_configuration(Configuration(), explicit_value=_given(arguments))
    return checked(now=datetime.now(UTC), **_given(resolved))


def _given(values: Any) -> Any:
    return {name: value for name, value in values.items() if value is not None}


def _configuration() -> type[BaseConfiguration]:
    """`Arguments` as a dlt configuration; every field is optional."""
    hints = get_type_hints(Arguments) | dict.fromkeys(SECRETS, TSecretStrValue | None)
    fields = dict.fromkeys(hints) | {"__annotations__": hints, "__module__": __name__}
    return configspec(type("Configuration", (BaseConfiguration,), fields))


Configuration = _configuration()
