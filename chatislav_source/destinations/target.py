"""The pipeline configuration of the command line; checked before the first request."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration import inject_section, resolve_configuration
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigProviderException,
    ConfigurationException,
    LookupTraces,
)
from dlt.common.configuration.specs import BaseConfiguration, ConfigSectionContext
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import MissingDependencyException
from dlt.common.pipeline import get_dlt_pipelines_dir
from dlt.common.storages.exceptions import StorageException
from dlt.pipeline.exceptions import InvalidPipelineName, PipelineStateEngineNoUpgradePathException

from chatislav_source.config import PLACEHOLDER
from chatislav_source.destinations.dlt_internals import (
    DuckDbCredentials,
    LoaderConfiguration,
    NormalizeConfiguration,
    SchemaException,
)
from chatislav_source.destinations.duckdb import limited_duckdb
from chatislav_source.destinations.duckdb_file.access import check_file
from chatislav_source.errors import ConfigurationError

logger = logging.getLogger(__name__)

DAMAGE = (
    OSError,
    ValueError,  # also of JSON and of texts
    KeyError,
    TypeError,
    AttributeError,
    SchemaException,
    StorageException,
    PipelineStateEngineNoUpgradePathException,  # of another version of dlt
)
"""What dlt raises for local files that are damaged."""

DELETED_FOLDER = (
    "The local files of pipeline %s %s. They are deleted, and the state is taken from the "
    "destination."
)
UNKNOWN = (
    "There is no destination {name!r}. Tested are duckdb, postgres, snowflake, bigquery, ducklake, "
    "sqlalchemy and filesystem; a custom name needs destination_type in [destination.{name}] of "
    ".dlt/config.toml."
)
NOT_INSTALLED = "The client of {name} is not installed: pip install '{package}[{name}]'."
WITH_EXTRA = ("postgres", "snowflake", "bigquery", "ducklake", "sqlalchemy")
"""The destinations that have an extra of this package; others have one of dlt."""
NOT_CONFIGURED = (
    "The credentials of {name} {problem}. Set them in [destination.{name}.credentials] of "
    ".dlt/secrets.toml, or in the environment as DESTINATION__{upper}__CREDENTIALS..."
)

NOT_COMPLETE = "are not complete (missing: {names})"

NOTHING_LOADED = "{database} does not exist: nothing is loaded yet. `chatislav sync` creates it."
NO_FILE = (
    "The credentials in [destination.duckdb] name no file ({reason}). Set credentials to the path "
    "of a file there, or give --database."
)


@dataclass(frozen=True)
class PipelineConfig:
    """A destination by dlt's name; `database` is the DuckDB file, unused for the others.

    `wait_seconds`: how long to wait for a DuckDB file that another process holds.
    """

    destination: str
    database: Path
    dataset: str
    pipeline_name: str
    pipelines_dir: str | None
    wait_seconds: float = 0.0

    @property
    def is_duckdb(self) -> bool:
        """Whether rows go to a local DuckDB file."""
        return self.destination == "duckdb"

    def __str__(self) -> str:
        text = f"{self.destination} {self.database}" if self.is_duckdb else self.destination
        return f"{text}, dataset {self.dataset}"

    def require_database(self) -> None:
        """Check that the DuckDB file exists, for commands that only read it.

        Raises:
            ConfigurationError: it does not.
        """
        if self.is_duckdb and not self.database.exists():
            raise ConfigurationError(NOTHING_LOADED.format(database=self.database))

    def pipeline(self, progress: Any = None, destination: Any = None) -> dlt.Pipeline:
        """The dlt pipeline for this destination; local files that dlt cannot read are deleted.

        `progress` is a collector of dlt; `destination` is used instead of the configured one.

        Raises:
            ConfigurationError: dlt knows no such destination.
        """
        if destination is None:
            destination = self._destination()
        folder = Path(self._pipelines_dir, self.pipeline_name)
        try:
            return self._opened(destination, progress)
        except UnknownDestinationModule:
            raise ConfigurationError(UNKNOWN.format(name=self.destination)) from None
        except (ConfigurationException, InvalidPipelineName):
            raise
        except DAMAGE as error:
            if not folder.exists():
                raise
            problem = f"are damaged ({type(error).__name__})"
        logger.warning(DELETED_FOLDER, self.pipeline_name, problem)
        delete_folder(folder)
        return self._opened(destination, progress)

    def _opened(self, destination: Any, progress: Any) -> dlt.Pipeline:
        options = {"progress": progress} if progress else {}
        pipeline: dlt.Pipeline = dlt.pipeline(
            self.pipeline_name,
            destination=destination,
            dataset_name=self.dataset,
            pipelines_dir=self._pipelines_dir,
            **options,
        )
        return pipeline

    @property
    def _pipelines_dir(self) -> str:
        return self.pipelines_dir or get_dlt_pipelines_dir()

    def _destination(self) -> Any:
        if not self.is_duckdb:
            return self.destination
        try:
            return limited_duckdb(self.database, self.wait_seconds)
        except ConfigurationException:
            text = f"--database {str(self.database)!r} cannot be the path of a file."
            raise ConfigurationError(text) from None

    def check(self) -> None:
        """Check that the destination is known and configured; connects to no server.

        Raises:
            ConfigurationError: it is unknown, or its client or its credentials are missing; for
                DuckDB as `check_file`.
            PipelineLockedError: as `check_file`.
            ConfigurationException: a setting of dlt's steps has the wrong type.
        """
        self._check_steps()
        if self.is_duckdb:
            self._destination()
            check_file(self.database, self.dataset, self.wait_seconds)
            return
        pipeline = self.pipeline()
        name = self.destination
        try:
            client = pipeline.destination_client()
        except MissingDependencyException:
            package = "chatislav-source" if name in WITH_EXTRA else "dlt"
            raise ConfigurationError(NOT_INSTALLED.format(name=name, package=package)) from None
        except ConfigurationException as error:
            # neither its text nor its causes are shown, as they may contain credentials
            raise _not_configured(name, _problem(error)) from None
        missing = list(_placeholders(client.config))
        if missing:
            raise _not_configured(name, NOT_COMPLETE.format(names=", ".join(missing)))

    def _check_steps(self) -> None:
        """Read the settings of dlt's steps now, before the first request, and not only by them."""
        steps = {"normalize": NormalizeConfiguration(), "load": LoaderConfiguration()}
        for section, configuration in steps.items():
            context = ConfigSectionContext(pipeline_name=self.pipeline_name, sections=(section,))
            with inject_section(context):
                resolve_configuration(configuration, accept_partial=True)


