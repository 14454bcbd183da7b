"""The arguments of a sync from dlt's configuration: providers, sections, placeholders, slips.

`Arguments` in `config` declares them.
"""

from __future__ import annotations

import difflib
import json
import logging
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack, get_args, get_origin, get_type_hints

import dlt
from dlt.common.configuration import configspec, inject_section, resolve_configuration
from dlt.common.configuration.exceptions import (
    ConfigFieldMissingException,
    ConfigProviderException,
    ConfigurationException,
    ConfigValueCannotBeCoercedException,
    ValueNotSecretException,
)
from dlt.common.configuration.specs import BaseConfiguration, ConfigSectionContext
from dlt.common.typing import TSecretStrValue

from chatislav_source.config import PLACEHOLDER, SECRETS, Arguments, SyncConfig, checked
from chatislav_source.errors import ConfigurationError
from chatislav_source.privacy import settings as of_privacy
from chatislav_source.records.private.policy import policy_of
from chatislav_source.runner.run import TABLES_BY_STREAM

logger = logging.getLogger(__name__)

SECTIONS = ("sources", "chatislav")
OF_DLT = {"max_table_nesting", "root_key", "schema_contract", *TABLES_BY_STREAM}
"""Names in the section that dlt reads: options of a source, and sections of its resources."""


def sync_config(pipeline_name: str, **arguments: Unpack[Arguments]) -> SyncConfig:
    """The configuration of a sync that starts now, from arguments and dlt's config.

    Raises:
        ConfigurationError: a value is not usable.
        TypeError: there is no such argument.
    """
    with inject_section(ConfigSectionContext(pipeline_name=pipeline_name, sections=SECTIONS)):
        return resolved(arguments, pipeline_name)


def configured_bots(pipeline_name: str) -> list[int]:
    """The bots in dlt's config, not checked."""
    return list(_in_config(pipeline_name).get("bot_ids") or [])


def configured_privacy(pipeline_name: str) -> dict[str, Any]:
    """The privacy settings in dlt's config, not checked."""
    return _in_config(pipeline_name).get(PRIVACY) or {}


def _in_config(pipeline_name: str) -> dict[str, Any]:
    """The arguments that dlt's config has for a pipeline, not checked."""
    with inject_section(ConfigSectionContext(pipeline_name=pipeline_name, sections=SECTIONS)):
        return _configured({}, pipeline_name)


def privacy_id(pipeline_name: str) -> str | None:
    """The id of the privacy settings in dlt's config, checked; None if no action is configured."""
    given = configured_privacy(pipeline_name)
    settings = of_privacy.checked_settings(given, api_key="")  # which is not part of the id
    policy_of(settings)
    return settings.id if {"profile", "columns"} & given.keys() else None


def resolved(arguments: Arguments, pipeline_name: str | None = None) -> SyncConfig:
    """The configuration of a sync, read from the config section that is active in dlt."""
    config = checked(now=datetime.now(UTC), **_configured(arguments, pipeline_name))
    policy_of(config.privacy)  # refuses a column that does not exist
    return config


def _configured(arguments: Arguments, pipeline_name: str | None) -> dict[str, Any]:
    """The arguments, and the configured values of those that are not given."""
    unknown = arguments.keys() - Arguments.__annotations__
    if unknown:
        raise TypeError(f"chatislav has no argument {', '.join(sorted(unknown))}")
    try:
        for name in sorted({*_configured_names(pipeline_name)} - HINTS.keys() - OF_DLT):
            logger.warning("%s", _misspelt(name))
        # not only a warning, as a misspelt setting would let personal data through
        of_privacy.refuse_unknown(dict.fromkeys(_configured_names(pipeline_name, PRIVACY)))
        texts = _in_providers(pipeline_name, str, PRIVACY)  # as the environment may have it
        privacy = arguments.get("privacy") or from_text(next(texts, None), dict)
        of_privacy.refuse_unknown(privacy)
        given = _given({**arguments, PRIVACY: privacy})
        resolved = resolve_configuration(Configuration(), explicit_value=given)
    except ConfigurationException as error:
        raise configuration_error(error) from None
    configured = {
        name: value if name in arguments else from_text(value, HINTS[name])
        for name, value in _given(resolved).items()
    }
    found = _given(configured.get(PRIVACY, {}))
    inner = {name: from_text(value, PRIVACY_HINTS[name]) for name, value in found.items()}
    return {**configured, PRIVACY: inner}


def _given(values: Any) -> Any:
    return {name: value for name, value in values.items() if value not in (None, PLACEHOLDER)}


def from_text(value: Any, hint: Any) -> Any:
    """A configured value as an argument with this type; what cannot be converted is unchanged.

    A list is text like `[123, 456]` or `123,456`; a single value is a list of one.
    """
    kinds = get_args(hint)
    lists = [kind for kind in kinds if get_origin(kind) is list]
    if lists:
        items = _items(value) if isinstance(value, str) else value
        (item_hint,) = get_args(lists[0])
        is_list = isinstance(items, list)
        return [from_text(each, item_hint | None) for each in items] if is_list else items
    if isinstance(value, str) and str not in kinds:
        with suppress(ValueError, RecursionError):
            return json.loads(value)
    return value


