"""dbt in an environment of its own: compiles the project, and builds it in a warehouse.

`python -m tests.views.dbt` writes the SQL in `chatislav_source/views/sql` anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import chatislav_source
from chatislav_source.views.compiled import MODEL_LINE, TIMEZONE
from tests.destinations.servers.environments import DBT

PACKAGE = Path(chatislav_source.__file__).parent
PROJECT = PACKAGE / "models"
COMPILED = PACKAGE / "views" / "sql"
DIALECTS = ("duckdb", "postgres", "snowflake", "bigquery")

# names that dbt writes into the SQL, so that they can be found there
DATABASE, DATASET = "the_database", "chatislav"
HERE = {"schema": DATASET, "database": DATABASE}
PROFILES: dict[str, dict[str, Any]] = {
    "duckdb": {"path": f"{DATABASE}.duckdb", "schema": DATASET},
    "postgres": {
        "host": "localhost",
        "port": 1,
        "user": "nobody",
        "password": "none",
        "dbname": DATABASE,
        "schema": DATASET,
    },
    "snowflake": {"account": "none", "user": "nobody", "password": "none", **HERE},
    "bigquery": {
        "method": "oauth-secrets",
        "token": "none",
        "project": DATABASE,
        "dataset": DATASET,
    },
}
VARIABLES = {"chatislav_reconciliation": True, "chatislav_timezone": f"{{{TIMEZONE}}}"}
_QUOTE = '["`]?'
RELATION = re.compile(
    rf"{_QUOTE}{DATABASE}{_QUOTE}\.{_QUOTE}{DATASET}(?:_models)?{_QUOTE}\.{_QUOTE}(\w+){_QUOTE}"
)


def project_digest() -> str:
    """A digest of the files of the project that the compiled SQL depends on."""
    digest = hashlib.sha256()
    for path in sorted(path for path in PROJECT.rglob("*") if path.is_file()):
        if path.suffix == ".sql" or path.name in {"dbt_project.yml", "sources.yml"}:
            digest.update(f"{path.relative_to(PROJECT).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def compiled_file(dialect: str) -> str:
    """What the file of a dialect has to be: the SQL of every model, as dbt compiles it."""
    with TemporaryDirectory(prefix="dbt-") as folder:
        offline = ["--no-introspect", "--no-populate-cache"]
        run("compile", Path(folder), dialect, PROFILES[dialect], VARIABLES, offline)
        manifest = json.loads(Path(folder, "target", "manifest.json").read_text("utf-8"))
    head = [
        "-- Compiled by dbt from chatislav_source/models. Not to be edited:",
        "-- python -m tests.views.dbt",
        f"-- project: {project_digest()}",
    ]
    return "\n".join([*head, *_models(manifest)])


def _models(manifest: dict[str, Any]) -> Iterator[str]:
    """The text of each model, after those that it reads."""
    left = {key: node for key, node in manifest["nodes"].items() if key.startswith("model.")}
    while left:
        ready = [key for key in left if left.keys().isdisjoint(left[key]["depends_on"]["nodes"])]
        for key in sorted(ready, key=lambda each: str(left[each]["name"])):
            node = left.pop(key)
            yield f"\n{MODEL_LINE}{node['name']}\n{template_of(node['compiled_code'])}\n"


def template_of(compiled: str) -> str:
    """A compiled query with a placeholder for each table and model, and without blank ends."""
    lines = [line.rstrip() for line in compiled.strip().splitlines()]
    return RELATION.sub(r"{\1}", "\n".join(lines))


def run(
    command: str,
    folder: Path,
    adapter: str,
    profile: dict[str, Any],
    variables: dict[str, Any],
    options: list[str] | None = None,
    project: Path = PROJECT,
) -> str:
    """Run dbt on a project; what it writes goes into `folder`. Returns its output."""
    output = {"type": adapter, "threads": 1, **profile}
    profiles = {"chatislav": {"target": "here", "outputs": {"here": output}}}
    (folder / "profiles.yml").write_text(json.dumps(profiles))  # JSON is YAML
    places = {"project": project, "profiles": folder}
    arguments = [f"--{name}-dir={path}" for name, path in places.items()]
    arguments += [f"--vars={json.dumps(variables)}", *(options or [])]
    # not as arguments, which not every command takes
    written = {f"DBT_{name.upper()}_PATH": str(folder / name) for name in ("target", "log")}
    DBT.require()
    done = subprocess.run(
        [str(DBT.python.with_name("dbt")), *command.split(), *arguments],
        env=DBT.variables() | written | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"dbt {command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def main() -> None:
    """Write the compiled SQL of every dialect."""
    for dialect in DIALECTS:
        (COMPILED / f"{dialect}.sql").write_text(compiled_file(dialect), "utf-8")


if __name__ == "__main__":
    main()
