"""What is done with the values in a JSON column, by key path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from chatislav_source.privacy.actions import Action
from chatislav_source.privacy.hashing import Key
from chatislav_source.records.columns import json_text
from chatislav_source.records.json_decoder import decode
from chatislav_source.records.private.text_rule import TextRule

DROPPED = object()
"""Stands for a value that is left out."""


@dataclass(frozen=True)
class JsonRule:
    """The action for the values of a JSON object, and other rules for those of some names in it.

    A list has the rule of the object that it is in. Names in the objects are scrubbed where their
    values are not kept, as a name may be a phone number too.
    """

    action: Action
    key: Key | None = None
    inner: Mapping[str, JsonRule] = field(default_factory=dict)

    @cached_property
    def is_keep(self) -> bool:
        """Whether nothing is changed."""
        return self.action == "keep" and all(rule.is_keep for rule in self.inner.values())

    @cached_property
    def _is_drop(self) -> bool:
        return self.action == "drop" and all(rule._is_drop for rule in self.inner.values())

    @cached_property
    def _of_texts(self) -> TextRule:
        return TextRule(self.action, None, self.key)

    def text(self, value: str) -> str | None:
        """A JSON text after its actions, as JSON text; None if nothing is left."""
        if self._is_drop:
            return None
        left = self._of(decode(value.encode())[0])
        return None if left is DROPPED else json_text(left)

    def at(self, path: tuple[str, ...], action: Action) -> JsonRule:
        """This rule, with another action for the values at `path`."""
        if not path:
            return JsonRule(action, self.key, self.inner)
        name, *rest = path
        inner = self.inner.get(name) or JsonRule(self.action, self.key)
        return JsonRule(self.action, self.key, {**self.inner, name: inner.at(tuple(rest), action)})

    def _of(self, value: Any) -> Any:
        """A JSON value after its actions, or `DROPPED`."""
        if self.is_keep:
            return value
        if isinstance(value, dict):
            left = dict(self._fields(value))
            return left if left or not value else DROPPED
        if isinstance(value, list):
            items = [self._of(item) for item in value]
            kept = [item for item in items if item is not DROPPED]
            return kept if kept or not value else DROPPED
        return self._leaf(value)

    def _fields(self, value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        names = TextRule("keep" if self.action == "keep" else "scrub", None, None)
        for name, item in value.items():
            rule = self.inner.get(name)
            left = (rule or JsonRule(self.action, self.key))._of(item)
            if left is not DROPPED:
                yield (name if rule else names.value(name) or ""), left

    def _leaf(self, value: Any) -> Any:
        """A text, number, bool or null after the action; null tells nothing, and stays."""
        if self.action == "drop":
            return DROPPED
        if value is None or self.action == "keep":
            return value
        if isinstance(value, str):
            return self._of_texts.value(value)
        text = str(value)
        left = self._of_texts.value(text)
        return value if left == text else left
