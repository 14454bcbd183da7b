"""A worker that syncs one bot in rounds, and checks its rows after each round.

    python -m tests.destinations.worker POSTGRES_URL DATASET BOT_ID ROUNDS FOLDER

It ends with status 1 if they are not.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from chatislav_source import sync
from chatislav_source.sandbox import SANDBOX_KEY, Sandbox, World

from . import warehouses
from .story import TODAY

CONVERSATIONS = 50


def main(url: str, dataset: str, bot_id: int, rounds: int, folder: Path) -> int:
    """Sync and check in each round; returns the exit status."""
    postgres = warehouses.postgres(url)
    world = World.generate(
        bot_ids=(bot_id,), conversations=CONVERSATIONS, days=1, last_day=TODAY, messages=3
    )
    pipeline = postgres.pipeline(folder, dataset, name=f"worker_{bot_id}")
    with Sandbox(world) as api:
        for number in range(rounds):
            for row in world.conversations(bot_id):
                session_id = row["sessionId"]
                world.change(bot_id, session_id, touch=True, feedbackComment=f"{number}")
            given: Any = {"bot_ids": [bot_id], "api_key": SANDBOX_KEY, "base_url": api.base_url}
            sync(pipeline, **given, start_date=TODAY.isoformat())
            if not is_exact(postgres, pipeline, bot_id, f"{number}"):
                return 1
    return 0


def is_exact(postgres: warehouses.Warehouse, pipeline: Any, bot_id: int, comment: str) -> bool:
    """Whether every conversation is there once, as it is now, with its three messages."""
    found = postgres.execute(
        pipeline,
        "SELECT c.feedback_comment, count(*) AS messages, count(DISTINCT m.message_index) AS places"
        f" FROM {postgres.qualified(pipeline, 'conversations')} c"
        f" JOIN {postgres.qualified(pipeline, 'conversations__messages')} m"
        f" USING (bot_id, session_id) WHERE bot_id = {bot_id} GROUP BY session_id, 1",
    )
    wanted = {"feedback_comment": comment, "messages": 3, "places": 3}
    return found == [wanted] * CONVERSATIONS


if __name__ == "__main__":
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    given_url, given_dataset, given_bot, given_rounds, given_folder = sys.argv[1:]
    sys.exit(main(given_url, given_dataset, int(given_bot), int(given_rounds), Path(given_folder)))
