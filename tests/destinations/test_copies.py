"""The files of completed loads are deleted, unless the user wants to keep them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlt
import pytest

from chatislav_source import chatislav, sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox
from tests.conftest import days_ago


def load(how: str, pipeline: dlt.Pipeline, api: Sandbox) -> None:
    """One load of one bot, in one of the two ways."""
    given: Any = {"bot_ids": [101], "api_key": SANDBOX_KEY, "base_url": api.base_url}
    if how == "plain":
        pipeline.run(chatislav(start_date=days_ago(3), **given))
    else:
        sync(pipeline, start_date=days_ago(3), **given)


def rows_on_disk(pipeline: dlt.Pipeline) -> list[Path]:
    """The files with rows in the pipeline's folder."""
    return list(Path(pipeline.working_dir).rglob("*.parquet"))


@pytest.mark.parametrize("how", ["plain", "sync"])
def test_no_copy_of_a_row_is_left_on_the_machine(
    api: Sandbox, pipeline: dlt.Pipeline, how: str
) -> None:
    load(how, pipeline, api)

    assert rows_on_disk(pipeline) == []


@pytest.mark.parametrize("how", ["plain", "sync"])
def test_dlts_option_keeps_them(
    api: Sandbox, pipeline: dlt.Pipeline, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOAD__DELETE_COMPLETED_JOBS", "false")

    load(how, pipeline, api)

    assert rows_on_disk(pipeline) != []
