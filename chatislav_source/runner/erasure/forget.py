"""Erases persons and conversations: records them, then deletes their rows.

The record comes first, so that no sync in between loads them again. After a kill, a second erasure
of the same values deletes what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import dlt

from chatislav_source.destinations.adapter import SqlClient
from chatislav_source.destinations.concurrency.bot_locks import bot_locks
from chatislav_source.destinations.defaults import own_defaults
from chatislav_source.destinations.merging.statements import marks, together
from chatislav_source.destinations.merging.strategies import require_delete
from chatislav_source.privacy.erasure import EVERY_BOT, SESSION, Erased, Identity, stored_hash
from chatislav_source.privacy.hashing import Keys
from chatislav_source.records.rejected.table import REJECTED
from chatislav_source.records.schema import CONVERSATIONS
from chatislav_source.runner.checkpoint import NO_TABLE, keep_to_destination, start_over
from chatislav_source.runner.erasure import search
from chatislav_source.runner.erasure.record import record
from chatislav_source.runner.erasure.search import Found, Rows
from chatislav_source.runner.erasure.snapshots import purge
from chatislav_source.runner.erasure.statements import write_out
from chatislav_source.runner.erasure.table import Forgotten
from chatislav_source.runner.job import alone
from chatislav_source.runner.redaction import asking

NO_DELETE = (
    "Rows in {name} cannot be deleted one by one, so nothing was erased. Delete the files that "
    "have them, or the dataset, and sync again."
)


@dataclass(frozen=True)
class Match:
    """What a warehouse has of some identities: all of it, and by identity."""

    rows: Sequence[Rows]
    found: Found = field(repr=False)
    by_identity: dict[Identity, Found] = field(repr=False)
    messages: dict[search.Session, int] = field(repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """By table, the number of rows; those of staging datasets are copies, and counted apart."""
        own = next(iter(self.rows)).dataset if self.rows else ""
        counts: Counter[str] = Counter()
        for rows in self.rows:
            counts[rows.table if rows.dataset == own else "staging"] += rows.count
        return dict(counts)

    @property
    def bots(self) -> list[int]:
        """The bots of the conversations."""
        return sorted({bot_id for bot_id, _ in self.found.sessions})


def matching(pipeline: dlt.Pipeline, keys: Keys, identities: Sequence[Identity]) -> Match:
    """What the destination of a pipeline has of some identities; reads only.

    Raises:
        ConfigurationError: rows cannot be deleted there.
        LoadFailedError: the destination could not be asked.
    """
    require_delete(pipeline, NO_DELETE)
    with asking(pipeline) as client:
        names = search.datasets(client)
        by_identity = {each: Found() for each in identities}
        for identity, found in by_identity.items():
            erased = Erased.of(keys, [identity])
            for name in names:
                found.add(search.find(client, name, erased))
        total = Found()
        for found in by_identity.values():
            total.add(found)
        rows = [each for name in names for each in search.rows_of(client, name, total)]
        messages = search.messages_of(client, client.dataset_name, total)
        return Match(rows, total, by_identity, messages)


def forget(pipeline: dlt.Pipeline, keys: Keys, identities: Sequence[Identity]) -> Match:
    """Erase persons and conversations from the destination and the pipeline's folder.

    Returns what was deleted. Later runs leave them out, from whatever machine.

    Raises:
        ConfigurationError: rows cannot be deleted there.
        PipelineLockedError: another process runs this pipeline or loads one of its bots.
        LoadFailedError: the destination refused it; run it again.
    """
    require_delete(pipeline, NO_DELETE)
    own_defaults().claim(pipeline)
    with alone(pipeline), bot_locks(pipeline, known_bots(pipeline)):
        keep_to_destination(pipeline)
        match = matching(pipeline, keys, identities)
        record(pipeline, forgotten_rows(keys, match, datetime.now(UTC)), match.bots)
        delete(pipeline, match.rows)
        start_over(pipeline)  # its files may have rows, too
    return match


def known_bots(pipeline: dlt.Pipeline) -> list[int]:
    """The bots with rows in the destination."""
    bots: set[int] = set()
    with asking(pipeline) as client:
        for table in (CONVERSATIONS, REJECTED):
            name = client.make_qualified_table_name(table.name)
            try:
                rows = client.execute_sql(f"SELECT DISTINCT bot_id FROM {name}")  # noqa: S608 - a table's name
            except NO_TABLE:
                continue
            bots |= {int(bot_id) for (bot_id,) in rows or ()}
    return sorted(bots)


def forgotten_rows(keys: Keys, match: Match, now: datetime) -> list[Forgotten]:
    """The rows of the table `forgotten`: of each identity, and of each conversation."""
    rows = [
        Forgotten(
            stored_hash(keys, identity),
            EVERY_BOT,
            identity.kind,
            now,
            conversations=len(found.sessions),
            messages=sum(match.messages.get(each, 0) for each in found.sessions),
            rejected=len(found.rejected),
        )
        for identity, found in match.by_identity.items()
    ]
    rejected = Counter((bot, each) for (bot, _), each in match.found.rejected.items() if each)
    for session in sorted({*match.found.sessions, *rejected}):
        bot_id, session_id = session
        days = match.found.sessions.get(session)
        rows.append(
            Forgotten(
                stored_hash(keys, Identity(SESSION, session_id)),
                bot_id,
                SESSION,
                now,
                *(days or (None, None)),
                conversations=int(days is not None),
                messages=match.messages.get(session, 0),
                rejected=rejected[session],
            )
        )
    return rows


def delete(pipeline: dlt.Pipeline, rows: Sequence[Rows]) -> None:
    """Delete rows, in one transaction where the destination has them.

    Raises:
        LoadFailedError: the destination refused it.
    """
    with asking(pipeline) as client:
        named = [(search.qualified(client, each.dataset, each.table), each) for each in rows]
        with together(client):
            for name, each in named:
                delete_rows(client, name, each)
        write_out(pipeline, client)
        purge(pipeline, client)


def delete_rows(client: SqlClient, name: str, rows: Rows) -> None:
    """Delete the rows of one bot from a table with this qualified name."""
    column = search.KEY_COLUMNS[rows.table]
    client.execute_sql(
        f"DELETE FROM {name} WHERE bot_id = %s AND {column} IN ({marks(rows.keys)})",  # noqa: S608 - no input
        rows.bot_id,
        *rows.keys,
    )
