"""Privacy settings on Postgres: no table, staging table or file of a run has an original."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.exactness.originals import (
    BOT,
    HASHED_PHONE,
    ODD_BOT,
    ORIGINALS,
    PSEUDONYMOUS,
    found_in,
    make_bad,
    planted,
    unpacked,
)
from tests.exactness.stories import CrashError, crashing
from tests.exactness.truth import days_ago


@pytest.mark.slow
def test_no_table_or_file_has_an_original_also_after_a_crash(
    postgres_url: str, tmp_path: Path
) -> None:
    world = planted(4)
    pipeline = dlt.pipeline(
        "private",
        destination=dlt.destinations.postgres(postgres_url),
        dataset_name="private",
        pipelines_dir=str(tmp_path / "pipelines"),
    )
    with Sandbox(world) as api:
        api.configure(**make_bad(world, ODD_BOT))
        given: dict[str, Any] = {
            "bot_ids": [BOT, ODD_BOT],
            "api_key": SANDBOX_KEY,
            "base_url": api.base_url,
            "start_date": days_ago(3),
            "privacy": PSEUDONYMOUS,
            "history": True,
        }

        with suppress(CrashError), crashing("load", True, 1):
            sync(pipeline, **given)
            raise AssertionError("it did not crash")
        after_crash = [*found_in(tmp_path), *found_in_tables(pipeline)]
        sync(pipeline, **given)

    assert after_crash == []
    assert [*found_in(tmp_path), *found_in_tables(pipeline)] == []
    with pipeline.sql_client() as client:
        query = "SELECT DISTINCT contact__phone_number FROM conversations WHERE bot_id = %s"
        assert client.execute_sql(query, BOT) == [(HASHED_PHONE,)]


def found_in_tables(pipeline: dlt.Pipeline) -> list[str]:
    """Which of the originals are in a table of any schema, also of the staging dataset."""
    return [each for text in texts_of_tables(pipeline) for each in ORIGINALS if each in text]


def texts_of_tables(pipeline: dlt.Pipeline) -> Iterator[str]:
    """Every row of every table as text; states of dlt are unpacked."""
    names = (
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema LIKE 'private%%'"
    )
    with pipeline.sql_client() as client:
        for schema, name in client.execute_sql(names) or ():
            for row in client.execute_sql(f'SELECT * FROM "{schema}"."{name}"') or ():
                yield " ".join(map(str, row))
                yield from filter(None, map(unpacked, row))
