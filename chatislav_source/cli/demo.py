"""The demo: generates a workspace, syncs it, changes it, and syncs it again."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from chatislav_source.cli import console
from chatislav_source.destinations.target import PipelineConfig
from chatislav_source.runner.report import SyncReport
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World
from chatislav_source.source import sync
from chatislav_source.views.warehouse import make_views

BOT_IDS = (101, 102, 103)
DAYS = 60
CHANGES = ("new_message", "new_message", "new_conversation", "resolution", "rating")
QUERIES = {
    "chatislav.conversations": """
        SELECT bot_id, channel, count(*) AS conversations, sum(message_count) AS messages,
               round(100.0 * avg((resolution_status = 'resolved')::INT), 1) AS "resolved %"
        FROM chatislav.conversations WHERE bot_id = 101 GROUP BY ALL ORDER BY conversations DESC
    """,
    "chatislav.conversations__messages": """
        SELECT session_id[:8] AS session, message_index AS "index", role,
               substring(content, 1, 56) AS content
        FROM chatislav.conversations__messages
        WHERE session_id = (
            SELECT session_id FROM chatislav.conversations WHERE message_count BETWEEN 3 AND 5
            ORDER BY created_at, session_id LIMIT 1
        ) ORDER BY message_index
    """,
    "chatislav.analytics": """
        SELECT date, bot_id, conversations__total AS conversations,
               conversations__unique_contacts AS contacts, resolutions__confirmed AS confirmed,
               round(usage__total_credits, 1) AS credits, is_final
        FROM chatislav.analytics WHERE bot_id = 101 ORDER BY date DESC LIMIT 5
    """,
    "chatislav_models.chatislav__conversations": """
        SELECT channel, count(*) AS conversations,
               round(100.0 * avg(is_deflected), 1) AS "deflected %",
               round(100.0 * avg(is_contained), 1) AS "contained %",
               round(100.0 * sum(is_helpful) / nullif(sum(is_rated), 0), 1) AS "CSAT %",
               median(first_response_seconds)::BIGINT AS "first response s"
        FROM chatislav_models.chatislav__conversations WHERE bot_id = 101
        GROUP BY ALL ORDER BY conversations DESC
    """,
    "chatislav_models.chatislav__turns": """
        SELECT bot_id, count(*) AS questions, round(100.0 * avg(is_answered), 1) AS "answered %",
               median(answer_seconds)::BIGINT AS "answer s (p50)",
               quantile_cont(answer_seconds, 0.9)::BIGINT AS "answer s (p90)"
        FROM chatislav_models.chatislav__turns GROUP BY ALL ORDER BY bot_id
    """,
}


def run_demo(database: Path, conversations: int, verbosity: console.Verbosity) -> None:
    """Serve a workspace, sync it twice into `database`, and print some of its rows."""
    database.unlink(missing_ok=True)
    world = World.generate(bot_ids=BOT_IDS, conversations=conversations, days=DAYS, seed=1)
    with Sandbox(world) as api, tempfile.TemporaryDirectory() as folder:
        config = PipelineConfig("duckdb", database, "chatislav", "chatislav_demo", folder)
        config.check()
        first = _sync(config, api.base_url, verbosity)
        console.summary(f"1. First sync → {config}", first)
        changes = random.Random(1)  # noqa: S311 - test data
        for kind in CHANGES:
            world.mutate(kind, changes)
        second = _sync(config, api.base_url, verbosity)
        console.summary(f"2. Again, after {len(CHANGES)} changes in the workspace", second)
        make_views(config.pipeline(), "UTC")
    _show(database)


def _sync(config: PipelineConfig, base_url: str, verbosity: console.Verbosity) -> SyncReport:
    with console.progress(len(BOT_IDS), verbosity) as progress:
        return sync(
            config.pipeline(progress),
            bot_ids=list(BOT_IDS),
            api_key=SANDBOX_KEY,
            base_url=base_url,
            start_date=datetime.now(UTC).date() - timedelta(days=DAYS - 1),
            on_progress=progress.on_page,
        )


def _show(database: Path) -> None:
    with duckdb.connect(str(database), read_only=True) as connection:
        for title, query in QUERIES.items():
            result = connection.execute(query)
            names = [column[0] for column in result.description]
            console.rows(title, names, result.fetchall())
    console.out.print(f"\nTo see more: duckdb {database}, or any tool that opens DuckDB files.")
