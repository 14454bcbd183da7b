"""Folds groups of few people together. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from chatislav_source.report.facts import Facts
from chatislav_source.report.queries import LEAST_PEOPLE

OTHERS = "other channels"


def folded(people: Mapping[str, int]) -> list[str]:
    """The groups that are only shown together, by the people of each group.

    A single one could be told from the total, so the next smallest group joins them; with it they
    are enough people, however they overlap. All groups, if there is no other.
    """
    by_size = sorted(people, key=lambda group: (people[group], group))
    small = [group for group in by_size if people[group] < LEAST_PEOPLE]
    return by_size[: len(small) + 1] if small else []


def groups_of(people: Mapping[str, int]) -> dict[str, list[str]]:
    """The groups that are shown, each with those that it holds; the largest first."""
    together = folded(people)
    alone = sorted(set(people) - set(together), key=lambda group: (-people[group], group))
    if together and max(people[group] for group in together) < LEAST_PEOPLE:
        return {}  # nobody else is there to hide among
    return {group: [group] for group in alone} | ({OTHERS: together} if together else {})


def shown_channels(facts: Facts) -> dict[str, list[str]]:
    """The channels that are shown, each with those that it holds; the largest first."""
    return groups_of({name: of["conversations"] for name, of in facts.channels.items()})
