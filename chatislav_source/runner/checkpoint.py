"""Reads and writes the stored states of partitions, and keeps the local folder to the destination.

dlt stores one resource state per stream, in the same load package as the rows it describes:

    bots      the state of each partition, by bot id as text; its fields are in
              `streams.conversations.state.FORMAT` and `streams.analytics.state.FORMAT`

The pipeline's local folder is a cache: the destination has the state of the last complete load. A
folder with another state (of another database with the same pipeline name, of a warehouse that was
restored from a backup, of an interrupted load, or damaged) is deleted, and dlt restores the state
of the destination.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, cast

import dlt
from dlt.common.destination.client import WithStateSync
from dlt.common.destination.exceptions import DestinationUndefinedEntity
from dlt.destinations.exceptions import (
    DatabaseException,
    DatabaseUndefinedRelation,
    DestinationConnectionError,
)

from chatislav_source.destinations.defaults import SCHEMA
from chatislav_source.destinations.dlt_internals import decompress_state
from chatislav_source.destinations.duckdb import has_append_mark
from chatislav_source.destinations.merging.strategies import can_delete
from chatislav_source.destinations.target import DAMAGE, DELETED_FOLDER, delete_folder
from chatislav_source.extract.stream_queue import AnyPage
from chatislav_source.records.schema import CONVERSATIONS, LOAD_ID
from chatislav_source.runner.redaction import failed_query
from chatislav_source.streams.state import State

logger = logging.getLogger(__name__)

NO_TABLE = (DatabaseUndefinedRelation, DestinationUndefinedEntity)
"""What dlt raises for a table that does not exist: of a database, or of a folder of files."""

STATES_PER_PRUNING = 4  # each pruning is a statement, and leaves the newest two states


def keep_to_destination(pipeline: dlt.Pipeline) -> None:
    """Delete the local files unless they are exactly at the state in the destination."""
    complete_load(pipeline)
    if is_interrupted(pipeline):
        _replace(pipeline, "are of an interrupted load")
    elif not is_current(pipeline):
        _replace(pipeline, "do not match what the destination holds")


def delete_damaged_files(pipeline: dlt.Pipeline) -> None:
    """Delete the local files if dlt cannot read them, before anything is asked of the pipeline."""
    try:
        for name in pipeline.schema_names:
            pipeline.schemas[name].to_dict()
        is_interrupted(pipeline)
    except DAMAGE as error:
        _replace(pipeline, f"are damaged ({type(error).__name__})")


def _replace(pipeline: dlt.Pipeline, problem: str) -> None:
    logger.warning(DELETED_FOLDER, pipeline.pipeline_name, problem)
    start_over(pipeline)


def is_interrupted(pipeline: dlt.Pipeline) -> bool:
    """Whether the local files are of an interrupted load.

    Its package is not loaded: dlt cannot tell whether its files are complete, or loaded already.
    Reading its rows again takes seconds.
    """
    loads = pipeline.list_extracted_load_packages(), pipeline.list_normalized_load_packages()
    return any(loads) or has_append_mark(pipeline)


def is_current(pipeline: dlt.Pipeline) -> bool:
    """Whether the local state is the one in the destination, or the pipeline was never used."""
    if not pipeline.has_data:
        return True
    state = cast(dict[str, Any], pipeline.state)
    return bool(stored_hash(pipeline) == state["_version_hash"])


def stored_hash(pipeline: dlt.Pipeline) -> str | None:
    """The hash of the pipeline's newest state in the destination; None if there is none."""
    state = stored_state(pipeline)
    return state["_version_hash"] if state else None


def kept_from(pipeline: dlt.Pipeline) -> dict[int, date]:
    """By bot, the first day whose activity kept a conversation; not of bots that keep all."""
    sources = (stored_state(pipeline) or {}).get("sources", {})
    resources = sources.get(SCHEMA, {}).get("resources", {})
    found: dict[int, date] = {}
    for bot_id, state in _stored_bots(resources.get(CONVERSATIONS.name, {})).items():
        day = state.get("kept_from") if isinstance(state, dict) else None
        if isinstance(day, str):
            found[int(bot_id)] = date.fromisoformat(day)
    return found


def stored_state(pipeline: dlt.Pipeline) -> dict[str, Any] | None:
    """The pipeline's newest state in the destination; None if there is none.

    Raises:
        ChatislavError: the destination could not be asked.
    """
    try:
        with pipeline.destination_client() as client:
            stored = cast(WithStateSync, client).get_stored_state(pipeline.pipeline_name)
    except DestinationUndefinedEntity:
        forget_tables(pipeline)
        return None
    except (DatabaseException, DestinationConnectionError) as error:
        raise failed_query(error) from None
    return decompress_state(stored.state) if stored else None


