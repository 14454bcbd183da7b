"""Pipelines of other sources, in the same process, are not changed in any way."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """
import json, logging, re, sys, threading
import dlt
from chatislav_source import chatislav, sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

records = []
handler = logging.Handler()
handler.emit = records.append


def foreign(number):
    'What a failing load of another source says and leaves.'
    pipeline = dlt.pipeline(
        f"foreign_{number}", destination=dlt.destinations.duckdb(f"{number}.duckdb"),
        dataset_name="other", pipelines_dir="foreign",
    )
    rows = [{"id": 1, "name": "Ana"}]
    options = {"primary_key": "id", "write_disposition": "merge"}
    pipeline.run(rows, table_name="people", **options)
    with pipeline.sql_client() as client:
        client.execute_sql("ALTER TABLE people ALTER name TYPE BIGINT USING 1")
    logging.getLogger("dlt").addHandler(handler)
    me = threading.current_thread().name
    try:
        pipeline.run(rows, table_name="people", **options)
        error = None
    except Exception as raised:
        error = str(raised)
    try:
        dlt.config["sources.other.missing"]
        missing = None
    except Exception as raised:
        missing = str(raised)
    completed = sorted(
        path.suffix for path in __import__("pathlib").Path("foreign", f"foreign_{number}").rglob(
            "loaded/*/completed_jobs/*")
    )
    staging = pipeline.destination_client().config.staging_dataset_name_layout
    said = [
        [record.levelname, record.getMessage(), bool(record.exc_info)]
        for record in records
        if me in record.threadName or record.threadName.startswith(
            f"dlt-pool-{threading.get_ident()}-")
    ]
    text = json.dumps([said, error, missing, completed, staging])
    identifiers = r"[0-9a-f]{8,}([.][0-9]+)?|[0-9]+[.][0-9]+|0x[0-9a-f]+"
    text = re.sub(rf"{identifiers}|foreign_[0-9]+|[0-9]+[.]duckdb", "_", text)
    records.clear()
    return json.loads(text)


world = World.generate(bot_ids=(1,), conversations=3, days=1)
found = {"before": foreign(1)}
with Sandbox(world) as api:
    given = {"bot_ids": [1], "api_key": SANDBOX_KEY, "base_url": api.base_url}
    pipeline = dlt.pipeline(
        "ours", destination=dlt.destinations.duckdb("ours.duckdb"), dataset_name="chat",
        pipelines_dir="ours",
    )
    pipeline.run(chatislav(**given))
    found["after"] = foreign(2)

    def at_once(source):
        thread = threading.Thread(target=lambda: found.setdefault("beside", foreign(3)))
        thread.start()
        thread.join()

    sync(pipeline, customize=at_once, **given)
found["after sync"] = foreign(4)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a failing load of another source says: before ours, after it, and in a thread."""
    folder = tmp_path_factory.mktemp("guests")
    Path(folder, "script.py").write_text(SCRIPT)
    ended = subprocess.run(
        [sys.executable, "script.py"], capture_output=True, text=True, cwd=folder, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    result: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return result


def test_a_failing_load_of_another_source_says_why(found: dict[str, Any]) -> None:
    """So that the comparison below compares something."""
    said, error, missing, completed, staging = found["before"]

    assert any("Could not convert string" in message for _, message, _ in said)
    assert "Could not convert string" in error
    assert "missing" in missing
    assert completed
    assert staging == "%s_staging"


@pytest.mark.parametrize("moment", ["after", "beside", "after sync"])
def test_it_says_the_same_where_this_source_is_used(found: dict[str, Any], moment: str) -> None:
    said, error, missing, *settings = found[moment]

    # dlt lists all providers of the process where a value is missing
    mentions = [line for line in missing.splitlines(keepends=True) if "chatislav" in line]
    assert all("is empty" in line for line in mentions)
    without = "".join(line for line in missing.splitlines(keepends=True) if line not in mentions)
    assert [said, error, without, *settings] == found["before"]
