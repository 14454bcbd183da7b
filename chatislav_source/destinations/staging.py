"""A staging dataset per pipeline, so that several pipelines can load into one dataset at once.

dlt merges from a staging dataset, by default one per dataset. Two pipelines that use it at the same
time truncate each other's tables between filling and merging, and lose rows without an error.
"""

from __future__ import annotations

import hashlib
import re
from contextlib import suppress
from typing import Any, cast

import dlt
from dlt.common.configuration.exceptions import DuplicateConfigProviderException
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.pipeline import SupportsPipeline, current_pipeline

from chatislav_source.destinations.dlt_internals import configured_pipeline_name

NAME = "chatislav staging"
KEY = "staging_dataset_name_layout"
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


class PrivateStaging(ConfigProvider):
    """A dlt config provider of one key, for the pipelines that load this source.

    It is the last of dlt's providers, so a value that the user has configured has priority.
    """

    def __init__(self) -> None:
        self._pipelines: set[str] = set()

    def claim(self, pipeline: SupportsPipeline | None) -> None:
        """Use a separate staging dataset for this pipeline from now on."""
        if pipeline:
            self._pipelines.add(pipeline.pipeline_name)

    def get_value(
        self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str
    ) -> tuple[Any, str]:
        """The layout for the pipeline that dlt is configuring, and the name of the key."""
        del hint
        # dlt looks up `<pipeline>.destination...` before `destination...`; a value for the first
        # would override one that the user configured for the second
        if key != KEY or pipeline_name or sections != ("destination",):
            return None, key
        configured = configured_pipeline_name()
        return (layout(configured) if configured and self._is_ours(configured) else None), key

    def _is_ours(self, pipeline_name: str) -> bool:
        """Whether the pipeline loads this source, or has pending packages of it."""
        if pipeline_name in self._pipelines:
            return True
        pipeline = cast(dlt.Pipeline | None, current_pipeline())
        return (
            pipeline is not None
            and pipeline.pipeline_name == pipeline_name
            and SCHEMA in pipeline.schema_names
        )

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
        """True, as its key is in the section `destination`."""
        return True


def private_staging() -> PrivateStaging:
    """The provider; registered with dlt again if dlt has recreated its providers."""
    with suppress(DuplicateConfigProviderException):
        dlt.config.register_provider(_PROVIDER)
    return _PROVIDER


_PROVIDER = PrivateStaging()
