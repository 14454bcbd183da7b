"""Checks the links of a built site without a network: `python -m tests.docs.links build/site`.

MkDocs checks links between its pages. This also checks the links of the navigation, images, and
anchors in pages that are made of other files; links to other sites must be known.
"""

from __future__ import annotations

import html
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

ELSEWHERE = {
    *("chatislav.ai", "dlthub.com", "github.com", "keepachangelog.com", "semver.org"),
    "squidfunk.github.io",  # the theme names itself
}


def main() -> int:
    """Print every link that leads nowhere; returns 1 if there is one."""
    site = Path(sys.argv[1])
    pages = {path: path.read_text("utf-8") for path in sorted(site.rglob("*.html"))}
    names = {
        path.resolve(): set(re.findall(r'\bid="([^"]+)"', text)) for path, text in pages.items()
    }
    found = [
        f"{path.name}: {link}"
        for path, text in pages.items()
        if path.name != "404.html"  # its links are those of the address that was not found
        for link in broken_links(path, text, names)
    ]
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found or not pages else 0


def broken_links(page: Path, text: str, names: dict[Path, set[str]]) -> Iterator[str]:
    """The links of a page that lead nowhere; `names` are the anchors of every page."""
    for link in set(re.findall(r'\b(?:href|src)="([^"]*)"', text)):
        parts = urlsplit(html.unescape(link))
        if parts.netloc:
            if parts.netloc not in ELSEWHERE:
                yield link
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page.resolve()
        target = target / "index.html" if target.is_dir() else target
        anchor = unquote(parts.fragment)
        if not target.exists() or (anchor and anchor not in names.get(target, {anchor})):
            yield link


if __name__ == "__main__":
    sys.exit(main())
