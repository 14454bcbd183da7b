"""Makes every character printable, whatever the encoding of the output.

A pipe on Windows has cp1252, a C locale ASCII. A text that it cannot encode must not end a sync.
"""

from __future__ import annotations

import codecs
import io
import json
import sys
from typing import Any

import click

HANDLER = "chatislav"
PLAIN = {
    "✓": "+",
    "✗": "x",
    "→": "->",
    "…": "...",
    "—": "-",
    "–": "-",
    "•": "*",
    "└": "`",
    "│": "|",
    "─": "-",
}
"""Characters of our own texts, in ASCII."""


def make_printable() -> None:
    """Have stdout and stderr replace what they cannot encode; streams of other kinds stay."""
    codecs.register_error(HANDLER, _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """The replacement of what cannot be encoded: our own characters in ASCII, others as `?`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    unknown = error.object[error.start : error.end]
    return "".join(PLAIN.get(character, "?") for character in unknown), error.end


def is_unicode(stream: Any) -> bool:
    """Whether a stream can encode every character."""
    return str(getattr(stream, "encoding", None) or "").lower().startswith("utf")


def print_json(value: Any) -> None:
    """Print `value` as the one JSON document on stdout."""
    click.echo(json_text(value))


def json_text(value: Any) -> str:
    """`value` as JSON, with escapes if stdout cannot encode every character."""
    return json.dumps(value, ensure_ascii=not is_unicode(sys.stdout), indent=2, default=str)
