"""Chooses which of many parameters the default suite runs; `make test-slow` runs the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(cases: Iterable[Any], *fast: Any) -> list[Any]:
    """The cases for `parametrize`, all of them marked slow but the fast ones."""
    left = list(fast)
    marked = []
    for case in cases:
        if case in left:
            left.remove(case)
            marked.append(case)
        else:
            values = case if isinstance(case, tuple) else (case,)
            marked.append(pytest.param(*values, marks=pytest.mark.slow))
    assert not left, f"no such case: {left}"
    return marked
