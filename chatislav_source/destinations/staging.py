"""A staging dataset for each pipeline, so that several may load into one dataset at once.

dlt merges by way of a staging dataset, by default one per dataset. Two pipelines that use it at the
same time empty each other's tables between filling and merging, and lose rows without an error.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import dlt
from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import ConfigProvider
from dlt.common.configuration.specs.config_section_context import ConfigSectionContext
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext

from chatislav_source.destinations.dlt_internals import active_pipeline

NAME = "chatislav staging"
KEY = "staging_dataset_name_layout"
SCHEMA = "chatislav"
MAX_SUFFIX = 24  # characters; Postgres cuts names at 63, and the dataset's own comes before


def layout(pipeline_name: str) -> str:
    """The name of the staging dataset, with `%s` for the dataset; no two pipelines have the same.

    dlt would rewrite other characters than these, and two names could become one that way.
    """
    suffix = re.sub("[^a-z0-9]+", "_", pipeline_name.lower()).strip("_")
    if suffix != pipeline_name or len(suffix) > MAX_SUFFIX:
        digest = hashlib.blake2b(pipeline_name.encode(), digest_size=5).hexdigest()
        suffix = f"{suffix[: MAX_SUFFIX - len(digest) - 1]}_{digest}".replace("__", "_").lstrip("_")
    return f"%s_staging_{suffix}"


class PrivateStaging(ConfigProvider):
    """The last of dlt's config providers: what the user configured anywhere wins.

    It answers one key, and only for pipelines that load this source.
    """

    def __init__(self) -> None:
        self._pipelines: set[str] = set()

    def claim(self, pipeline: dlt.Pipeline | None) -> None:
        """ApiResponse for this pipeline from now on."""
        if pipeline:
            self._pipelines.add(pipeline.pipeline_name)

    def get_value(
        self, key: str, hint: type[Any], pipeline_name: str | None, *sections: str
    ) -> tuple[Any, str]:
        """The layout for the pipeline that asks, and the name of the key."""
        del hint
        # dlt asks for `<pipeline>.destination...` before it asks for `destination...`; an answer to
        # the first would win over what the user configured for the second
        if key != KEY or pipeline_name or sections != ("destination",):
            return None, key
        asking = Container()[ConfigSectionContext].pipeline_name
        return (layout(asking) if asking and self._answers(asking) else None), key

    def _answers(self, pipeline_name: str) -> bool:
        """Whether it loads this source, in this process or, left pending, in an earlier one."""
        if pipeline_name in self._pipelines:
            return True
        pipeline = active_pipeline()
        return (
            pipeline is not None
            and pipeline.pipeline_name == pipeline_name
            and SCHEMA in pipeline.schema_names
        )

    @property
    def name(self) -> str:
        """As dlt's traces show it."""
        return NAME

    @property
    def supports_secrets(self) -> bool:
        """It has none."""
        return False

    @property
    def supports_sections(self) -> bool:
        """It answers below `destination`."""
        return True


def private_staging() -> PrivateStaging:
    """The provider, registered with dlt; again if dlt has built its providers anew."""
    providers = Container()[PluggableRunContext].providers
    if NAME not in providers:
        providers.add_provider(_PROVIDER)
    return _PROVIDER


_PROVIDER = PrivateStaging()
