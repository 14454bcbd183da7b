"""The states of bots that pipelines have stored in the destination."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import DatabaseUndefinedRelation

from chatislav_source.destinations.dlt_internals import decompress_state
from chatislav_source.errors import ConfigurationError
from chatislav_source.records.schema import ANALYTICS, CONVERSATIONS
from chatislav_source.runner.resources import STREAMS
from chatislav_source.streams.state import State


@dataclass(frozen=True)
class StoredBot:
    """The states of one bot, and the name of the pipeline that stored them."""

    pipeline: str
    conversations: State
    analytics: State

    @property
    def watermark(self) -> str:
        """When its last complete sync began; empty if there is none."""
        return self.conversations.get("watermark") or ""


def pipeline_names(pipeline: dlt.Pipeline) -> list[str]:
    """The names of all pipelines that have stored a state in the dataset; sorted."""
    with suppress(DatabaseUndefinedRelation), pipeline.sql_client() as client:
        table = client.make_qualified_table_name("_dlt_pipeline_state")
        rows = client.execute_sql(f"SELECT DISTINCT pipeline_name FROM {table}")  # noqa: S608 - a table's name
        return sorted(str(name) for (name,) in rows or [])
    return []


def newest_states(pipeline: dlt.Pipeline, names: Iterable[str]) -> dict[int, StoredBot]:
    """By bot, its states in that of these pipelines whose complete sync is the newest.

    A backfill and a schedule may each have a pipeline of its own for the bot.
    """
    newest: dict[int, StoredBot] = {}
    with _state_client(pipeline) as client:
        for name in names:
            for bot_id, found in _states_of(client, name).items():
                known = newest.get(bot_id)
                if known is None or found.watermark > known.watermark:
                    newest[bot_id] = found
    return newest


def _states_of(client: WithStateSync, name: str) -> dict[int, StoredBot]:
    """By bot, its states in one pipeline."""
    bots = _bots(client, name)
    conversations, analytics = bots[CONVERSATIONS.name], bots[ANALYTICS.name]
    return {
        int(bot): StoredBot(name, conversations.get(bot) or {}, analytics.get(bot) or {})
        for bot in {*conversations, *analytics}
    }


def stored_bots(pipeline: dlt.Pipeline) -> dict[str, dict[str, Any]]:
    """By stream and bot id as text, the state after the last load; empty before the first one."""
    with _state_client(pipeline) as client:
        return _bots(client, pipeline.pipeline_name)


@contextmanager
def _state_client(pipeline: dlt.Pipeline) -> Iterator[WithStateSync]:
    """A connection that the states of all pipelines are read with."""
    with pipeline.destination_client() as client:
        if not isinstance(client, WithStateSync):
            raise ConfigurationError(
                f"{pipeline.destination.destination_name} stores no state, so there is no status."
            )
        yield client


def _bots(client: WithStateSync, name: str) -> dict[str, dict[str, Any]]:
    """As `stored_bots`, of the pipeline with this name."""
    try:
        stored = client.get_stored_state(name)
    except DestinationUndefinedEntity:
        stored = None
    state: dict[str, Any] = decompress_state(stored.state) if stored else {}
    resources = state.get("sources", {}).get("chatislav", {}).get("resources", {})
    return {stream: resources.get(stream, {}).get("bots", {}) for stream in STREAMS}
