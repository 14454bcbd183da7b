"""Runs inside Airflow's environment: prints what Airflow makes of a DAG and of commands.

The Python of the DAG and the commands are a JSON object on standard input.
"""

from __future__ import annotations

import ast
import json
import sys
from typing import Any

from airflow.cli.cli_parser import get_parser
from airflow.providers_manager import ProvidersManager

from chatislav_source.integrations.airflow import chatislav_dag
from chatislav_source.integrations.airflow.hook import ChatislavHook


def dag_of(code: str) -> Any:
    """The DAG that the last expression of a file makes."""
    tree = ast.parse(code)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    names: dict[str, Any] = {}
    exec(compile(tree, "dag", "exec"), names)  # noqa: S102 - the text of our own documentation
    return eval(compile(ast.Expression(last.value), "dag", "eval"), names)  # noqa: S307 - same


def assets_of(dag: Any) -> dict[str, list[str]]:
    """By asset: its URI, and namespace and name of the data set that OpenLineage reads."""
    to_openlineage = ProvidersManager().asset_to_openlineage_converters["postgres"]
    found = {}
    for asset in dag.get_task("load").outlets:
        dataset = to_openlineage(asset, None)
        found[asset.name] = [asset.uri, dataset.namespace, dataset.name]
    return found


def main() -> None:
    """Read the commands and the DAG, and describe it."""
    given = json.load(sys.stdin)
    for words in given["commands"]:
        get_parser().parse_args(words)
    dag = dag_of(given["python"])
    described = {
        "assets": assets_of(dag),
        "retries": {
            task.task_id: [task.retries, str(task.retry_delay)]
            for task in chatislav_dag(destination="postgres", dag_id="bots_of_variable").tasks
        },
        "on_failure": dag.get_task("load").partial_kwargs["on_failure_callback"].__name__,
        "arguments": ChatislavHook().get_conn(),
    }
    sys.stdout.write(json.dumps(described))


if __name__ == "__main__":
    main()
