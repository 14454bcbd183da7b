"""The check of the links of the built site."""

from __future__ import annotations

from pathlib import Path

from tests.docs.links import broken_links

PAGE = """
<h2 id="here">…</h2> <a href="#here"> <a href="#gone"> <a href="other.html#there">
<img src="no.png">
<a href="other.html#gone"> <a href="missing.html"> <a href="https://dlthub.com/docs">
<a href="https://elsewhere.example/">
"""


def test_links_that_lead_nowhere_are_found(tmp_path: Path) -> None:
    page, other = tmp_path / "page.html", tmp_path / "other.html"
    page.write_text(PAGE)
    other.write_text('<p id="there">')

    found = set(broken_links(page, PAGE, {page.resolve(): {"here"}, other.resolve(): {"there"}}))

    assert found == {
        *("#gone", "no.png", "other.html#gone", "missing.html", "https://elsewhere.example/"),
    }
