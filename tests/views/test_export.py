"""The files that a model is exported to."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from chatislav_source.errors import ConfigurationError
from chatislav_source.views import export
from chatislav_source.views.export import Row, replacing, writer_of

NAMES = ["word", "count", "share", "is_new", "day", "at"]
AT = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
ROWS: list[Row] = [
    (None, None, None, None, None, None),
    ('Љубав, "ž"\n', 3, 0.25, True, date(2026, 10, 25), AT),
    ("=1+1", 0, -1.5, False, None, None),
]


def written(folder: Path, ending: str) -> Path:
    """A file with the rows."""
    file = folder / f"words.{ending}"
    assert writer_of(file)(file, NAMES, iter(ROWS)) == len(ROWS)
    return file


def test_csv_shows_cyrillic_in_excel_and_has_empty_fields_for_nulls(tmp_path: Path) -> None:
    text = written(tmp_path, "csv").read_bytes().decode("utf-8")

    assert text.startswith("\ufeffword,count,share,is_new,day,at\r\n,,,,,\r\n")
    row = '"Љубав, ""ž""\n",3,0.25,True,2026-10-25,2026-10-25 00:30:00Z'
    assert text.endswith(f"{row}\r\n=1+1,0,-1.5,False,,\r\n")


def test_parquet_keeps_the_types(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, "parquet"))

    assert [tuple(row.values()) for row in table.to_pylist()] == ROWS
    types = [str(field.type) for field in table.schema]
    assert types == ["string", "int64", "double", "bool", "date32[day]", "timestamp[us, tz=UTC]"]


def test_a_text_is_never_a_formula_in_xlsx(tmp_path: Path) -> None:
    with zipfile.ZipFile(written(tmp_path, "xlsx")) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode("utf-8")

    assert "<f>" not in sheet
    assert all(text in sheet for text in ("Љубав", "=1+1", "<v>0.25</v>", "2026-10-25 00:30:00Z"))


def test_xlsx_refuses_more_rows_than_a_sheet_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "MAX_SHEET_ROWS", 2)

    with pytest.raises(ConfigurationError, match=r"XLSX holds 2 rows.*Use \.csv"):
        written(tmp_path, "xlsx")


def test_a_model_without_rows_is_a_file_with_the_columns(tmp_path: Path) -> None:
    def nothing() -> Iterator[Row]:
        yield from ()

    file = tmp_path / "none.parquet"

    assert writer_of(file)(file, NAMES, nothing()) == 0
    assert pq.read_table(file).column_names == NAMES


def test_another_ending_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"does not end with \.csv, \.xlsx or \.parquet"):
        writer_of(Path("words.doc"))


def test_a_file_is_replaced_once_the_new_one_is_complete(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("old")

    def fail_halfway() -> None:
        with replacing(file) as unfinished:
            unfinished.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert file.read_text() == "old"

    with replacing(file) as unfinished:
        unfinished.write_text("new")
        assert file.read_text() == "old"

    assert file.read_text() == "new"
    assert list(tmp_path.iterdir()) == [file]
