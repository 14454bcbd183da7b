"""A query for which DuckDB lacks memory is asked again with more; its errors quote no row."""

from __future__ import annotations

from collections.abc import Callable

import dlt
import pytest
from dlt.destinations.exceptions import DatabaseTerminalException, DatabaseUndefinedRelation

from chatislav_source.errors import LoadFailedError
from chatislav_source.runner.queries.memory import with_memory

LACKS_MEMORY = DatabaseTerminalException(Exception("Out of Memory Error: failed to pin block"))
REFUSED = DatabaseTerminalException(Exception("Conversion Error: could not convert 'a row'"))
NO_TABLE = DatabaseUndefinedRelation(Exception("Catalog Error: no table"))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done between two attempts."""
    done: list[str] = []
    monkeypatch.setattr(
        "chatislav_source.runner.queries.memory.raise_memory_limit", lambda _: done.append("raised")
    )
    return done


def failing(*errors: Exception) -> Callable[[], str]:
    """An attempt that fails with these errors in turn, and then succeeds."""
    left = list(errors)

    def attempt() -> str:
        if left:
            raise left.pop(0)
        return "result"

    return attempt


def test_a_second_attempt_has_more_memory_and_no_connection_of_before(
    pipeline: dlt.Pipeline, done: list[str]
) -> None:
    found = with_memory(pipeline, failing(LACKS_MEMORY), lambda: done.append("disconnected"))

    assert found == "result"
    assert done == ["disconnected", "raised"]


@pytest.mark.parametrize("errors", [[REFUSED], [LACKS_MEMORY, REFUSED], [LACKS_MEMORY] * 2])
def test_any_other_error_and_a_second_one_quote_no_row(
    pipeline: dlt.Pipeline, done: list[str], errors: list[Exception]
) -> None:
    with pytest.raises(LoadFailedError) as raised:
        with_memory(pipeline, failing(*errors))

    assert "a row" not in str(raised.value)
    assert len(done) == len(errors) - 1


def test_a_missing_table_is_told_as_it_is(pipeline: dlt.Pipeline, done: list[str]) -> None:
    with pytest.raises(DatabaseUndefinedRelation):
        with_memory(pipeline, failing(NO_TABLE))

    assert done == []
