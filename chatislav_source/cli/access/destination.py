"""Checks that the destination can be reached and written, by means of a temporary table."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from dlt.common.configuration import is_secret_hint
from dlt.common.configuration.specs import BaseConfiguration
from dlt.common.destination.client import JobClientBase
from dlt.destinations.exceptions import DestinationConnectionError
from dlt.destinations.sql_client import SqlClientBase, WithSqlClient

from chatislav_source.cli.access.bots import CheckResult
from chatislav_source.destinations.adapter import adapter_of
from chatislav_source.destinations.defaults import own_defaults
from chatislav_source.destinations.dlt_internals import FSClientBase
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.errors import ConfigurationError

CONNECT = (
    "cannot be reached ({reason}). Check host, user and password in "
    "[destination.{name}.credentials], and whether this machine may connect to it."
)
DATASET = (
    "can be reached, but datasets {dataset} and {staging} cannot be created ({reason}). Give the "
    "user the right to create datasets (schemas), or have both created and give the user all "
    "rights in them."
)
WRITE = (
    "can be reached, but not written: a table could not be created, filled, read and dropped in "
    "{dataset} ({reason}). Give the user these rights."
)
WRITE_FILE = (
    "can be reached, but not written: a file could not be created, read and deleted in the folder "
    "of {dataset} ({reason}). Give the user these rights, and check bucket_url in "
    "[destination.{name}]."
)


class UnusableError(Exception):
    """The destination cannot be used; the message is a predicate without its subject."""


def check_destination(config: PipelineConfig) -> CheckResult:
    """Check that rows can be loaded; creates the dataset and its staging dataset if missing.

    Raises:
        ConfigurationError: the destination is unknown, or its client or credentials are missing.
    """
    pipeline = config.pipeline()
    own_defaults().claim(pipeline)
    client = pipeline.destination_client()
    try:
        with ExitStack() as stack:
            with _explained(CONNECT, config, client):
                stack.enter_context(client)  # type: ignore[arg-type] # dlt's __exit__ has no full type
            if isinstance(client, FSClientBase):
                with _explained(WRITE_FILE, config, client):
                    client.initialize_storage()
                    _write_file(client)
            else:
                _check(config, client)
    except UnusableError as problem:
        return CheckResult(f"{config}", f"{config.destination} {problem}")
    return CheckResult(f"{config}")


def _check(config: PipelineConfig, client: JobClientBase) -> None:
    if not isinstance(client, WithSqlClient):
        with _explained(WRITE, config, client):
            client.initialize_storage()
        return
    sql = client.sql_client
    with _explained(CONNECT, config, client):
        exists = sql.has_dataset()  # some clients connect only here
        too_old = adapter_of(config.pipeline()).version_problem(sql)
    if too_old:
        raise UnusableError(too_old)
    with _explained(DATASET, config, client, staging=sql.staging_dataset_name):
        if not exists:
            sql.create_dataset()
        with sql.with_staging_dataset():
            if not sql.has_dataset():
                sql.create_dataset()
    with _explained(WRITE, config, client):
        _write(sql)


def _write(sql: SqlClientBase[Any]) -> None:
    """Create a table, fill it, read it and drop it, as a load does."""
    name = sql.make_qualified_table_name(f"chatislav_check_{uuid.uuid4().hex[:12]}")
    sql.execute_sql(f"CREATE TABLE {name} AS SELECT 1 AS number")
    try:
        sql.execute_sql(f"INSERT INTO {name} (number) VALUES (2)")  # noqa: S608 - no input
        sql.execute_sql(f"DELETE FROM {name} WHERE number = 1")  # noqa: S608 - no input
        rows = sql.execute_sql(f"SELECT number FROM {name}")  # noqa: S608 - no input
        if [tuple(row) for row in rows or []] != [(2,)]:
            raise UnusableError(f"returned other rows than were written: {rows!r}.")
    finally:
        sql.execute_sql(f"DROP TABLE {name}")


def _write_file(client: Any) -> None:
    """Create a file, read it and delete it, in the folder of the dataset."""
    path = client.pathlib.join(client.dataset_path, f"chatislav_check_{uuid.uuid4().hex[:12]}")
    client.fs_client.pipe_file(path, b"written")
    try:
        found = client.fs_client.cat_file(path)
        if found != b"written":
            raise UnusableError("returned another file than was written.")
    finally:
        client.fs_client.rm_file(path)


@contextmanager
def _explained(
    text: str, config: PipelineConfig, client: JobClientBase, **names: str
) -> Iterator[None]:
    """Convert any error to `text`, with the first line of the client's message."""
    try:
        yield
    except (UnusableError, ConfigurationError):
        raise
    except Exception as error:
        raise UnusableError(
            text.format(
                reason=_reason(error, client),
                name=config.destination,
                dataset=config.dataset,
                **names,
            )
        ) from None


def _reason(error: Exception, client: JobClientBase) -> str:
    cause = error.inner_exc if isinstance(error, DestinationConnectionError) else error
    text = without_secrets(str(cause).partition("\n")[0].strip(), client.config)
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def without_secrets(text: str, config: BaseConfiguration) -> str:
    """`text` with every secret of the configuration replaced by `***`."""
    for secret in _secrets(config):
        text = text.replace(secret, "***")
    return text


def _secrets(config: BaseConfiguration) -> Iterator[str]:
    for name, hint in config.get_resolvable_fields().items():
        value = getattr(config, name, None)
        if isinstance(value, BaseConfiguration):
            yield from _secrets(value)
        elif value and is_secret_hint(hint):
            yield str(value)
