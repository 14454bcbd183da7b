"""Renders the pages of the reference from the code: `python -m tests.docs.reference`.

`docs/metrics.md` is rendered by `tests.views.metrics_page`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click
import yaml

import chatislav_source
from chatislav_source import errors
from chatislav_source.cli.commands import cli
from chatislav_source.cli.exit_status import status_of_kind
from chatislav_source.streams.analytics.state import FORMAT as OF_ANALYTICS
from chatislav_source.streams.conversations.state import FORMAT as OF_CONVERSATIONS
from chatislav_source.streams.state import StateFormat
from tests.docs.parts import DOCS, cell, with_parts

MARTS = Path(chatislav_source.__file__).parent / "models/models/marts/marts.yml"

CLI = """\
# Command line

Rendered from the code, as `--help` shows it. [Configuration](configuration.md#command-line) has
what all commands share.
"""
ERRORS = """\
# Exceptions

Rendered from the code. Every error of the package is a `ChatislavError`, and is imported from
`chatislav_source`. Its text says what happened, what it means and what to do, and has no key, no
row and no text of a message. [Operations](operations.md#errors) lists the texts and their remedies.

| exception | is a | meaning | exit status of the command |
|---|---|---|---:|
"""
STATE = """\
# State

Rendered from the code. dlt stores the state with the rows, in `_dlt_pipeline_state` of the
destination. Each bot and resource has a part, a JSON object with its `version`, its `bot_id`, the
address of the `api`, and the fields below. A part of an older version is migrated; one that belongs
to another bot or API, is damaged, of a later version or from the future is not used, and everything
is read again.
"""
MODELS = """\
# Columns of the models

Rendered from the dbt project. [Models](models.md) says how to make them, [Metrics](metrics.md) what
is computed from them. Every model whose name begins with `chatislav__` is here.
"""


def command_line() -> str:
    """The page of the commands."""
    return "\n".join([CLI, *(line for each in cli.commands.items() for line in _command(*each))])


def _command(name: str, command: click.Command) -> Iterator[str]:
    words, _, examples = (command.help or "").partition("\b\n")
    yield f"## `chatislav {name}`\n"
    yield from (f"{' '.join(part.split())}\n" for part in words.split("\n\n") if part.strip())
    if examples.strip():
        yield f"```sh\n{inspect.cleandoc(examples).strip()}\n```\n"
    yield "| option | environment | meaning |"
    yield "|---|---|---|"
    for option in command.params:
        if isinstance(option, click.Option):
            names = ", ".join(f"`{each}`" for each in option.opts)
            variable = f"`{option.envvar}`" if option.envvar else ""
            yield f"| {names} | {variable} | {cell(_meaning(option))} |"
    yield ""


def _meaning(option: click.Option) -> str:
    with click.Context(click.Command("x")) as context:
        extra = option.get_help_extra(context)
    default = extra.get("default")
    words = option.help or ""
    return words if default is None or "[default" in words else f"{words} [default: {default}]"


def exceptions() -> str:
    """The page of the exceptions."""
    return ERRORS + "\n".join(_exceptions()) + "\n"


def _exceptions() -> Iterator[str]:
    for name in chatislav_source.__all__:
        error = getattr(errors, name, None)
        if error is not None:
            base = error.__mro__[1].__name__
            status = "" if name == "ChatislavError" else status_of_kind(error)
            first = inspect.getdoc(error).partition("\n\n")[0]
            yield f"| `{name}` | `{base}` | {cell(first)} | {status} |"


def state() -> str:
    """The page of the stored state."""
    parts = {"`conversations`": OF_CONVERSATIONS, "`analytics`": OF_ANALYTICS}
    return "\n".join([STATE, *(line for each in parts.items() for line in _state(*each))])


def _state(name: str, form: StateFormat) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"Version {form.version}.\n"
    yield "| field | at first | meaning |"
    yield "|---|---|---|"
    for field, about in form.fields.items():
        first = "null" if about.default is None else f"`{about.default}`"
        yield f"| `{field}` | {first} | {cell(about.description)} |"
    yield ""


def model_columns() -> str:
    """The page of the models' columns."""
    marts: list[dict[str, Any]] = yaml.safe_load(MARTS.read_text("utf-8"))["models"]
    return "\n".join([MODELS, *(line for mart in marts for line in _model(mart))])


def _model(mart: dict[str, Any]) -> Iterator[str]:
    yield f"## `{mart['name']}`\n"
    yield f"{' '.join(mart['description'].split())}\n"
    yield "| column | meaning |"
    yield "|---|---|"
    for column in mart["columns"]:
        yield f"| `{column['name']}` | {cell(column['description'])} |"
    yield ""


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": command_line,
    "errors.md": exceptions,
    "state.md": state,
    "model_columns.md": model_columns,
    **{name: partial(with_parts, name) for name in ("configuration.md", "tables.md")},
}


def main() -> None:
    """Write the pages."""
    for name, render in PAGES.items():
        (DOCS / name).write_text(render(), "utf-8")


if __name__ == "__main__":
    main()
