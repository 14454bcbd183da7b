"""Renders the parts of pages that come from the code; the prose around them is written by hand.

A part stands between `<!-- from the code: NAME -->` and `<!-- end -->`. `arguments` is the table of
the arguments; the name of a table is its description, key and columns.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import cast

from chatislav_source.config import DEFAULTS, Arguments
from chatislav_source.records.rejected.table import ALL_TABLES
from chatislav_source.records.schema import MESSAGE_KEYS, MESSAGES, Table
from chatislav_source.runner.erasure.table import FORGOTTEN

DOCS = Path(__file__).parents[2] / "docs"
PART = re.compile(r"(<!-- from the code: (\w+) -->)(.*?)(<!-- end -->)", re.DOTALL)
TABLES = {table.name: table for table in (*ALL_TABLES, FORGOTTEN)}

MORE_ABOUT = {
    "timezone": "[time zones](operations.md#time-zones)",
    "lookback_days": "[how a run decides](guarantees.md#how-a-run-decides-what-to-read)",
    "analytics_periods": "[periods](tables.md#analytics_periods)",
    "guardrail_flags": "[`guardrail_flagged`](tables.md#guardrail_flagged)",
    "history": "[History](history.md)",
    "privacy": "[Privacy](privacy.md)",
    "retention_days": "[Retention](privacy_retention.md)",
}
"""The page that has more about an argument."""


def with_parts(page: str) -> str:
    """The page with its parts rendered anew."""
    text = (DOCS / page).read_text("utf-8")
    return PART.sub(lambda part: "\n".join([part[1], "", *_part(part[2]), "", part[4]]), text)


def cell(text: str) -> str:
    """A text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def _part(name: str) -> Iterator[str]:
    return _arguments() if name == "arguments" else _table(TABLES[name])


def _arguments() -> Iterator[str]:
    yield "| argument | environment | meaning | default |"
    yield "|---|---|---|---|"
    for name, text in descriptions(Arguments).items():
        meaning, default = _meaning_and_default(name, text)
        more = f" See {MORE_ABOUT[name]}." if name in MORE_ABOUT else ""
        variable = f"SOURCES__CHATISLAV__{name.upper()}"
        yield f"| `{name}` | `{variable}` | {cell(meaning)}{more} | {cell(default)} |"


def _meaning_and_default(name: str, text: str) -> tuple[str, str]:
    meaning, _, default = text.removesuffix(".").partition(" None: ")
    if default:
        return meaning, default
    if meaning.endswith(" Required"):
        return meaning.removesuffix(" Required"), "required"
    value = DEFAULTS.get(name)
    shown = value if isinstance(value, str) else json.dumps(value)
    return f"{meaning}.", f"`{shown}`" if value or value is False else "none"


def descriptions(kind: type) -> dict[str, str]:
    """The text below each attribute of a class, on one line.

    Raises:
        KeyError: an attribute has none.
    """
    body = cast(ast.ClassDef, ast.parse(inspect.getsource(kind)).body[0]).body
    found = {
        node.target.id: " ".join(ast.literal_eval(text.value).split())
        for node, text in pairwise(body)
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(text, ast.Expr)
    }
    return {name: found[name] for name in kind.__annotations__}


def _table(table: Table) -> Iterator[str]:
    yield f"{table.description}\n"
    keys = MESSAGE_KEYS if table is MESSAGES else table.keys
    yield f"Primary key: {', '.join(f'`{key}`' for key in keys)}.\n"
    yield "| column | type | meaning |"
    yield "|---|---|---|"
    for column in table.columns:
        yield f"| `{column.name}` | {column.data_type} | {cell(column.description)} |"
