"""Where a pipeline was run last: into which database, and from which folder.

dlt has one local folder per pipeline name, whatever the database and the current folder are. Two
projects that use one name, or a relative path in another folder, are therefore told to the user.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigurationException
from dlt.common.exceptions import MissingDependencyException
from dlt.common.pipeline import SupportsPipeline

from chatislav_source.destinations.dlt_internals import (
    DUCKDB_FILE_KEY,
    DuckDbCredentials,
    bound_duckdb_file,
)
from chatislav_source.destinations.duckdb_file.credentials import PatientCredentials
from chatislav_source.destinations.target import configured_database
from chatislav_source.errors import ConfigurationError

logger = logging.getLogger(__name__)

KEY = "chatislav"  # in dlt's local state of the pipeline, which is not stored in the destination

OTHER_DATABASE = (
    "Pipeline %s was last run into %s, from the folder %s. This run loads into %s, from the folder "
    "%s. A pipeline name has one local folder, so dlt's commands and dlt.attach find only the last "
    "database from now on. If you want to load into both, give each its own pipeline name; if not, "
    "correct the database (a relative path begins in the current folder)."
)
OTHER_FOLDER = (
    "Pipeline %s was last run from the folder %s, and now from %s, whose .dlt configuration is "
    "used. It loads into %s. If these are two projects, give each its own pipeline name."
)
OVERLOOKED = (
    "Pipeline {name} was last run into {known}, and dlt would load into that file instead of the "
    "relative path {given}. Give the absolute path of the file, or another pipeline name."
)


@dataclass(frozen=True)
class LastRun:
    """The database and dataset that a pipeline was run into, and the current folder then."""

    database: str | None  # None: dlt cannot tell
    folder: str


def announce_move(pipeline: SupportsPipeline) -> None:
    """Warn if the pipeline was last run into another database or from another folder."""
    before = _noted(pipeline)
    if before is None:
        return
    now, name = _this_run(pipeline, _config(pipeline)), pipeline.pipeline_name
    if before.database and now.database and before.database != now.database:
        logger.warning(
            OTHER_DATABASE, name, before.database, before.folder, now.database, now.folder
        )
    elif before.folder != now.folder:
        database = now.database or "a destination without an address"
        logger.warning(OTHER_FOLDER, name, before.folder, now.folder, database)


def refuse_overlooked_path(pipeline: SupportsPipeline) -> None:
    """Check that dlt uses the DuckDB file that was given to the pipeline.

    dlt prefers the file that `note_run` has stored to a relative path.

    Raises:
        ConfigurationError: it would use another one.
    """
    known = bound_duckdb_file(pipeline.destination)
    given = _given_path(pipeline) if known else None
    if known is None or given is None or given.is_absolute() or str(given).startswith(":"):
        return
    if Path(pipeline.get_local_state_val("initial_cwd"), given).resolve() != Path(known):
        name = pipeline.pipeline_name
        raise ConfigurationError(OVERLOOKED.format(name=name, known=known, given=given))


def note_run(pipeline: dlt.Pipeline) -> None:
    """Store where the pipeline is run, and for dlt's commands which DuckDB file it loads into.

    The file is stored for runs of the command line; those of Python give it to dlt themselves.
    """
    config = _config(pipeline)
    now = _this_run(pipeline, config)
    if _noted(pipeline) != now:
        pipeline.set_local_state_val(KEY, asdict(now))
    is_stored = bound_duckdb_file(pipeline.destination) is not None
    file = _duckdb_file(config) if is_stored or _is_of_command_line(pipeline) else None
    if file and file != _local_value(pipeline, DUCKDB_FILE_KEY):
        pipeline.set_local_state_val(DUCKDB_FILE_KEY, file)


def _noted(pipeline: SupportsPipeline) -> LastRun | None:
    noted = _local_value(pipeline, KEY)
    if not isinstance(noted, dict) or "folder" not in noted:
        return None
    return LastRun(noted.get("database"), noted["folder"])


def _local_value(pipeline: SupportsPipeline, key: str) -> Any:
    try:
        return pipeline.get_local_state_val(key)
    except KeyError:
        return None


def _this_run(pipeline: SupportsPipeline, config: Any) -> LastRun:
    return LastRun(_database(pipeline, config), str(Path.cwd()))


def _config(pipeline: Any) -> Any:
    """The configuration of the destination; None if it is not complete."""
    try:
        return pipeline.destination_client().config
    except (ConfigurationException, MissingDependencyException):
        return None


def _database(pipeline: SupportsPipeline, config: Any) -> str | None:
    """The database and the dataset, without credentials; None if dlt cannot tell."""
    try:
        location = _duckdb_file(config) or (config.data_location() if config else None)
    except ConfigurationException:
        return None
    if not location or location.startswith(":"):  # a connection, which has no name
        return None
    credentials = config.credentials
    part = getattr(credentials, "database", None) or getattr(credentials, "project_id", None)
    if part and not location.endswith(Path(part).name):  # the account or region of a warehouse
        location = f"{location}/{part}"
    return f"{config.destination_type} {location}, dataset {pipeline.dataset_name}"


def _duckdb_file(config: Any) -> str | None:
    """The absolute path of the DuckDB file; None for other destinations and for connections."""
    if config is None or config.destination_type != "duckdb":
        return None
    file = config.credentials.database
    return None if file.startswith(":") else str(Path(file).resolve())


def _is_of_command_line(pipeline: SupportsPipeline) -> bool:
    return isinstance(pipeline.destination.config_params.get("credentials"), PatientCredentials)


def _given_path(pipeline: SupportsPipeline) -> Path | None:
    """The path in the pipeline's destination or in dlt's config; None if neither has one."""
    credentials = pipeline.destination.config_params.get("credentials")
    if credentials is None:
        return configured_database(pipeline.pipeline_name)
    if isinstance(credentials, str):
        credentials = DuckDbCredentials(credentials)
    path = getattr(credentials, "database", None)
    return Path(path) if path else None
