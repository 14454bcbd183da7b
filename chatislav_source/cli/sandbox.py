"""Serves the sandbox API with generated data until stopped."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterable
from functools import partial
from typing import Any

import click

from chatislav_source.errors import ConfigurationError
from chatislav_source.sandbox import SANDBOX_KEY, Settings, World
from chatislav_source.sandbox.serve import serve


def run_sandbox(port: int, switches: Iterable[str], **generated: Any) -> None:
    """Serve a world on a loopback port; `generated` are the arguments of `World.generate`.

    Raises:
        ConfigurationError: a switch is unknown or has an unusable value, or the port is taken.
    """
    settings = settings_of(switches)
    world = World.generate(**generated)
    announce = partial(_announce, ",".join(map(str, generated["bot_ids"])))
    try:
        serve(world, settings, port, announce)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be used ({error.strerror}). Give another --port, or 0 for any "
            "that is free."
        ) from None


def settings_of(switches: Iterable[str]) -> Settings:
    """The sandbox settings with the given `NAME=JSON` switches.

    Raises:
        ConfigurationError: a switch is unknown or has an unusable value.
    """
    settings = Settings()
    try:
        settings.configure(**dict(_switch(text) for text in switches))
    except (AttributeError, ValueError) as problem:
        raise ConfigurationError(f"--set: {problem}") from None
    return settings


def switches() -> list[tuple[str, str]]:
    """Each switch with what it does and its default; the texts are the comments of `Settings`."""
    comments: list[str] = []
    found = []
    defaults = Settings().as_dict()
    for line in map(str.strip, inspect.getsource(Settings).splitlines()):
        name = line.partition(":")[0]
        if line.startswith("#"):
            comments.append(line.removeprefix("#").strip())
        elif name in defaults:
            default = json.dumps(defaults[name], default=list)
            found.append((name, f"{' '.join(comments)}  [default: {default}]"))
            comments = []
    return found


def _switch(text: str) -> tuple[str, Any]:
    """A setting's name and value; a value that is not JSON is used as text."""
    name, _, value = text.partition("=")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value


def _announce(bots: str, base_url: str) -> None:
    click.echo(f"Serving bots {bots} until stopped (Ctrl-C). To use it:")
    click.echo(f"  export SOURCES__CHATISLAV__BASE_URL={base_url}")
    click.echo(f"  export SOURCES__CHATISLAV__API_KEY={SANDBOX_KEY}")
    click.echo(f"  export SOURCES__CHATISLAV__BOT_IDS='[{bots}]'")
