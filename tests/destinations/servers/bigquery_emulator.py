"""local-bigquery as the tests need it; runs inside the emulator's own environment.

    python bigquery_emulator.py DATA_DIR PORT_FILE

It listens on a loopback port that the system picks and writes into PORT_FILE.
"""

from __future__ import annotations

import gzip
import socket
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import uvicorn

PROJECT = "local-project"
GZIP_MAGIC = b"\x1f\x8b"

# local-bigquery asks for Python 3.13, but only these lines are newer than 3.11. They are put into
# older words while being imported, so that the tests run wherever the project itself does.
OLDER_WORDS = {
    "local_bigquery.catalog.metadata": {
        "import hashlib\n": "from __future__ import annotations; import hashlib\n",
        "[R: Resource](": "(",
    },
    "local_bigquery.engine.results": {
        """message.replace("'", "''")""": "message.replace(chr(39), chr(39) * 2)",
    },
}


class OlderWordsLoader(SourceFileLoader):
    """Compiles a module after replacing what Python 3.11 does not read."""

    def source_to_code(self, data: Any, path: Any, *, _optimize: int = -1) -> CodeType:
        text = bytes(data).decode()
        for newer, older in OLDER_WORDS[self.name].items():
            if newer not in text:
                raise ImportError(f"{self.name} has changed: {newer!r} is not in it any more")
            text = text.replace(newer, older)
        return super().source_to_code(text.encode(), path, _optimize=_optimize)


class OlderWordsFinder(MetaPathFinder):
    """Hands the modules in `OLDER_WORDS` to the loader above."""

    def find_spec(
        self, name: str, path: Any = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in OLDER_WORDS else None
        if spec and spec.origin:
            spec.loader = OlderWordsLoader(name, spec.origin)
        return spec


def unpack_uploads() -> None:
    """Make it take gzipped files, as BigQuery does and dlt sends."""
    from local_bigquery.api import uploads

    start = uploads._start

    def start_unpacked(project_id: str, body: Any, upload: str) -> Any:
        file = Path(upload)
        data = file.read_bytes()
        if data.startswith(GZIP_MAGIC):
            file.write_bytes(gzip.decompress(data))
        return start(project_id, body, upload)

    uploads._start = start_unpacked


def load_by_the_schema_of_the_table() -> None:
    """Make a load without a schema of its own read its file by the table's, as BigQuery does.

    Left alone, the emulator guesses types from the file: text that looks like an instant comes
    out in other words, and an empty file has a column `json`. It also parses a JSON column's
    string as JSON, where BigQuery keeps a JSON string.
    """
    from local_bigquery.catalog import tables
    from local_bigquery.jobs import load, runner

    run, as_text = load.run, load._text

    def run_by_schema(cursor: Any, config: Any, upload: str | None) -> Any:
        if not config.schema_ and not config.autodetect:
            table = tables.get(*tables.reference(config.destinationTable))
            config = config.replace(schema=table.dump()["schema"])
        return run(cursor, config, upload)

    load._text = lambda field: field if field.type == "JSON" else as_text(field)
    runner.HANDLERS["load"] = run_by_schema


def serve(data: Path, port_file: Path) -> None:
    """Serve the REST API until told to stop; the gRPC API is left out, no test uses it."""
    from local_bigquery import app
    from local_bigquery.settings import settings

    settings.data_dir = data
    settings.default_project_id = PROJECT
    unpack_uploads()
    load_by_the_schema_of_the_table()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # inherited by each connection; else every answer waits 40 ms for an acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port_file.write_text(f"{listener.getsockname()[1]}\n")
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    sys.meta_path.insert(0, OlderWordsFinder())
    serve(Path(sys.argv[1]), Path(sys.argv[2]))
