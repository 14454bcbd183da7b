"""The settings, extras and requirements that the pages name exist."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

import click
import pytest
import yaml

from chatislav_source.cli.commands import cli
from chatislav_source.config import Arguments
from chatislav_source.privacy.settings import PrivacyArguments
from tests.test_readme import PAGES, ROOT, blocks

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SECTION = re.compile(r"SOURCES__CHATISLAV__(PRIVACY__)?([A-Z]+(?:_[A-Z]+)*)")
OPTIONS = {
    option.envvar
    for command in cli.commands.values()
    for option in command.params
    if isinstance(option, click.Option)
}


def sections(tables: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each `[sources.chatislav]` of a configuration, also of one pipeline."""
    for name, table in tables.items():
        if name == "sources":
            yield table.get("chatislav", {})
        elif isinstance(table, dict):
            yield from sections(table)


@pytest.mark.parametrize("page", PAGES)
def test_the_settings_that_it_names_exist(page: str) -> None:
    known = {name.upper() for name in Arguments.__annotations__}
    of_privacy = {name.upper() for name in PrivacyArguments.__annotations__}
    own = [each for text in blocks("toml", PAGES[page]) for each in sections(tomllib.loads(text))]

    unknown = [
        name
        for prefix, name in SECTION.findall(PAGES[page])
        if name not in (of_privacy if prefix else known)
    ]

    assert unknown == []
    assert {name.upper() for each in own for name in each} <= known
    assert {name.upper() for each in own for name in each.get("privacy", {})} <= of_privacy
    assert set(re.findall(r"(?<!_)CHATISLAV_[A-Z][A-Z_]*", PAGES[page])) <= {
        *OPTIONS,
        *re.findall(r"_?CHATISLAV_COMPLETE|CHATISLAV_TEST_\w+", PAGES[page]),
    }


@pytest.mark.parametrize("page", PAGES)
def test_its_yaml_can_be_read(page: str) -> None:
    for text in blocks("yaml", PAGES[page]):
        assert list(yaml.safe_load_all(text))


@pytest.mark.parametrize("page", PAGES)
def test_what_it_says_to_install_is_there(page: str) -> None:
    named = re.findall(r"'(?:\.|chatislav-source)\[([\w,-]+)\]'", PAGES[page])

    extras = {extra for each in named for extra in each.split(",")}

    assert extras <= set(PROJECT["optional-dependencies"])


@pytest.mark.parametrize("page", PAGES)
def test_what_is_installed_from_a_checkout_is_of_the_tested_versions(page: str) -> None:
    assert re.findall(r"pip install '?\..*", PAGES[page]) == []  # without -c constraints.txt


def test_the_readme_installs_nothing_by_a_name_that_no_index_has() -> None:
    assert re.findall(r"pip3? install '?chatislav-source(?! @)", PAGES["README.md"]) == []
