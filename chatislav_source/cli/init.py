"""Writes dlt's configuration files: bots and dates in one, the key in the other."""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import Any

import click
import tomlkit
from tomlkit.exceptions import TOMLKitError

from chatislav_source.config import PLACEHOLDER
from chatislav_source.errors import ConfigurationError

FOLDER = Path(".dlt")
SECTION = ("sources", "chatislav")
PLACEHOLDERS: tuple[Any, ...] = (None, "", [], PLACEHOLDER)
KEY_VARIABLE = "SOURCES__CHATISLAV__API_KEY"


def run_init(bot_ids: list[int], start_date: date | None) -> None:
    """Complete `.dlt/config.toml` and `.dlt/secrets.toml`; values that they have are kept.

    Raises:
        ConfigurationError: a value is missing and there is no terminal to ask for it, or a file
            cannot be read.
    """
    config, secrets = FOLDER / "config.toml", FOLDER / "secrets.toml"
    values: dict[str, Any] = {}
    known = _section(_read(config))
    if bot_ids or known.get("bot_ids") in PLACEHOLDERS:
        values["bot_ids"] = bot_ids or _asked_bots()
    if start_date:
        values["start_date"] = start_date
    has_key = KEY_VARIABLE in os.environ or (
        _section(_read(secrets)).get("api_key") not in PLACEHOLDERS
    )
    key = None if has_key else _asked_key()
    FOLDER.mkdir(exist_ok=True)
    _complete(config, values)
    if key:
        _complete(secrets, {"api_key": key})
        secrets.chmod(0o600)
        _keep_out_of_git(secrets)


def _asked_bots() -> list[int]:
    text = _asked("Ids of the AI agents, separated by commas", "--bot-id 123")
    try:
        return [int(part) for part in text.replace(",", " ").split()]
    except ValueError:
        raise ConfigurationError(
            f"{text!r} are not ids; they are whole numbers like 123."
        ) from None


def _asked_key() -> str:
    return _asked("API key (Profile > External API; not shown)", KEY_VARIABLE, hide_input=True)


def _asked(question: str, otherwise: str, **options: Any) -> str:
    """The answer on the terminal.

    Raises:
        ConfigurationError: there is no terminal.
    """
    if not sys.stdin.isatty():
        raise ConfigurationError(f"Without a terminal nothing can be asked; give {otherwise}.")
    answer: str = click.prompt(question, err=True, **options)
    return answer.strip()


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8")) if path.exists() else tomlkit.document()
    except (UnicodeDecodeError, TOMLKitError) as error:
        raise ConfigurationError(
            f"{path} is not TOML: {error}. Correct it, and run again."
        ) from None


def _section(document: tomlkit.TOMLDocument) -> dict[str, Any]:
    """The values in `[sources.chatislav]`."""
    section: Any = document.unwrap()
    for name in SECTION:
        section = section.get(name, {}) if isinstance(section, dict) else {}
    return section if isinstance(section, dict) else {}


def _complete(path: Path, values: dict[str, Any]) -> None:
    """Set values in the section of a file; everything else in it stays as it is."""
    document: Any = _read(path)
    section = document
    for name in SECTION:
        if not isinstance(section.get(name), dict):
            section[name] = tomlkit.table(is_super_table=name == SECTION[0])
        section = section[name]
    section.update(values)
    if path.parent.is_dir() and not path.exists():
        path.touch(mode=0o600)
    path.write_text(tomlkit.dumps(document), "utf-8")
    click.echo(f"{path}: {', '.join(values) or 'nothing to change'}")


def _keep_out_of_git(path: Path) -> None:
    """Add the file to `.gitignore` in a git repository that does not ignore it yet."""
    ignored = Path(".gitignore")
    lines = ignored.read_text("utf-8").splitlines() if ignored.exists() else []
    if Path(".git").exists() and not {str(path), f"/{path}", path.name} & set(lines):
        ignored.write_text("\n".join([*lines, f"/{path}", ""]), "utf-8")
        click.echo(f"{ignored}: /{path}")
