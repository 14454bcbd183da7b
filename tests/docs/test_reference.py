"""The pages of the reference say what the code is."""

from __future__ import annotations

import pytest

from tests.docs.reference import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_rendered_from_the_code(name: str) -> None:
    assert (DOCS / name).read_text("utf-8") == PAGES[name](), "python -m tests.docs.reference"
