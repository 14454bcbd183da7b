"""What the tables hold is believed only of the load that is known to be the last."""

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


def is_believed(resource_state: dict[str, Any]) -> bool:
    """Whether a run that begins from this state believes it."""
    return CommitMarker("conversations", deepcopy(resource_state)).is_committed(BOT_ID)


def test_a_load_is_believed_until_another_one_begins_to_hand_out_rows() -> None:
    trust = CommitMarker("conversations", {})
    committed: dict[str, Any] = {}
    trust.begin_load()
    for _ in range(2):
        trust.advance(committed, [BOT_ID], known=True)
    trust.begin_load()

    assert is_believed(committed)

    lost: dict[str, Any] = {}
    trust.advance(lost, [BOT_ID], known=True)

    assert not is_believed(committed)
    assert is_believed(lost)
