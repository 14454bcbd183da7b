"""The memory settings of the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from chatislav_source.sandbox import SANDBOX_KEY, Sandbox

SYNC_AND_SAY = """
from chatislav_source.cli.commands import main
try:
    main()
finally:
    import pyarrow
    print(pyarrow.default_memory_pool().backend_name)
"""


def test_the_command_line_has_arrow_use_the_allocator_that_gives_back(
    api: Sandbox, tmp_path: Path
) -> None:
    variables = {name: value for name, value in os.environ.items() if "ARROW" not in name}
    options = ["--bot-id", "101", "--base-url", api.base_url, "--json"]

    ended = subprocess.run(
        [sys.executable, "-c", SYNC_AND_SAY, "sync", *options],
        env=variables | {"SOURCES__CHATISLAV__API_KEY": SANDBOX_KEY},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "system")
