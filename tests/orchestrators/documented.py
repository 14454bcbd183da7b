"""What `docs/schedulers.md` tells users of an orchestrator to write and to type."""

from __future__ import annotations

import re
import shlex

from .environments import PROJECT

PAGE = (PROJECT / "docs" / "schedulers.md").read_text("utf-8")


def section(title: str) -> str:
    """The text under a heading of the second level."""
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(title: str, language: str) -> list[str]:
    """The blocks of a language in a section, in order."""
    pattern = rf"^```{language}\n(.*?)^```$"
    return re.findall(pattern, section(title), re.MULTILINE | re.DOTALL)


def commands(title: str, program: str) -> list[list[str]]:
    """The words after each `program` of a section, in its blocks and within its text."""
    prose = re.sub(r"^```.*?^```$", "", section(title), flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks(title, "sh") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", prose)
    found = (shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} "))
    return [words[1:] for words in found]
