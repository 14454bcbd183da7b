"""The command `report` writes one HTML file, and says what to do where it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from chatislav_source.cli.answers import report
from chatislav_source.errors import ConfigurationError
from chatislav_source.sandbox import Sandbox
from tests.cli.process import run
from tests.conftest import days_ago

FOLDER = ("--pipelines-dir", "pipelines")
SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(20), *FOLDER)


@pytest.mark.slow
def test_the_report_is_one_file_that_says_whether_it_is_proven(
    api: Sandbox, tmp_path: Path
) -> None:
    nothing = run("report", *FOLDER)
    assert nothing.returncode == 2
    assert "nothing is loaded yet" in nothing.stderr
    run(*SYNC, api=api)
    no_folder = run("report", "--out", "no/report.html", *FOLDER)
    assert no_folder.returncode == 2
    assert f"There is no folder {tmp_path}/no." in " ".join(no_folder.stderr.split())

    made = run("report", "--out", "report.html", *FOLDER)

    assert made.returncode == 0, made.stderr
    assert f"to {days_ago(1)} is in report.html." in made.stdout
    text = Path("report.html").read_text("utf-8")
    assert "Not verified: nobody has compared" in text
    assert 'id="specs"' in text
    run("verify", *FOLDER)
    again = json.loads(run("report", "--out", "report.html", "--static", "--json", *FOLDER).stdout)
    assert (again["file"], again["last_day"]) == ("report.html", days_ago(1))
    assert again["first_day"] >= days_ago(20)
    assert again["proof"]["text"].startswith(("Not proven complete.", "Complete and true"))
    assert "<script" not in Path("report.html").read_text("utf-8")
    with duckdb.connect("warehouse.duckdb") as connection:
        connection.execute("DELETE FROM chatislav.conversations")
    empty = run("report", *FOLDER)
    assert empty.returncode == 0, empty.stderr
    assert "chatislav_report.html is written; no conversation is loaded yet." in empty.stdout
    assert "No conversation is loaded" in Path("chatislav_report.html").read_text("utf-8")
    assert list(tmp_path.glob("*.unfinished")) == []


def test_without_the_extra_the_message_has_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(report, "NEEDED", ("altair", "no_such_library"))

    with pytest.raises(ConfigurationError, match=r"pip install 'chatislav-source\[report\]'"):
        report.require_extra()
