"""Parts of statements with many parameters, and their transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby
from operator import itemgetter
from typing import Any

from dlt.destinations.sql_client import SqlClientBase

KEYS_AT_ONCE = 500  # parameters of one statement


def marks(values: Sized) -> str:
    """The placeholders of so many values."""
    return ", ".join(["%s"] * len(values))


def batches(keys: Iterable[tuple[int, str]]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Pairs of a bot and a key, each once, by bot, at most `KEYS_AT_ONCE` together."""
    for bot_id, group in groupby(sorted(set(keys)), key=itemgetter(0)):
        of_bot = [key for _, key in group]
        for start in range(0, len(of_bot), KEYS_AT_ONCE):
            yield bot_id, tuple(of_bot[start : start + KEYS_AT_ONCE])


def together(client: SqlClientBase[Any]) -> AbstractContextManager[Any]:
    """One transaction, where the destination has them; BigQuery has them in sessions only."""
    has_transactions = client.capabilities.supports_ddl_transactions
    return client.begin_transaction() if has_transactions else nullcontext()
