"""Airflow and Dagster are extras: a missing one is told, and the connection type needs neither."""

from __future__ import annotations

import builtins
from importlib import import_module
from typing import Any

import pytest

from chatislav_source.integrations import explained
from chatislav_source.integrations.airflow.provider import get_provider_info


@pytest.mark.parametrize(
    ("library", "name"), [("airflow", "chatislav_dag"), ("dagster", "ChatislavComponent")]
)
def test_an_orchestrator_that_is_missing_is_told_with_its_extra(
    library: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    imported = builtins.__import__

    def without(module: str, *args: Any, **kwargs: Any) -> Any:
        if module.partition(".")[0] == library:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)
        return imported(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(ImportError) as caught:
        getattr(import_module(f"chatislav_source.integrations.{library}"), name)

    assert str(caught.value).startswith(f"The library {library} is not installed")
    assert f"pip install 'chatislav-source[{library}]'" in str(caught.value)


def test_another_library_that_is_missing_is_not_said_to_be_the_orchestrator() -> None:
    error = ModuleNotFoundError("No module named 'pydantic'", name="pydantic")

    assert explained(error, "dagster") is error


def test_airflow_reads_the_connection_type_without_a_hook_or_a_dag() -> None:
    (connection,) = get_provider_info()["connection-types"]

    assert connection["connection-type"] == "chatislav"
    assert connection["conn-fields"]["secondary_api_key"]["schema"]["format"] == "password"
