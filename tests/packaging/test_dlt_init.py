"""`dlt init chatislav <destination> --location <repository>`, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

ROOT = Path(__file__).parents[2]
DLT = Path(sys.executable).with_name("dlt")

DATABASE = "chatislav_sync.duckdb"  # of the pipeline's name, as dlt's

RUN_ALL = """
import os, sys
from chatislav_pipeline import keep_current, load_all
from chatislav_source import ConfigurationError
for run in (load_all, keep_current):
    try:
        run()
    except ConfigurationError as error:
        print("refused:", error)
os.environ.update(word.split("=", 1) for word in sys.argv[1:])
for run in (load_all, keep_current):
    print("returned", run())
"""


@pytest.mark.slow
def test_dlt_init_writes_a_pipeline_that_runs(tmp_path: Path, api: Sandbox) -> None:
    folder = tmp_path / "project"
    folder.mkdir()

    def run(*command: str | Path, **environment: str) -> str:
        variables = os.environ | {"PYTHONPATH": str(ROOT)} | environment
        ended = subprocess.run(
            command, capture_output=True, text=True, cwd=folder, env=variables, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    run(DLT, "--non-interactive", "init", "chatislav", "duckdb", "--location", ROOT)
    secrets = (folder / ".dlt/secrets.toml").read_text()
    config = folder / ".dlt/config.toml"
    script = (folder / "chatislav_pipeline.py").read_text()
    requirements = (folder / "requirements.txt").read_text()
    config.write_text(f"{config.read_text()}\n[sources.chatislav]\nbot_ids = [101, 102]\n")
    key = {"SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY, "SOURCES__CHATISLAV__BASE_URL": api.base_url}
    printed = run(sys.executable, "-c", RUN_ALL, *map("=".join, key.items()))
    status = run(DLT.with_name("chatislav"), "status", "--database", DATABASE, "--json", **key)

    assert secrets.split("\n")[:2] == [
        "[sources.chatislav]",
        'api_key = "<configure me>" # fill this in!',
    ]
    assert script.count("destination='duckdb'") == 2
    assert "dlt[duckdb]" in requirements
    assert printed.count("refused: There is no API key") == 2
    assert printed.count("returned") == 2
    assert "\n0 rows written" in printed  # the second run finds what the first one has loaded
    assert [bot["conversations"] for bot in json.loads(status)] == [40, 40]