def start_over(pipeline: dlt.Pipeline) -> None:
    """Delete all local files; the next load restores the state of the last complete one.

    `abort_packages` is not used: if it is interrupted, the state stays ahead of the tables.
    """
    delete_folder(Path(pipeline.working_dir))
    pipeline.drop()


def complete_load(pipeline: dlt.Pipeline) -> None:
    """Complete the load of the newest state, if a kill came between the two.

    Into files, dlt writes the state of a load before it marks the load as complete, and restores
    the state in either case. All rows are there by then.
    """
    if can_delete(pipeline):
        return  # a warehouse restores the state of a complete load only
    with suppress(*NO_TABLE), pipeline.destination_client() as client:
        stored = cast(WithStateSync, client).get_stored_state(pipeline.pipeline_name)
        load_id = getattr(stored, LOAD_ID.name, None)
        if load_id and not _is_complete(pipeline, load_id):
            client.complete_load(load_id)


def _is_complete(pipeline: dlt.Pipeline, load_id: str) -> bool:
    with pipeline.sql_client() as client:
        loads = client.make_qualified_table_name("_dlt_loads")
        query = f"SELECT 1 FROM {loads} WHERE load_id = %s AND status = 0"  # noqa: S608 - a table's name
        return bool(client.execute_sql(query, load_id))


def prune_states(pipeline: dlt.Pipeline, since: int) -> None:
    """Delete the pipeline's old states from the destination, every few states.

    `since` is the number of the last state that an earlier call has seen. dlt restores the newest
    state of a complete load, and reads no other.
    """
    version = pipeline.state["_state_version"]
    if version // STATES_PER_PRUNING == since // STATES_PER_PRUNING or not can_delete(pipeline):
        return  # where rows cannot be deleted, dlt itself prunes states
    with suppress(DatabaseUndefinedRelation), pipeline.sql_client() as client:
        table = client.make_qualified_table_name("_dlt_pipeline_state")
        query = f"DELETE FROM {table} WHERE pipeline_name = %s AND version < %s"  # noqa: S608 - a table's name
        client.execute_sql(query, pipeline.pipeline_name, version - 1)


def forget_tables(pipeline: dlt.Pipeline, schema: str = SCHEMA) -> None:
    """Make dlt create the tables that somebody dropped; it believes the schemas that it stored."""
    if not can_delete(pipeline):
        return  # a folder is created with its first file
    with suppress(*NO_TABLE), pipeline.sql_client() as client:
        table = client.make_qualified_table_name("_dlt_version")
        query = f"DELETE FROM {table} WHERE schema_name = %s"  # noqa: S608 - a table's name
        client.execute_sql(query, schema)


def stored_states(resource_state: dict[str, Any], bot_ids: Iterable[int]) -> dict[int, Any]:
    """By bot, its stored state, not checked yet; None if there is none."""
    bots = _stored_bots(resource_state)
    return {bot_id: bots.get(str(bot_id)) for bot_id in bot_ids}


def first_days(source_state: Mapping[str, Any]) -> dict[int, str]:
    """By bot, the first day that any resource loads, as a start date counts for all of them."""
    found: dict[int, str] = {}
    for resource_state in source_state.get("resources", {}).values():
        for bot_id, state in _stored_bots(resource_state).items():
            day = state.get("loaded_from") if isinstance(state, dict) else None
            if isinstance(day, str):
                found[int(bot_id)] = min(day, found.get(int(bot_id), day))
    return found


def is_first_load(state: Any, default_first_day: str) -> bool:
    """Whether a bot was never loaded, or its first load from the default day is not complete."""
    if not isinstance(state, dict) or state.get("loaded_from") is None:
        return True
    is_complete = "watermark" not in state or state["watermark"] is not None
    return not is_complete and bool(state["loaded_from"] == default_first_day)


def newest_states(pages: Sequence[AnyPage]) -> dict[int, State]:
    """By bot, the checkpoint after its last page."""
    return {page.bot_id: page.checkpoint for page in pages}


def remember(resource_state: dict[str, Any], states: dict[int, State]) -> None:
    """Store the bots' states in the resource state; those of other bots stay."""
    stored = {str(bot_id): state for bot_id, state in states.items()}
    resource_state["bots"] = _stored_bots(resource_state) | stored


def _stored_bots(resource_state: dict[str, Any]) -> dict[str, Any]:
    bots = resource_state.get("bots")
    return bots if isinstance(bots, dict) else {}
