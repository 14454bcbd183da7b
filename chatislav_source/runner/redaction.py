"""Removes row values from logs and errors of failed loads.

A warehouse may quote the value that it refuses, and dlt logs and raises that text. The records of
pipelines of other sources are not changed.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import dlt
from dlt.common.pipeline import current_pipeline
from dlt.destinations.exceptions import DatabaseException, DestinationConnectionError

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.defaults import is_ours
from chatislav_source.destinations.duckdb_file.access import locked_error
from chatislav_source.destinations.duckdb_file.kept_open import KeptOpen
from chatislav_source.errors import ChatislavError, LoadFailedError

MAX_CHARACTERS = 300
NAMED = (
    "column|constraint|database|dataset|encoding|file|function|index|object|relation|role|schema|"
    "sequence|table|type|user|view|warehouse"
)
HARMLESS = re.compile(
    # the name of something in the warehouse, which stands in quotation marks: table "x"
    rf"\b(?:{NAMED}) (?P<quote>[\"'`])[A-Za-z_][\w$.-]{{0,127}}(?P=quote)(?![\w\"'`])"
    # the folders of a DuckLake: the one that is configured, and the one that its catalog has
    r"|\b(?:DATA_PATH parameter|existing data path in the catalog) \"[^\"\s]{1,200}\""
    # the length of a type, as varying(16), and the SQLSTATE that Snowflake puts first
    r"|(?<=[a-z])\(\d{1,5}\)|^\d{6} \(\w{5}\)",
    re.IGNORECASE,
)
NOT_ENCODED = (
    "a text cannot be written in the encoding of the warehouse's database or session, {}; load "
    "into a database in UTF-8"
)
VALUE_FROM = re.compile(
    "[\"'`(\n]| with message "
    # values without quotation marks, as BigQuery's `Bad int64 value: x`
    r"|(?i:\b(?:value|string|date|time|timestamp|input|row|key|data|token|near)s?\s*[:=])"
)


def harmless(text: str) -> str:
    """The text up to where it may quote a row, at most `MAX_CHARACTERS` long.

    Names of tables, columns and constraints are kept, and a second line after a colon at the end of
    the first.
    """
    text = re.sub(r":[ \t]*\n\s*", ": ", text.strip(), count=1)
    kept, place = "", 0
    while found := VALUE_FROM.search(text, place):
        name = next((n for n in HARMLESS.finditer(text, place) if n.end() > found.start()), None)
        if name is None or name.start() > found.start():
            return (kept + text[place : found.start()]).strip(" :=")[:MAX_CHARACTERS]
        kept += text[place : name.end()]
        place = name.end()
    return (kept + text[place:]).strip(" :")[:MAX_CHARACTERS]


def reason_of(error: BaseException) -> str:
    """The table, the kind and the harmless text of the first of an error's causes."""
    chain = [error]
    while cause := chain[-1].__cause__ or chain[-1].__context__:
        chain.append(cause)
    first = chain[-1]
    jobs = [job for each in chain if isinstance(job := getattr(each, "job_id", None), str)]
    table = f"table {jobs[0].partition('.')[0]}: " if jobs else ""
    text = NOT_ENCODED.format(first.encoding) if isinstance(first, UnicodeEncodeError) else ""
    text = text or harmless(str(first))
    return f"{table}{type(first).__name__}{': ' * bool(text)}{text}"


def failed_query(error: Exception) -> ChatislavError:
    """The error to raise if the destination could not be asked what it holds."""
    locked = locked_error(str(error))
    return locked or LoadFailedError("read", reason_of(error))


def open_file(file: KeptOpen) -> None:
    """Open a DuckDB file, to be kept open.

    Raises:
        PipelineLockedError: another process has it open.
        LoadFailedError: it cannot be opened.
    """
    try:
        file.open()
    except (DatabaseException, DestinationConnectionError) as error:
        raise failed_query(error) from None


@contextmanager
def asking(pipeline: dlt.Pipeline) -> Iterator[SqlClient]:
    """A connection to the destination, whose errors quote no row.

    Raises:
        LoadFailedError: a statement failed.
    """
    try:
        with pipeline.sql_client() as client:
            yield client
    except (DatabaseException, DestinationConnectionError) as error:
        raise failed_query(error) from None


class RedactRowsFilter(logging.Filter):
    """Shortens dlt's log records of failed load jobs to `harmless` text."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Always True: records are shortened, not dropped."""
        if (record.exc_info or record.module == "load") and is_ours(current_pipeline()):
            record.msg, record.args = harmless(record.getMessage()), None
            record.exc_info = record.exc_text = record.stack_info = None
        return True


class ExpectedWarningsFilter(logging.Filter):
    """Drops dlt's warnings about intended behaviour, which every load would repeat."""

    INTENDED = (
        # Arrow has no JSON type, so a json column is sent as text; dlt uses our type, as intended
        "when merging arrow schema with dlt schema",
        # appended rows have no row to delete, and merged rows need the hint
        'The "hard_delete" column hint for column',
        # rows for Postgres where parquet cannot be loaded; CSV would turn empty texts into null
        "A ArrowToInsertValuesWriter writer is used",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is not one of these warnings."""
        message = record.getMessage()
        is_intended = any(part in message for part in self.INTENDED)
        return not (is_intended and is_ours(current_pipeline()))


def install_log_filters() -> None:
    """Add both filters to dlt's logger, unless it has them already."""
    dlt_logger = logging.getLogger("dlt")
    for kind in (RedactRowsFilter, ExpectedWarningsFilter):
        if not any(isinstance(known, kind) for known in dlt_logger.filters):
            dlt_logger.addFilter(kind())
