"""Where the rows go: a dlt pipeline for a destination, checked before anything is requested."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
import duckdb
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigurationException,
    LookupTraces,
)
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.pipeline import get_dlt_pipelines_dir

from chatislav_source.destinations.duckdb_memory import small_duckdb
from chatislav_source.errors import ConfigurationError, PipelineLockedError

NOT_DUCKDB = (
    "{path} is not a DuckDB database, or is damaged. Give another --database, or move it away."
)
HELD = (
    "The DuckDB file {path} is held by another process; DuckDB allows one writer at a time. Close "
    "the other program (a notebook or a DuckDB shell counts) and run again; nothing is lost."
)
UNKNOWN = (
    "There is no destination {name!r}. Tried are duckdb, postgres, snowflake and bigquery; a name "
    "of your own needs destination_type in [destination.{name}] of .dlt/config.toml."
)
NOT_INSTALLED = "The client of {name} is not installed: pip install 'chatislav-source[{name}]'."
NOT_CONFIGURED = (
    "The credentials of {name} {problem}. They belong into [destination.{name}.credentials] of "
    ".dlt/secrets.toml, or into the environment as DESTINATION__{upper}__CREDENTIALS..."
)


@dataclass(frozen=True)
class PipelineConfig:
    """A destination by dlt's name; `database` is the file for DuckDB and unused elsewhere."""

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
        place = f"{self.destination} {self.database}" if self.is_duckdb else self.destination
        return f"{place}, dataset {self.dataset}"

    def pipeline(self) -> dlt.Pipeline:
        """The dlt pipeline into this destination.

        Raises:
            ConfigurationError: dlt knows no such destination.
        """
        destination = self._duckdb() if self.is_duckdb else self.destination
        try:
            return dlt.pipeline(
                self.pipeline_name,
                destination=destination,
                dataset_name=self.dataset,
                pipelines_dir=self.pipelines_dir or get_dlt_pipelines_dir(),
            )
        except UnknownDestinationModule:
            raise ConfigurationError(UNKNOWN.format(name=self.destination)) from None

    def _duckdb(self) -> Any:
        credentials = small_duckdb(str(self.database.absolute()))
        # statements beside each other would share the memory, and take as long
        return dlt.destinations.duckdb(credentials, loader_parallelism_strategy="sequential")

    def check(self) -> None:
        """See that the destination can be asked at all; nothing is sent to it.

        Raises:
            ConfigurationError: it is unknown, or its client or its credentials are missing; for
                DuckDB as `check_file`.
            PipelineLockedError: as `check_file`.
        """
        self.check_file()
        if self.is_duckdb:
            return
        pipeline = self.pipeline()
        name = self.destination
        try:
            pipeline.destination_client()
        except MissingDependencyException:
            raise ConfigurationError(NOT_INSTALLED.format(name=name)) from None
        except ConfigurationException as error:
            # neither its text nor its causes are shown: they may hold what could not be parsed
            problem = _problem(error)
            text = NOT_CONFIGURED.format(name=name, upper=name.upper(), problem=problem)
            raise ConfigurationError(text) from None

    def check_file(self) -> None:
        """See that a DuckDB file can be written.

        Raises:
            ConfigurationError: the file is not DuckDB, its folder is missing, or the dataset has
                the file's name, which DuckDB cannot tell apart.
            PipelineLockedError: another process holds it.
        """
        if not self.is_duckdb:
            return
        if self.dataset.lower() == self.database.stem.lower():
            raise ConfigurationError(
                f"A DuckDB file cannot have a dataset of its own name: {self.database.name} and "
                f"{self.dataset}. Give another --database or --dataset."
            )
        if not self.database.parent.is_dir():
            raise ConfigurationError(f"The folder of {self.database} does not exist; create it.")
        if self.database.exists():
            _open(self.database)


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


def _open(path: Path) -> None:
    try:
        duckdb.connect(str(path)).close()
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise PipelineLockedError(HELD.format(path=path)) from None
        raise ConfigurationError(NOT_DUCKDB.format(path=path)) from None
    except duckdb.Error:
        raise ConfigurationError(NOT_DUCKDB.format(path=path)) from None
