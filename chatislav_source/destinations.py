"""Where the rows go: a dlt pipeline for a destination, checked before anything is requested."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import dlt
import duckdb
from dlt.common.pipeline import get_dlt_pipelines_dir

from chatislav_source.errors import ConfigurationError, PipelineBusyError

NOT_DUCKDB = (
    "{path} is not a DuckDB database, or is damaged. Give another --database, or move it away."
)
HELD = (
    "The DuckDB file {path} is held by another process; DuckDB allows one writer at a time. Close "
    "the other program (a notebook or a DuckDB shell counts) and run again; nothing is lost."
)


@dataclass(frozen=True)
class Target:
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
        """The dlt pipeline into this destination."""
        destination = (
            dlt.destinations.duckdb(str(self.database)) if self.is_duckdb else self.destination
        )
        return dlt.pipeline(
            self.pipeline_name,
            destination=destination,
            dataset_name=self.dataset,
            pipelines_dir=self.pipelines_dir or get_dlt_pipelines_dir(),
        )

    def check_file(self) -> None:
        """See that a DuckDB file can be written.

        Raises:
            ConfigurationError: the file is not DuckDB, its folder is missing, or the dataset has
                the file's name, which DuckDB cannot tell apart.
            PipelineBusyError: another process holds it.
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


def _open(path: Path) -> None:
    try:
        duckdb.connect(str(path)).close()
    except duckdb.IOException as error:
        if "Could not set lock" in str(error):
            raise PipelineBusyError(HELD.format(path=path)) from None
        raise ConfigurationError(NOT_DUCKDB.format(path=path)) from None
    except duckdb.Error:
        raise ConfigurationError(NOT_DUCKDB.format(path=path)) from None
