"""A hook of MkDocs: the files beside `docs` are pages, and links to other files show their path.

On GitHub and in an editor the links are paths of the repository. In the site the pages are in one
folder, and files that are no pages are not there.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[2]
BESIDE = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
LINK = re.compile(r"(!?)\[([^\]]+)\]\((?!https?://|#)([^)#]+)(#[^)]*)?\)")
FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are beside the folder of the pages."""
    for name in BESIDE:
        files.append(File.generated(config, name, content=(ROOT / name).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Any, files: Files, **_: Any) -> str:
    """Turn each link to a path of the repository into one of the site, but not in code."""
    folder = "" if page.file.src_uri in BESIDE else "docs"

    def of_site(link: re.Match[str]) -> str:
        image, text, target, anchor = link.groups()
        path = posixpath.normpath(posixpath.join(folder, target))
        name = path.removeprefix("docs/")
        if files.get_file_from_path(name):
            return f"{image}[{text}]({name}{anchor or ''})"
        if not (ROOT / path).exists():
            return link[0]  # MkDocs warns of it
        return f"{text} (`{path}`)" if f"`{path}`" != text else text

    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(of_site, part) for part in parts)
