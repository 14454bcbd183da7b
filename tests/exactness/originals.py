"""Personal values planted wherever the API may send one, and a search for them in every file."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq

from chatislav_source.privacy.hashing import Key, keyed_hash
from chatislav_source.sandbox import World
from chatislav_source.sandbox.rendering.bad_records import BAD_RECORDS
from tests.exactness.truth import TODAY

BOT, ODD_BOT = 101, 102  # pages of the second one are not as documented
SECRET = "a made-up secret of 32 bytes, ok"
PSEUDONYMOUS = {"profile": "pseudonymous", "key": SECRET}

PHONE, IP, MAIL, NAME = "+381647654321", "198.51.100.77", "Zorka.Q@primer.rs", "Zorkanovic"
HASHED_PHONE = keyed_hash(Key(SECRET.encode()), PHONE)
WORDS = f"Javite na 064/765-43-21 ili {MAIL}"
ORIGINALS = (PHONE, "381647654321", "064/765-43-21", IP, MAIL, MAIL.lower(), NAME, SECRET)
"""What must be in no file; the key, too."""


def planted(conversations: int = 8) -> World:
    """Two bots, of which one has records of every odd kind, all with the personal values."""
    world = World.generate(
        (BOT, ODD_BOT), conversations=conversations, days=3, last_day=TODAY, messages=2
    )
    for bot_id in (BOT, ODD_BOT):
        for row in world.conversations(bot_id):
            world.change(bot_id, row["sessionId"], **personal(row))
    row = world.conversations(ODD_BOT)[0]
    world.change(ODD_BOT, row["sessionId"], **odd(row))
    return world


def personal(row: dict[str, Any]) -> dict[str, Any]:
    """The fields of a conversation with the personal values."""
    return {
        "contact": {"ipAddress": IP, "phoneNumber": PHONE},
        "feedbackComment": WORDS,
        "userForm": {"ime": NAME, "telefon": PHONE, "mejl": MAIL},
        "summary": {"sentiment": "positive", "text": WORDS},
        "messages": [message | {"content": WORDS} for message in row["messages"]],
    }


def odd(row: dict[str, Any]) -> dict[str, Any]:
    """Fields that no column fits, or that are not documented."""
    messages = [{**message, "from": MAIL, "content": [PHONE]} for message in row["messages"]]
    return {
        "contact": {"ipAddress": [IP], "phoneNumber": {"raw": PHONE}, "email": MAIL},
        "feedbackComment": {"text": NAME},
        "owner": {"name": NAME, PHONE: True},
        "messages": [*messages, NAME],
    }


def make_bad(world: World, bot_id: int) -> dict[str, Any]:
    """The sandbox's setting that serves records of a bot as each kind of bad record."""
    ids = [row["sessionId"] for row in world.conversations(bot_id)]
    return {"bad_records": dict(zip(ids[1:], BAD_RECORDS, strict=False))}


def found_in(folder: Path) -> list[str]:
    """Which of the originals are in which files of a folder, compressed ones unpacked."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [
        f"{original} in {path.relative_to(folder)}"
        for path in paths
        for text in texts_of(path)
        for original in ORIGINALS
        if original in text
    ]


def texts_of(path: Path) -> Iterator[str]:
    """The content of a file as text: as it is, unpacked, and as the rows of its tables."""
    content = path.read_bytes()
    yield as_text(content)
    if path.suffix == ".gz":
        # cut by a crash, or not packed: then it was searched as it is
        with suppress(EOFError, gzip.BadGzipFile):
            yield as_text(gzip.decompress(content))
    if path.suffix == ".parquet":
        with suppress(OSError, ValueError):
            yield json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False)
    if path.suffix == ".duckdb":
        with duckdb.connect(str(path), read_only=True) as connection:
            yield from tables_of(connection)


def tables_of(connection: Any) -> Iterator[str]:
    """Every row of every table; states of dlt are unpacked."""
    names = connection.execute(
        "SELECT table_schema, table_name FROM information_schema.tables "
        "WHERE table_schema NOT IN ('information_schema', 'pg_catalog')"
    ).fetchall()
    for schema, name in names:
        for row in connection.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall():
            yield " ".join(map(str, row))
            yield from filter(None, map(unpacked, row))


def unpacked(value: Any) -> str | None:
    """The text in a value that dlt has compressed; None if it has not."""
    with suppress(ValueError, TypeError, zlib.error):
        return as_text(zlib.decompress(base64.b64decode(value, validate=True)))
    return None


def as_text(content: bytes) -> str:
    """The content as text; the originals are ASCII, so that no encoding hides them."""
    return content.decode("utf-8", "replace")
