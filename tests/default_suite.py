"""Chooses which of many parameters the default suite runs; `make test-slow` runs the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def mostly_slow(cases: Iterable[Any], *fast: Any) -> list[Any]:
    """The cases for `parametrize`, all of them marked slow but the fast ones.

    A tuple has the values of several names, also if there is only one.
    """
    left = list(fast)
    marked = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        if case in left:
            left.remove(case)
            marked.append(pytest.param(*values))
        else:
            marked.append(pytest.param(*values, marks=pytest.mark.slow))
    assert not left, f"no such case: {left}"
    return marked
