"""The cron line of the documentation alarms about failures, and not about a run under way."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs/schedulers.md"


@pytest.mark.parametrize(
    ("status", "alarms"), [(0, False), (1, True), (2, True), (75, False), (130, True)]
)
def test_the_cron_line_alarms_unless_a_run_is_complete_or_another_is_under_way(
    tmp_path: Path, status: int, alarms: bool
) -> None:
    (line,) = re.findall(r"^\S+ \* \* \* \* (.*)$", PAGE.read_text("utf-8"), re.MULTILINE)
    for path, text in (
        (".venv/bin/chatislav", f"echo said; exit {status}"),
        ("alert", "cat >alarmed"),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / path).chmod(0o755)
    (tmp_path / "sync.log").write_text("the run under way\n")

    subprocess.run(["/bin/sh", "-c", line.replace("/srv/chatislav", str(tmp_path))], check=False)

    assert (tmp_path / "alarmed").exists() == alarms
    assert (tmp_path / "sync.log").read_text() == "the run under way\nsaid\n"