def configured_database(pipeline_name: str) -> Path | None:
    """The DuckDB file in `[destination.duckdb] credentials` of dlt's config; None without one.

    Raises:
        ConfigurationError: the credentials name no file.
    """
    sections = ("destination", "duckdb")
    try:
        with inject_section(ConfigSectionContext(pipeline_name=pipeline_name, sections=sections)):
            found = resolve_configuration(DuckDbCredentials(), accept_partial=True).database
    except ConfigProviderException:
        raise  # a file that cannot be read, which is not about the destination
    except ConfigurationException as error:
        raise ConfigurationError(NO_FILE.format(reason=type(error).__name__)) from None
    if found and found.startswith(":"):
        raise ConfigurationError(NO_FILE.format(reason=f"they are {found}"))
    return Path(found) if found else None


def delete_folder(folder: Path) -> None:
    """Delete a pipeline's folder, so that a kill leaves all of it or nothing under its name."""
    interrupted = folder.with_name(f".{folder.name}.interrupted")
    shutil.rmtree(interrupted, ignore_errors=True)
    folder.rename(interrupted)
    shutil.rmtree(interrupted, ignore_errors=True)


def _problem(error: ConfigurationException) -> str:
    if not isinstance(error, ConfigFieldMissingException):
        return "cannot be read"
    missing = [
        name
        for field, traces in error.traces.items()
        for trace in traces[:1]
        for name in (trace.traces if isinstance(trace, LookupTraces) else [field])
    ]
    return NOT_COMPLETE.format(names=", ".join(missing))


def _placeholders(settings: Mapping[str, Any]) -> Iterator[str]:
    """The names of settings, also of the credentials in them, that still have dlt's placeholder."""
    for name, value in settings.items():
        if value == PLACEHOLDER:
            yield name
        elif isinstance(value, BaseConfiguration):
            yield from _placeholders(value)


def _not_configured(name: str, problem: str) -> ConfigurationError:
    text = NOT_CONFIGURED.format(name=name, upper=name.upper(), problem=problem)
    return ConfigurationError(text)
