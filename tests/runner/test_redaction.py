"""What a warehouse says keeps its sense, without values of rows."""

from __future__ import annotations

import pytest

from chatislav_source.runner.redaction import MAX_CHARACTERS, harmless, reason_of

SECRET = "Tajna 7781"

KEPT = [
    (
        'DATA_PATH parameter "/data/b/" does not match existing data path in the catalog "/data/a/"'
        f".\n{SECRET}",
        'does not match existing data path in the catalog "/data/a/"',
    ),
    (
        'duplicate key value violates unique constraint "conversations_pkey"\n'
        f"DETAIL:  Key (session_id)=({SECRET}) already exists.",
        'duplicate key value violates unique constraint "conversations_pkey"',
    ),
    (
        'null value in column "bot_id" of relation "conversations" violates not-null constraint\n'
        f"DETAIL:  Failing row contains ({SECRET}).",
        'null value in column "bot_id" of relation "conversations" violates not-null constraint',
    ),
    (
        f"001003 (42000): 01b2: SQL compilation error:\nsyntax error line 1 unexpected '{SECRET}'.",
        "001003 (42000): 01b2: SQL compilation error: syntax error line 1 unexpected",
    ),
    (
        "002003 (42S02): 01b2: SQL compilation error:\nObject 'DB.S.T' does not exist.",
        "002003 (42S02): 01b2: SQL compilation error: Object 'DB.S.T' does not exist.",
    ),
    (f"100038 (22018): 01b2: Numeric value '{SECRET}' is not recognized", "100038 (22018)"),
    (
        "value too long for type character varying(16)",
        "value too long for type character varying(16)",
    ),
    (
        'character 0xd0 in encoding "UTF8" has no equivalent in encoding "LATIN1"',
        'in encoding "UTF8" has no equivalent in encoding "LATIN1"',
    ),
    (f'invalid input syntax for type bigint: "{SECRET}"', "invalid input syntax for type bigint"),
    (f"Bad int64 value: {SECRET}", "Bad int64"),
    (f"Could not convert string '{SECRET}' to INT64", "Could not convert string"),
    (f'Duplicate key "id: {SECRET}" violates primary key constraint', "Duplicate key"),
    ("NOT NULL constraint failed: conversations.bot_id", "failed: conversations.bot_id"),
]


@pytest.mark.parametrize(("text", "kept"), KEPT)
def test_a_text_keeps_its_sense_and_no_value(text: str, kept: str) -> None:
    shown = harmless(text)

    assert kept in shown
    assert not set(SECRET.split()) & set(shown.split())


@pytest.mark.parametrize(
    "text",
    [
        f'table "{SECRET}"',
        f'type "x"{SECRET}',
        f"column 'it's {SECRET}'",
        f"value ({SECRET})",
        f"Row: {SECRET}",
        f"wrong\n{SECRET}",
        f"the key = {SECRET}",
    ],
)
def test_what_may_be_a_value_is_left_out(text: str) -> None:
    assert "7781" not in harmless(text)


def test_a_long_text_is_cut() -> None:
    assert len(harmless("x" * 2 * MAX_CHARACTERS)) == MAX_CHARACTERS


class JobError(Exception):
    """An error of a load job, as dlt raises it."""

    job_id = "conversations__messages.1a2b.parquet"


def test_a_reason_names_the_table_and_the_first_cause() -> None:
    error = JobError("with a row")
    error.__cause__ = KeyError("no column")

    assert reason_of(error) == "table conversations__messages: KeyError"


def test_a_text_that_the_warehouse_cannot_encode_is_explained_and_not_shown() -> None:
    error = UnicodeEncodeError("latin-1", SECRET, 0, 1, "ordinal not in range(256)")

    assert "latin-1; load into a database in UTF-8" in reason_of(error)
    assert SECRET not in reason_of(error)
