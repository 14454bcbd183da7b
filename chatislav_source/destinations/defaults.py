"""The settings of dlt that pipelines of this source have by default: a staging dataset, no copies.

dlt merges from a staging dataset, by default one per dataset. Two pipelines that use it at the same
time truncate each other's tables between filling and merging, and lose rows without an error.
dlt keeps the files of completed loads, which here would be a copy of every row on this machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import dlt
from dlt.common.configuration.exceptions import DuplicateConfigProviderException
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.pipeline import SupportsPipeline, current_pipeline

from chatislav_source.destinations.adapter import is_duckdb_file
from chatislav_source.destinations.dlt_internals import configured_pipeline_name

NAME = "chatislav defaults"
SCHEMA = "chatislav"
MAX_SUFFIX = 24  # characters; Postgres truncates names at 63, including the dataset's name


def layout(pipeline_name: str) -> str:
    """The name of the staging dataset, unique per pipeline, with `%s` for the dataset.

    dlt would replace other characters, so that two names could become equal.
    """
    suffix = re.sub("[^a-z0-9]+", "_", pipeline_name.lower()).strip("_")
    if suffix != pipeline_name or len(suffix) > MAX_SUFFIX:
        digest = hashlib.blake2b(pipeline_name.encode(), digest_size=5).hexdigest()
        suffix = f"{suffix[: MAX_SUFFIX - len(digest) - 1]}_{digest}".replace("__", "_").lstrip("_")
    return f"%s_staging_{suffix}"


def parquet_compression(_: str) -> str | None:
    """None at all into a DuckDB file: each file is read once, and compression takes longer."""
    pipeline = current_pipeline()
    is_local = pipeline is not None and is_duckdb_file(pipeline)
    return "none" if is_local else None


DEFAULTS: dict[tuple[str, ...], Callable[[str], Any]] = {
    ("data_writer", "compression"): parquet_compression,
    ("destination", "staging_dataset_name_layout"): layout,
    ("load", "delete_completed_jobs"): lambda _: True,
}
"""By dlt's section and key, the value for a pipeline of this name."""


class OwnDefaults(ConfigProvider):
    """A dlt config provider for the pipelines that load this source; empty for all others.

    It is the last of dlt's providers, so a value that the user has configured has priority. For
    other pipelines, dlt only says that it is empty, in its errors of missing values.
    """

    def __init__(self) -> None:
        self._pipelines: set[str] = set()

    def claim(self, pipeline: SupportsPipeline | None) -> None:
        """Use the defaults for this pipeline from now on."""
        if pipeline:
            self._pipelines.add(pipeline.pipeline_name)

    def is_ours(self, pipeline_name: str | None) -> bool:
        """Whether a pipeline loads this source, or is active and has loads of it; no name: no."""
        if pipeline_name is None or pipeline_name in self._pipelines:
            return pipeline_name is not None
        pipeline: Any = current_pipeline()
        return (
            pipeline is not None
            and pipeline.pipeline_name == pipeline_name
            and SCHEMA in pipeline.schema_names
        )

    def get_value(
        self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str
    ) -> tuple[Any, str]:
        """The default for the pipeline that dlt is configuring, and the name of the key."""
        del hint
        value_of = DEFAULTS.get((*sections, key))
        # dlt looks up `<pipeline>.destination...` before `destination...`; a value for the first
        # would override one that the user configured for the second
        if pipeline_name or value_of is None:
            return None, key
        configured = _configured_pipeline()
        if configured is None or not self.is_ours(configured):
            return None, key
        return value_of(configured), key

    @property
    def is_empty(self) -> bool:
        """Whether dlt is configuring a pipeline of another source; dlt then skips the provider."""
        return not self.is_ours(_configured_pipeline())

    @property
    def name(self) -> str:
        """The name in dlt's traces."""
        return NAME

    @property
    def supports_secrets(self) -> bool:
        """False, as it has no secrets."""
        return False

    @property
    def supports_sections(self) -> bool:
        """True, as its keys are in sections."""
        return True


def _configured_pipeline() -> str | None:
    """The name of the pipeline that dlt is configuring, else of the active one."""
    if name := configured_pipeline_name():
        return name
    active = current_pipeline()
    return active.pipeline_name if active else None


def own_defaults() -> OwnDefaults:
    """The provider; registered with dlt again if dlt has recreated its providers."""
    with suppress(DuplicateConfigProviderException):
        dlt.config.register_provider(_PROVIDER)
    return _PROVIDER


def is_ours(pipeline: SupportsPipeline | None) -> bool:
    """Whether the pipeline loads this source, or has loads of it."""
    return _PROVIDER.is_ours(pipeline.pipeline_name if pipeline else None)


_PROVIDER = OwnDefaults()
