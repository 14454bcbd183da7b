"""Writes a model into a file: CSV, XLSX or parquet, by the file's ending."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dlt
import pyarrow as pa
import pyarrow.parquet as pq
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from chatislav_source.errors import ConfigurationError
from chatislav_source.views.compiled import PREFIX, dialect_of, models_of, schema_of

Row = tuple[Any, ...]
ROWS_AT_ONCE = 5_000
MAX_SHEET_ROWS = 1_048_575  # of XLSX, beside the names of the columns
MAX_CELL_CHARACTERS = 32_767  # of XLSX
UNFINISHED = ".unfinished"


def export_model(pipeline: dlt.Pipeline, model: str, file: Path, schema: str | None = None) -> int:
    """Write all rows of a model into `file`; returns their number.

    `model` is its name without `chatislav__`; `schema` that of the views, None as in `make_views`.
    An existing file is replaced once the new one is complete. Instants are UTC.

    Raises:
        ConfigurationError: there is no such model or view, or the file cannot be written.
    """
    write = writer_of(file)
    name = PREFIX + model.removeprefix(PREFIX)
    known = [m.name for m in models_of(dialect_of(pipeline.destination.destination_type))]
    if name not in known:
        shown = ", ".join(sorted(m.removeprefix(PREFIX) for m in known if m.startswith(PREFIX)))
        raise ConfigurationError(f"There is no model {model!r}. There are: {shown}.")
    try:
        with pipeline.sql_client() as client, replacing(file) as unfinished:
            with client.with_alternative_dataset_name(schema_of(client.dataset_name, schema)):
                view = client.make_qualified_table_name(name)
            with client.execute_query(f"SELECT * FROM {view}") as cursor:  # noqa: S608 - no input
                names = [column[0].lower() for column in cursor.description]
                return write(unfinished, names, _rows(cursor))
    except DatabaseUndefinedRelation:
        raise ConfigurationError(f"There is no view {view}. `chatislav models` makes it.") from None


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """A file to write beside `file`, which it replaces once it is complete.

    Raises:
        ConfigurationError: it cannot be written.
    """
    unfinished = file.with_name(file.name + UNFINISHED)
    try:
        yield unfinished
        unfinished.replace(file)
    except OSError as error:
        text = f"{file} cannot be written ({error.strerror}). Choose another --out."
        raise ConfigurationError(text) from None
    finally:
        unfinished.unlink(missing_ok=True)


def writer_of(file: Path) -> Callable[[Path, list[str], Iterable[Row]], int]:
    """What writes a file of that ending, and returns the number of rows.

    Raises:
        ConfigurationError: no file has that ending, or what XLSX needs is not installed.
    """
    writers = {".csv": write_csv, ".xlsx": write_xlsx, ".parquet": write_parquet}
    ending = file.suffix.lower()
    if ending not in writers:
        raise ConfigurationError(f"{file.name!r} does not end with .csv, .xlsx or .parquet.")
    if ending == ".xlsx" and find_spec("xlsxwriter") is None:
        text = "XLSX needs another package: pip install 'chatislav-source[export]'. Or use .csv."
        raise ConfigurationError(text)
    return writers[ending]


def write_csv(file: Path, names: list[str], rows: Iterable[Row]) -> int:
    """Write CSV in UTF-8 with a byte order mark, without which Excel shows Cyrillic wrongly."""
    count = 0
    with file.open("w", encoding="utf-8-sig", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(names)
        for row in rows:
            writer.writerow([_text(value) for value in row])
            count += 1
    return count


def write_xlsx(file: Path, names: list[str], rows: Iterable[Row]) -> int:
    """Write one sheet; texts are never formulas, and are cut at 32,767 characters."""
    import xlsxwriter

    count = 0
    with xlsxwriter.Workbook(str(file), {"constant_memory": True}) as book:
        sheet = book.add_worksheet("chatislav")
        sheet.freeze_panes(1, 0)
        sheet.write_row(0, 0, names, book.add_format({"bold": True}))
        for count, row in enumerate(rows, start=1):
            if count > MAX_SHEET_ROWS:
                text = f"XLSX holds {MAX_SHEET_ROWS:,} rows, and there are more. Use .csv."
                raise ConfigurationError(text)
            for place, value in enumerate(row):
                if isinstance(value, bool | int | float | Decimal):
                    sheet.write(count, place, value)
                elif value is not None:
                    sheet.write_string(count, place, str(_text(value))[:MAX_CELL_CHARACTERS])
    return count


def write_parquet(file: Path, names: list[str], rows: Iterable[Row]) -> int:
    """Write parquet; all rows are in memory, as a type is known once every value was seen."""
    values = list(zip(*rows, strict=True)) or [()] * len(names)
    table = pa.table({name: pa.array(column) for name, column in zip(names, values, strict=True)})
    pq.write_table(table, file, compression="zstd")
    return int(table.num_rows)


def _rows(cursor: Any) -> Iterator[Row]:
    while rows := cursor.fetchmany(ROWS_AT_ONCE):
        for row in rows:
            yield tuple(_plain(value) for value in row)


def _plain(value: Any) -> Any:
    """A value as every client could give it."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return value


def _text(value: Any) -> Any:
    """A value as text where CSV has no form of its own for it."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ").replace("+00:00", "Z")
    return "" if value is None else value
