"""The map of versions behaves as a dict, in less memory."""

from __future__ import annotations

import sys

from hypothesis import given
from hypothesis import strategies as st

from chatislav_source.streams.version_map import VersionMap

IDS = st.one_of(st.sampled_from(["a", "b", "c", "d"]), st.text(max_size=3))
NOTES = st.lists(st.tuples(IDS, st.none() | st.sampled_from(["1", "2"])), max_size=400)


@given(notes=NOTES)
def test_it_has_the_version_that_was_noted_last(notes: list[tuple[str, str | None]]) -> None:
    versions, known = VersionMap(), dict(notes)

    for session_id, version in notes:
        versions.note(session_id, version)

    for session_id in {*known, "a", "never"}:
        version = known.get(session_id)
        assert (session_id in versions) is (version is not None)
        assert [versions.has(session_id, each) for each in ("1", "2")] == [
            version == "1",
            version == "2",
        ]
    assert len(versions) == sum(version is not None for version in known.values())


def test_many_conversations_take_a_fraction_of_the_memory_of_a_dict() -> None:
    count = 20_000
    versions = VersionMap((f"conversation {n}", f"version {n}") for n in range(count))

    size = sum(sys.getsizeof(each) for each in (versions._keys, versions._values))
    assert all(versions.has(f"conversation {n}", f"version {n}") for n in range(count))
    assert size / count < 50
