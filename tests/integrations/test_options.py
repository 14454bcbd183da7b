"""The options of the DAG and of the component are documented; neither library is needed here."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import chatislav_source

INTEGRATIONS = Path(chatislav_source.__file__).parent / "integrations"
PAGE = (Path(__file__).parents[2] / "docs/schedulers.md").read_text("utf-8")


def test_every_argument_of_the_dag_is_documented() -> None:
    tree = ast.parse((INTEGRATIONS / "airflow/dag.py").read_text("utf-8"))
    (function,) = (
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "chatislav_dag"
    )
    arguments = [argument.arg for argument in function.args.kwonlyargs]
    words = ast.get_docstring(function) or ""

    table = PAGE.split("| argument of `chatislav_dag` |")[1].split("\n\n")[0]
    documented = re.findall(r"`(\w+)`", "".join(re.findall(r"^\|([^|]*)\|", table, re.MULTILINE)))

    assert sorted(documented) == sorted(arguments)
    assert [name for name in arguments if not re.search(rf"\b{name}\b", words)] == []


def test_every_attribute_of_the_component_is_documented_with_its_default() -> None:
    tree = ast.parse((INTEGRATIONS / "dagster/options.py").read_text("utf-8"))
    (options,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
    described = {}
    for field in options.body:
        if isinstance(field, ast.AnnAssign) and isinstance(field.value, ast.Call):
            given = {part.arg: ast.literal_eval(part.value) for part in field.value.keywords}
            default = given.get("default", "")
            shown = "none" if default is None else f"`{default}`" if default != "" else ""
            described[ast.unparse(field.target)] = (shown, given["description"])

    table = PAGE.split("| attribute |")[1].split("\n\n")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*?) ?\| (.*) \|$", table, re.MULTILINE)

    assert {name: (default, text) for name, default, text in rows} == described
