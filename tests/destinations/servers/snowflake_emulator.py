"""fakesnow plus what dlt's Snowflake destination needs; runs in the emulator's own environment.

    python snowflake_emulator.py PORT_FILE

It listens on a loopback port that the system picks and writes into PORT_FILE. Every function
that replaces one of fakesnow's says what real Snowflake does there; fakesnow 0.12.1 does not yet.
"""

from __future__ import annotations

import functools
import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fakesnow.copy_into as copying
import fakesnow.cursor as cursors
import fakesnow.info_schema as info_schema
import fakesnow.server as server
import fakesnow.transforms as transforms
import pyarrow as pa
import sqlglot
import uvicorn
from fakesnow.transforms import stage
from snowflake.connector.errors import Error, ProgrammingError
from sqlglot import exp
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

LARGEST_ROW_BYTES = 256 * 1024 * 1024
REMOVE = re.compile(r"\s*(?:REMOVE|RM)\s+'?@(?P<stage>[^/]+)/?(?P<path>.*?)'?\s*;?\s*", re.I | re.S)

execute_one: Callable[..., Any] = cursors.FakeSnowflakeCursor.execute
parse_one: Callable[[str], exp.Expression] = server.parse_one
put_stage: Callable[..., exp.Expression] = transforms.put_stage
copy_into: Callable[..., str] = copying.copy_into
inserts: Callable[..., list[Any]] = copying._inserts
login_request: Callable[..., Any] = server.login_request
stage_info: Callable[..., dict[str, Any]] = server.gcs_stage_info
to_wire: Callable[..., pa.Table] = server.to_sf
store_table_comment: Callable[..., str] = info_schema.insert_table_comment_sql
being_copied = threading.local()  # connection, database and schema of the COPY in this thread


def statements(sql: str) -> list[str]:
    """The single statements of a request; dlt sends its DDL in batches (num_statements=0)."""
    parts, start = [], 0
    for token in sqlglot.tokenize(sql, read="snowflake"):
        if token.token_type is sqlglot.TokenType.SEMICOLON:
            parts.append(sql[start : token.start])
            start = token.end + 1
    return [part for part in (*parts, sql[start:]) if part.strip()]


def parse_last(sql: str) -> exp.Expression:
    """A batch is answered with the result of its last statement."""
    return parse_one(statements(sql)[-1])


