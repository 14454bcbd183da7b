"""Programs to compare with: the floor, and dlt's own rest_api source.

`python -m tests.benchmarks.contenders NAME BASE_URL` works in the current folder.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from chatislav_source.sandbox import SANDBOX_KEY

BOT_ID = 101
FIRST_DAY = (datetime.now(UTC).date() - timedelta(days=90)).isoformat()
CONVERSATION = """STRUCT(sessionId VARCHAR, botId BIGINT, companyId VARCHAR, createdAt TIMESTAMP,
    lastActivity TIMESTAMP, channel VARCHAR, resolutionStatus VARCHAR, humanTakeover BOOLEAN,
    helpful BIGINT, feedbackComment VARCHAR, summary JSON, userForm JSON,
    contact STRUCT(ipAddress VARCHAR, phoneNumber VARCHAR),
    messages STRUCT(id VARCHAR, createdAt TIMESTAMP, role VARCHAR, content VARCHAR)[])"""


def floor(base_url: str) -> None:
    """Fetch the pages to disk, one after another, and let DuckDB read them; no state, no merge."""
    fetch(base_url)
    import duckdb

    database = duckdb.connect("floor.duckdb")
    database.execute(
        f"""CREATE TEMP TABLE page AS SELECT unnest(conversations) AS c FROM read_json(
            'pages.ndjson', format='newline_delimited', maximum_object_size=100000000,
            columns={{conversations: '{CONVERSATION}[]'}})"""
    )
    database.execute(
        """CREATE TABLE conversations AS SELECT c.botId, c.sessionId, c.companyId, c.createdAt,
            c.lastActivity, c.channel, c.resolutionStatus, c.humanTakeover, c.helpful,
            c.feedbackComment, c.summary, c.userForm, c.contact.ipAddress, c.contact.phoneNumber
            FROM page"""
    )
    database.execute(
        """CREATE TABLE messages AS SELECT botId, sessionId, m.* FROM (
            SELECT c.botId, c.sessionId, unnest(c.messages) AS m FROM page)"""
    )
    database.close()


def fetch(base_url: str) -> None:
    """Append each page to a file as a line."""
    import httpx
    import orjson

    query: dict[str, Any] = {"bot_id": BOT_ID, "from": FIRST_DAY, "limit": 100}
    headers = {"X-API-Key": SANDBOX_KEY, "Content-Type": "application/json"}
    with httpx.Client(headers=headers) as client, open("pages.ndjson", "wb") as pages:
        while True:
            answer = client.post(f"{base_url}/conversations", json=query)
            pages.write(answer.content + b"\n")
            pagination = orjson.loads(answer.content)["pagination"]
            if not pagination["hasMore"]:
                return
            query["cursor"] = pagination["nextCursor"]


def rest_api(base_url: str, **load_options: Any) -> None:
    """dlt's generic source, as its documentation has it: merged by key, incremental by activity."""
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": base_url + "/",
                "auth": {"type": "api_key", "name": "X-API-Key", "api_key": SANDBOX_KEY},
                "paginator": {
                    "type": "cursor",
                    "cursor_path": "pagination.nextCursor",
                    "cursor_body_path": "cursor",
                },
            },
            "resources": [
                {
                    "name": "conversations",
                    "primary_key": ["botId", "sessionId"],
                    "write_disposition": "merge",
                    "endpoint": {
                        "path": "conversations",
                        "method": "POST",
                        "json": {
                            "bot_id": BOT_ID,
                            "limit": 100,
                            "from": "{incremental.start_value}",
                        },
                        "data_selector": "conversations",
                        "incremental": {"cursor_path": "lastActivity", "initial_value": FIRST_DAY},
                    },
                }
            ],
        }
    )
    pipeline = dlt.pipeline(
        "rest",
        destination=dlt.destinations.duckdb("rest_api.duckdb"),
        dataset_name="rest",
        pipelines_dir="pipelines",
    )
    pipeline.run(source, **load_options)


CONTENDERS = {
    "fetch": fetch,
    "floor": floor,
    "rest_api": rest_api,
    "rest_api_parquet": lambda url: rest_api(url, loader_file_format="parquet"),
}

if __name__ == "__main__":
    CONTENDERS[sys.argv[1]](sys.argv[2])
