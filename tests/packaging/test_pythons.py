"""How `make test-pythons` finds the other Pythons of a machine."""

from __future__ import annotations

from pathlib import Path

from tests.packaging.pythons import found


def test_the_newest_python_of_each_minor_version_that_starts_is_found(tmp_path: Path) -> None:
    def python(name: str, says: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{says}\n")
        path.chmod(0o755)
        return path

    paths = [
        python("python3.13", "echo 3 13 2"),
        python("python3", "echo 3 13 10"),
        python("python3.12", "echo 3 12 1"),
        python("python3.14", "echo not installed >&2; exit 127"),  # a shim of pyenv
        python("python3.10", "echo 3 10 13"),
    ]

    names = {minor: each.name for minor, each in found(paths).items()}

    assert names == {(3, 13): "3.13.10", (3, 12): "3.12.1"}