def execute(self: Any, command: str, params: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Run one statement or a batch; whatever goes wrong is an error of the statement.

    Otherwise fakesnow answers HTTP 500, which the connector takes for a passing trouble and
    tries again for ten minutes.
    """
    try:
        *batch, last = statements(command) or [command]
        for statement in batch:
            run(self, statement, None, *args, **(kwargs | {"binding_params": None}))
        return run(self, last, params, *args, **kwargs)
    except Error:
        raise
    except Exception as error:
        message = f"{type(error).__name__}: {error}"
        raise ProgrammingError(msg=message, errno=1003, sqlstate="42000") from error


def run(self: Any, statement: str, *args: Any, **kwargs: Any) -> Any:
    """Run one statement; REMOVE, which fakesnow does not know, deletes the staged files."""
    if removal := REMOVE.fullmatch(statement):
        parts = stage.parts_from_var(removal["stage"], self._conn.database, self._conn.schema)
        staged = Path(stage.internal_dir(".".join(parts)))
        for file in [file for file in staged.rglob("*") if file.is_file()]:
            if str(file.relative_to(staged)).startswith(removal["path"]):
                file.unlink()
        return execute_one(self, "SELECT 'removed' AS \"name\"", *args, **kwargs)
    done = execute_one(self, statement, *args, **kwargs)
    comment_on_columns(self, statement)
    return done


def comment_on_columns(self: Any, statement: str) -> None:
    """The comments of columns that are made together with them; fakesnow leaves them out."""
    if "COMMENT '" not in statement:
        return
    expression = parse_one(statement)
    table = expression.find(exp.Table)
    for column in expression.find_all(exp.ColumnDef) if table else ():
        for comment in column.find_all(exp.CommentColumnConstraint):
            parts = (table.catalog or self._conn.database, table.db or self._conn.schema)
            name = ".".join(quoted(part) for part in (*parts, table.name, column.name))
            text = literal(comment.this.name)
            self._duck_conn.execute(f"COMMENT ON COLUMN {name} IS {text}")


def table_comment_in_quotes(catalog: str, schema: str, table: str, comment: str | None) -> str:
    """A table's comment may have a quotation mark in it."""
    return store_table_comment(catalog, schema, table, (comment or "").replace("'", "''"))


def put_quoted_stage(expression: exp.Expression, *args: Any) -> exp.Expression:
    """PUT takes a quoted stage, and OVERWRITE is obeyed."""
    if not isinstance(expression, exp.Put):
        return put_stage(expression, *args)
    target = expression.args["target"]
    expression.set("target", exp.Var(this=target.name.strip("'")))
    options = stage.parse_options(expression.args.get("properties") or [])
    put = put_stage(expression, *args)
    put.args["put_stage_data"]["overwrite"] = bool(options.get("OVERWRITE", False))
    return put


def copy_with_options(connection: Any, database: str, schema: str, copy: Any, *args: Any) -> str:
    """COPY takes commas between format options, and MATCH_BY_COLUMN_NAME as a string."""
    being_copied.target = connection, database, schema
    for parameter in copy.args.get("params", []):
        if isinstance(parameter.expression, exp.Literal):
            parameter.set("expression", exp.Var(this=parameter.expression.name))
        options = [option for option in parameter.expressions if isinstance(option, exp.Property)]
        if parameter.expressions:
            parameter.set("expressions", options)
    return copy_into(connection, database, schema, copy, *args)


@dataclass
class Sql:
    """SQL in DuckDB's words, in the place of an expression."""

    text: str

    def sql(self, dialect: str | None = None) -> str:  # noqa: ARG002 - the signature of sqlglot
        return self.text


def inserts_by_name(copy: Any, options: Any, files: list[str], *args: Any) -> list[Any]:
    """JSON is matched to the columns by name; fakesnow only reads it into one VARIANT column."""
    by_name = options.match_by_column_name is not copying.MatchByColumnName.NONE
    if not (by_name and isinstance(options.file_format, copying.ReadJSON)):
        return inserts(copy, options, files, *args)
    connection, database, schema = being_copied.target
    table = copying._extract_table(copy.this)
    parts = (table.catalog or database, table.db or schema, table.name)
    target = ".".join(quoted(part) for part in parts)
    columns = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {target}").fetchall()}
    return [insert_by_name(connection, target, columns, file) for file in files]


def insert_by_name(connection: Any, target: str, columns: dict[str, str], file: str) -> Sql:
    """Insert the keys of a JSON lines file that are columns, whatever the case of their names."""
    rows = f"""read_json_objects({literal(file)}, format='newline_delimited',
        maximum_object_size={LARGEST_ROW_BYTES})"""
    keys = f"SELECT DISTINCT unnest(json_keys(json)) FROM {rows}"
    key_of = {key.upper(): key for (key,) in connection.execute(keys).fetchall()}
    given = [column for column in columns if column.upper() in key_of]
    if not given:
        return Sql(f"INSERT INTO {target} SELECT * FROM {target} LIMIT 0")  # of an empty file
    values = [json_value(key_of[column.upper()], columns[column]) for column in given]
    names = ", ".join(quoted(column) for column in given)
    select = f"SELECT {', '.join(values)} FROM {rows}"
    return Sql(f"INSERT INTO {target} ({names}) {select}")


def json_value(key: str, column_type: str) -> str:
    """SQL for the value of a JSON key as a column of that type; JSON null becomes NULL."""
    path = literal(f"$.{quoted(key)}")
    if column_type == "JSON":
        return f"nullif(json_extract(json, {path}), 'null'::JSON)"
    text = f"json_extract_string(json, {path})"
    return f"from_base64({text})" if column_type == "BLOB" else f"CAST({text} AS {column_type})"


def quoted(identifier: str) -> str:
    """An identifier, in quotes."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("'", "''") + "'"


async def login(request: Request) -> JSONResponse:
    """The answer to a login, with the fields that the Rust core of connector 5 insists on."""
    answer = json.loads((await login_request(request)).body)
    data = answer["data"]
    validity = {"validityInSeconds": 3600, "masterValidityInSeconds": 14400}
    answer["data"] = {"masterToken": data["token"], "sessionId": 1} | validity | data
    return JSONResponse(answer)


def complete_stage_info(*args: Any) -> dict[str, Any]:
    """Where to upload, with the fields that the Rust core of connector 5 insists on."""
    flags = ("useS3RegionalUrl", "useRegionalUrl", "useVirtualUrl", "isClientSideEncrypted")
    names = {"region": "US", "storageAccount": "", "endPoint": None, "path": ""}
    return stage_info(*args) | names | dict.fromkeys(flags, False)


def to_wire_with_nulls(table: pa.Table, *args: Any) -> pa.Table:
    """A missing instant is null as a whole; connector 5 refuses one that only has null parts."""
    answer = to_wire(table, *args)
    for position, field in enumerate(answer.schema):
        if pa.types.is_struct(field.type):  # the only structs are instants
            column = pa.concat_arrays(answer.column(position).chunks or [pa.array([], field.type)])
            nulls = column.field("epoch").is_null()
            whole = pa.StructArray.from_arrays(
                column.flatten(), fields=list(field.type), mask=nulls
            )
            answer = answer.set_column(position, field, whole)
    return answer


def put_into_fakesnow() -> None:
    """Replace fakesnow's functions by those above, where it looks them up."""
    cursors.FakeSnowflakeCursor.execute = functools.wraps(execute_one)(execute)
    server.parse_one = parse_last
    transforms.put_stage = put_quoted_stage
    cursors.copy_into = copy_with_options
    copying._inserts = inserts_by_name
    server.gcs_stage_info = complete_stage_info
    server.to_sf = to_wire_with_nulls
    info_schema.insert_table_comment_sql = table_comment_in_quotes
    routes = server.app.router.routes
    path = "/session/v1/login-request"
    routes[:] = [Route(path, login, methods=["POST"])] + [r for r in routes if r.path != path]


def serve(port_file: Path) -> None:
    """Serve until told to stop."""
    put_into_fakesnow()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # inherited by each connection; else every answer waits 40 ms for an acknowledgement
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        port_file.write_text(f"{listener.getsockname()[1]}\n")
        config = uvicorn.Config(server.app, log_level="warning", timeout_graceful_shutdown=2)
        uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
