"""Ctrl-C and SIGTERM end a sync soon, with status 130, and keep what was loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import duckdb
import pytest

from chatislav_source.cli.exit_status import STOPPED
from chatislav_source.cli.terminal.stopping import GRACE_SECONDS
from chatislav_source.sandbox import Sandbox
from tests.cli.process import COMMAND, run, start
from tests.conftest import days_ago
from tests.default_suite import mostly_slow
from tests.soon import soon

SYNC = ("sync", "--bot-id", "101", "--start-date", days_ago(9), "--json")


@pytest.mark.parametrize("number", mostly_slow([signal.SIGINT, signal.SIGTERM], signal.SIGTERM))
@pytest.mark.parametrize("requests", mostly_slow([1, 4, 12], 4))
def test_a_signal_ends_a_sync_and_the_next_one_completes_it(
    api: Sandbox, number: int, requests: int
) -> None:
    api.settings.latency_seconds = 1  # the signal comes before the end also on a busy machine

    with start(*SYNC, api=api) as process:
        soon(lambda: api.count() >= requests)
        os.killpg(process.pid, number)
        out, err = process.communicate(timeout=10)

    assert process.returncode == STOPPED
    assert json.loads(out)["error"]["kind"] == "Stopped"
    assert err.splitlines()[-1].startswith("Stopped. Completed loads are kept")
    assert "Traceback" not in err
    api.settings.latency_seconds = 0
    assert run(*SYNC, api=api).returncode == 0


def test_what_was_loaded_before_a_signal_is_kept(api: Sandbox, tmp_path: Path) -> None:
    run(*SYNC, api=api)
    api.settings.latency_seconds = 30
    api.reset_counts()

    with start(*SYNC, "--bot-id", "102", api=api) as process:
        soon(lambda: api.count() > 0)
        process.terminate()
        process.communicate(timeout=10)

    with duckdb.connect(str(tmp_path / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM chatislav.analytics").fetchone() == (10,)


STUCK = """
import signal, sys, threading, time
from chatislav_source.cli.terminal import stopping

stopping.GRACE_SECONDS = float(sys.argv[1])
with stopping.interruptible(130, lambda: print("last words\\n", end="")):  # at once
    threading.Thread(target=time.sleep, args=(60,)).start()  # is waited for at the end
    text = "ready\\n"
    while True:
        try:
            print(text, end="", flush=True)
            time.sleep(60)
        except KeyboardInterrupt:
            text = "interrupted\\n"
"""


@pytest.mark.parametrize(("grace", "signals"), [(0.2, 1), (60, 2)])
def test_what_cannot_be_interrupted_ends_in_time_or_at_the_second_signal(
    grace: float, signals: int
) -> None:
    command = [COMMAND[0], "-c", STUCK, str(grace)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        began = time.monotonic()
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            line = process.stdout.readline()
        process.wait(30)

    assert time.monotonic() - began < 10
    assert process.returncode == STOPPED
    assert line in ("interrupted\n", "last words\n")


def test_the_grace_is_shorter_than_that_of_container_runtimes() -> None:
    assert GRACE_SECONDS < 10
