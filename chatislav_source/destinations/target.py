"""The pipeline configuration of the command line; checked before the first request."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dlt
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    LookupTraces,
)
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.pipeline import get_dlt_pipelines_dir

from chatislav_source.destinations.duckdb import check_file, limited_duckdb
from chatislav_source.errors import ConfigurationError

UNKNOWN = (
    "There is no destination {name!r}. Tested are duckdb, postgres, snowflake and bigquery; a "
    "custom name needs destination_type in [destination.{name}] of .dlt/config.toml."
)
NOT_INSTALLED = "The client of {name} is not installed: pip install 'chatislav-source[{name}]'."
NOT_CONFIGURED = (
    "The credentials of {name} {problem}. Set them in [destination.{name}.credentials] of "
    ".dlt/secrets.toml, or in the environment as DESTINATION__{upper}__CREDENTIALS..."
)


@dataclass(frozen=True)
class PipelineConfig:
    """A destination by dlt's name; `database` is the DuckDB file, unused for the others."""

    destination: str
    database: Path
    dataset: str
    pipeline_name: str
    pipelines_dir: str | None

    @property
    def is_duckdb(self) -> bool:
        """Whether rows go to a local DuckDB file."""
        return self.destination == "duckdb"

    def __str__(self) -> str:
        text = f"{self.destination} {self.database}" if self.is_duckdb else self.destination
        return f"{text}, dataset {self.dataset}"

    def pipeline(self) -> dlt.Pipeline:
        """The dlt pipeline for this destination.

        Raises:
            ConfigurationError: dlt knows no such destination.
        """
        destination = limited_duckdb(self.database) if self.is_duckdb else self.destination
        try:
            return dlt.pipeline(
                self.pipeline_name,
                destination=destination,
                dataset_name=self.dataset,
                pipelines_dir=self.pipelines_dir or get_dlt_pipelines_dir(),
            )
        except UnknownDestinationModule:
            raise ConfigurationError(UNKNOWN.format(name=self.destination)) from None

    def check(self) -> None:
        """Check that the destination is known and configured; connects to no server.

        Raises:
            ConfigurationError: it is unknown, or its client or its credentials are missing; for
                DuckDB as `check_file`.
            PipelineLockedError: as `check_file`.
        """
        if self.is_duckdb:
            check_file(self.database, self.dataset)
            return
        pipeline = self.pipeline()
        name = self.destination
        try:
            pipeline.destination_client()
        except MissingDependencyException:
            raise ConfigurationError(NOT_INSTALLED.format(name=name)) from None
        except ConfigurationException as error:
            # neither its text nor its causes are shown, as they may contain credentials
            problem = _problem(error)
            text = NOT_CONFIGURED.format(name=name, upper=name.upper(), problem=problem)
            raise ConfigurationError(text) from None


def _problem(error: ConfigurationException) -> str:
    if not isinstance(error, ConfigFieldMissingException):
        return "cannot be read"
    missing = [
        name
        for field, traces in error.traces.items()
        for trace in traces[:1]
        for name in (trace.traces if isinstance(trace, LookupTraces) else [field])
    ]
    return f"are not complete (missing: {', '.join(missing)})"
