"""What a release has promised stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.packaging.stability import HERE, broken, promised

RELEASES = sorted(HERE.glob("stable_since_*.json"))


@pytest.mark.parametrize("path", RELEASES, ids=lambda path: path.stem)
def test_what_a_release_has_promised_is_still_there(path: Path) -> None:
    assert broken(json.loads(path.read_text("utf-8")), promised()) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({"columns": {"id": "text", "at": "date", "new": "text"}}, []),
        ({"columns": {"id": "bigint", "at": "date"}}, ["/columns/id"]),
        ({"columns": {"id": "text"}}, ["/columns/at"]),
        ({}, ["/columns"]),
    ],
)
def test_only_what_is_gone_or_changed_breaks_a_promise(now: Any, told: list[str]) -> None:
    assert broken({"columns": {"id": "text", "at": "date"}}, now) == told