def _items(text: str) -> Any:
    """The items of a list in text; JSON, or separated by commas or blanks."""
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, list | dict) else [found]
    return [item for item in re.split(r"[\s,]+", text.strip().strip("[]")) if item]


def _in_providers(pipeline_name: str | None, kind: type[Any], *inner: str) -> Iterator[Any]:
    """What dlt's providers have in `[sources.chatislav]` at this name; of one pipeline first.

    Not resolved by dlt, whose trace would hold the keys in it.
    """
    path = [*SECTIONS, *inner]
    for name in dict.fromkeys([pipeline_name, None]):
        for provider in dlt.config.config_providers:
            value, _ = provider.get_value(path[-1], kind, name, *path[:-1])
            if isinstance(value, kind) and value != PLACEHOLDER:
                yield value


def _configured_names(pipeline_name: str | None, *inner: str) -> Iterator[str]:
    """The names in `[sources.chatislav]`, or in a section in it, and in the environment."""
    for section in _in_providers(pipeline_name, dict, *inner):
        yield from section
    for name in {None, pipeline_name}:
        prefix = "__".join([*filter(None, [name]), *SECTIONS, *inner, ""]).upper()
        for variable in os.environ:
            if variable.startswith(prefix):
                yield variable.removeprefix(prefix).partition("__")[0].lower()


def _misspelt(name: str) -> str:
    (nearest,) = difflib.get_close_matches(name, HINTS, n=1, cutoff=0)
    return f"[sources.chatislav] has no setting {name!r}, so it is ignored; meant is {nearest!r}?"


def configuration_error(error: ConfigurationException) -> ConfigurationError:
    """What is wrong with dlt's configuration; never with a value, as it may be a secret."""
    if isinstance(error, ConfigProviderException):
        return ConfigurationError(_broken_file(error))
    if isinstance(error, ValueNotSecretException):
        return ConfigurationError(
            f"{error.key} is a secret, but stands in {error.provider_name}. Move it to "
            ".dlt/secrets.toml, or set it in the environment."
        )
    if isinstance(error, ConfigValueCannotBeCoercedException):
        kind = getattr(error.hint, "__name__", str(error.hint))
        return ConfigurationError(
            f"The configured value of {error.field_name} is not of the type {kind}. Correct it in "
            ".dlt/config.toml, .dlt/secrets.toml or the environment (it is not shown)."
        )
    if isinstance(error, ConfigFieldMissingException):
        return ConfigurationError(
            f"The configuration lacks {', '.join(error.fields)} ({error.spec_name}). Set it in "
            ".dlt/secrets.toml, .dlt/config.toml or the environment."
        )
    return ConfigurationError(
        f"dlt cannot use its configuration ({type(error).__name__}). Check .dlt/config.toml, "
        ".dlt/secrets.toml and the environment; --debug shows dlt's own text."
    )


def _broken_file(error: ConfigProviderException) -> str:
    """Which of the files that dlt reads together is not TOML, and in which line."""
    for path in filter(os.path.isfile, getattr(error, "full_paths", [])):
        try:
            content = Path(path).read_bytes()
            tomllib.loads(content.decode())
        except OSError as problem:
            return f"{path} cannot be read: {problem.strerror}. Check its rights."
        except UnicodeDecodeError as problem:
            line = content.count(b"\n", 0, problem.start) + 1
            return f"{path} is not UTF-8 (at line {line}). Save it as UTF-8, and run again."
        except ValueError as problem:
            end = f"at line {len(content.splitlines())}, the last"
            reason = str(problem).replace("at end of document", end)
            return f"{path} is not TOML: {reason}. Correct it, and run again."
    return f"{error.provider_name} cannot be read; --debug shows dlt's own text."


PRIVACY = "privacy"
HINTS, PRIVACY_HINTS = get_type_hints(Arguments), get_type_hints(of_privacy.PrivacyArguments)


def _configuration(
    name: str, names: Iterable[str], secrets: Set[str], **inner: Any
) -> type[BaseConfiguration]:
    """A dlt configuration with fields of these names, all optional; types are checked later."""
    types = {each: TSecretStrValue if each in secrets else Any for each in names}
    hints = {each: kind | None for each, kind in {**types, **inner}.items()}
    fields = dict.fromkeys(hints) | {"__annotations__": hints, "__module__": __name__}
    return configspec(type(name, (BaseConfiguration,), fields))


Privacy = _configuration("Privacy", PRIVACY_HINTS, of_privacy.PRIVACY_SECRETS)
Configuration = _configuration("Configuration", HINTS, SECRETS, privacy=Privacy)
