"""Digests are used only if the tables hold the load they describe."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source.runner.row_digests import CommitMarker

BOT_ID = 101


@pytest.fixture(autouse=True)
def pipeline(tmp_path: Path) -> dlt.Pipeline:
    """The pipeline that is running."""
    return dlt.pipeline("p", pipelines_dir=str(tmp_path), destination="duckdb")


def is_committed_after(resource_state: dict[str, Any]) -> bool:
    """Whether a run that begins with this state uses its digests."""
    return CommitMarker("conversations", deepcopy(resource_state)).is_committed(BOT_ID)


def test_a_load_counts_as_committed_until_another_load_hands_out_rows() -> None:
    marker = CommitMarker("conversations", {})
    committed: dict[str, Any] = {}
    marker.begin_load()
    for _ in range(2):
        marker.advance(committed, [BOT_ID], known=True)
    marker.begin_load()

    assert is_committed_after(committed)

    lost: dict[str, Any] = {}
    marker.advance(lost, [BOT_ID], known=True)

    assert not is_committed_after(committed)
    assert is_committed_after(lost)
