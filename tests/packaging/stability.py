"""What users rely on and what therefore stays: tables, models, metrics, commands and names.

`python -m tests.packaging.stability 0.1` stores it, when this version is released.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

import chatislav_source
from chatislav_source.cli import exit_status
from chatislav_source.cli.commands import cli
from chatislav_source.config import Arguments
from chatislav_source.proof.tables import DEFINED, RECONCILED
from chatislav_source.records.rejected.table import ALL_TABLES
from chatislav_source.runner.erasure.table import FORGOTTEN

HERE = Path(__file__).parent
MODELS = Path(chatislav_source.__file__).parent / "models"


def stored(version: str) -> Path:
    """The file of a released version."""
    return HERE / f"stable_since_{version}.json"


def promised() -> dict[str, Any]:
    """Nested names with what they stand for; a name that is only there has true."""
    marts = yaml.safe_load((MODELS / "models/marts/marts.yml").read_text("utf-8"))["models"]
    metrics = yaml.safe_load((MODELS / "metrics.yml").read_text("utf-8"))["metrics"]
    tables = [*ALL_TABLES, FORGOTTEN, RECONCILED, DEFINED]
    return {
        "tables": {
            table.name: {
                "primary key": list(table.keys),
                "columns": {column.name: column.data_type for column in table.columns},
            }
            for table in tables
        },
        "models": {model["name"]: names(model["columns"]) for model in marts},
        "metrics": names([value for metric in metrics for value in metric["values"]]),
        "commands": {
            name: {option: True for each in command.params for option in each.opts}
            for name, command in cli.commands.items()
        },
        "exit statuses": {
            name: getattr(exit_status, name)
            for name in ("COMPLETE", "INCOMPLETE", "UNUSABLE", "BUSY", "STOPPED")
        },
        "arguments": dict.fromkeys(Arguments.__annotations__, True),
        "exports": dict.fromkeys(chatislav_source.__all__, True),
    }


def names(items: list[dict[str, Any]]) -> dict[str, bool]:
    """The names of described items."""
    return {item["name"]: True for item in items}


def broken(promise: Any, now: Any, path: str = "") -> list[str]:
    """Which names of a promise are gone or stand for something else now."""
    if isinstance(promise, dict) and isinstance(now, dict):
        return [
            each
            for name, value in promise.items()
            for each in broken(value, now.get(name), f"{path}/{name}")
        ]
    return [] if promise == now else [path]


def main() -> None:
    """Store the promises of a version."""
    text = json.dumps(promised(), indent=1, sort_keys=True)
    stored(sys.argv[1]).write_text(f"{text}\n", "utf-8")


if __name__ == "__main__":
    main()
