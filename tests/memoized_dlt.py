"""Remembers what dlt asks itself thousands of times while it resolves its configuration.

It inspects the same few hundred type hints, and looks up the same names in the environment, which
takes half of the time of a small sync. What is remembered depends on nothing but the arguments, so
the suite behaves the same, in less time.
"""

from __future__ import annotations

import functools
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

from dlt.common import typing as dlt_typing
from dlt.common.configuration import resolve
from dlt.common.configuration.providers import EnvironProvider
from dlt.common.configuration.specs import base_configuration
from typing_extensions import get_type_hints

FUNCTIONS = {
    dlt_typing: (
        "extract_inner_type",
        "is_final_type",
        "is_literal_type",
        "is_newtype_type",
        "is_optional_type",
        "is_subclass",
        "is_union_type",
    ),
    base_configuration: (
        "extract_inner_hint",
        "is_base_configuration_inner_hint",
        "is_secret_hint",
    ),
}


def memoize() -> None:
    """Replace the functions in all modules of dlt that have imported them."""
    for module, names in FUNCTIONS.items():
        for name in names:
            function = getattr(module, name)
            _replace(name, function, _remembering(function))
    _replace("get_type_hints", get_type_hints, _hints_by_class(get_type_hints))
    lookup = resolve.resolve_single_provider_value
    _replace("resolve_single_provider_value", lookup, _with_remembered_names(lookup))


def _replace(name: str, function: Callable[..., Any], remembering: Callable[..., Any]) -> None:
    for module in _modules_of_dlt():
        if vars(module).get(name) is function:
            setattr(module, name, remembering)


def _modules_of_dlt() -> Iterable[Any]:
    return [module for name, module in sys.modules.items() if name.split(".")[0] == "dlt"]


def _remembering(function: Callable[..., Any]) -> Callable[..., Any]:
    cached = functools.lru_cache(maxsize=None)(function)

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return cached(*args, **kwargs)
        except TypeError:  # a hint that cannot be hashed
            return function(*args, **kwargs)

    return call


def _hints_by_class(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function for classes, whose `globalns` is always their module's."""
    cached: dict[tuple[type, bool], dict[str, Any]] = {}

    def call(spec: type, globalns: Any = None, include_extras: bool = False) -> dict[str, Any]:
        key = spec, include_extras
        if key not in cached:
            cached[key] = function(spec, globalns=globalns, include_extras=include_extras)
        return dict(cached[key])

    return call


def _with_remembered_names(lookup: Callable[..., Any]) -> Callable[..., Any]:
    """The lookup of a value; it returns at once where none of its names is in the environment."""

    @functools.cache
    def unset(*given: Any) -> tuple[list[str], list[Any]]:
        """The names of a value in the environment, and the traces of a lookup without it."""
        _, traces = lookup(WITHOUT_VALUES, *given)
        return [trace.key for trace in traces], traces

    def call(provider: Any, key: str, hint: Any, *given: Any) -> tuple[Any, list[Any]]:
        if type(provider) is EnvironProvider and not base_configuration.is_secret_hint(hint):
            names, traces = unset(key, hint, *given)
            if not any(name in os.environ for name in names):
                return None, list(traces)
        return lookup(provider, key, hint, *given)  # type: ignore[no-any-return]

    return call


class _WithoutValues(EnvironProvider):
    """An environment in which nothing is set."""

    def get_value(
        self, key: str, hint: Any, pipeline_name: str, *sections: str
    ) -> tuple[None, str]:
        del hint
        return None, self.get_key_name(key, pipeline_name, *sections)


WITHOUT_VALUES = _WithoutValues()
