"""A hypothesis strategy for any JSON value, and functions that list its parts."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


def as_json_reads(text: str) -> str:
    """`text` with each surrogate pair replaced by its character, as JSON decodes it."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


NASTY_TEXT = st.text(st.characters(), max_size=6).map(as_json_reads) | st.text(
    st.sampled_from("ab#0\0\ud800\udfff\ufffd"), max_size=6
).map(as_json_reads)
NUMBERS = st.integers(-(2**80), 2**80) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | NASTY_TEXT
ANY_JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY_TEXT, inner, max_size=4),
    max_leaves=10,
)


def leaves(value: Any) -> list[Any]:
    """The scalar values, in order."""
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def signs(value: Any) -> str:
    """All texts in a value, also its names, concatenated."""
    if isinstance(value, dict):
        return "".join(key + signs(item) for key, item in value.items())
    if isinstance(value, list):
        return "".join(map(signs, value))
    return value if isinstance(value, str) else ""
