"""A refused key: for one bot, for one stream, for all bots, or revoked during a run."""

from __future__ import annotations

from collections.abc import Callable

from chatislav_source.errors import AuthenticationError, BotAccessError
from chatislav_source.extract.key_access import KeyAccess
from chatislav_source.extract.worker_pool import WorkerPool

from .steps import Steps, raising, taken

Begin = Callable[..., WorkerPool]


def test_one_refused_bot_is_aborted_and_the_others_go_on(begin: Begin) -> None:
    refused, good = Steps(1, 5, raising(AuthenticationError(403)), at_once=1), Steps(2, 5)
    access = KeyAccess()

    pool = begin(refused, good, access=access)
    pages = taken(pool)

    assert sum(page.bot_id == 1 for page in pages) == 1
    assert (pool.fatal, good.done, access.readable_bots) == (None, True, {2})
    assert access.explain_refusals([refused, good]) is None
    assert isinstance(refused.error, BotAccessError)
    assert (refused.error.bot_id, refused.error.status) == (1, 403)


def test_a_key_that_no_bot_accepts_is_refused(begin: Begin) -> None:
    access, refusal = KeyAccess(), AuthenticationError(401)
    partitions = [Steps(bot_id, 5, raising(refusal)) for bot_id in (1, 2)]

    taken(begin(*partitions, access=access))

    assert access.explain_refusals(partitions) is refusal


def test_a_key_that_is_revoked_midway_ends_the_run(begin: Begin) -> None:
    revoked = AuthenticationError(401)

    pool = begin(Steps(1, 10, raising(revoked, at=3), at_once=1), Steps(2, 10**6))
    pages = taken(pool)

    assert pool.fatal is revoked
    assert sum(page.bot_id == 1 and page.item is not None for page in pages) == 3


def test_a_bot_that_another_stream_could_read_shows_that_the_key_is_revoked(begin: Begin) -> None:
    revoked, access = AuthenticationError(401), KeyAccess()
    access.note_access("analytics", 1)

    pool = begin(Steps(1, 5, raising(revoked)), access=access)
    taken(pool)

    assert pool.fatal is revoked


def test_a_bot_that_one_stream_must_not_read_ends_in_that_stream_only(begin: Begin) -> None:
    access = KeyAccess()
    access.note_access("analytics", 1)
    partition = Steps(1, 5, raising(AuthenticationError(403)))

    pool = begin(partition, access=access)
    taken(pool)

    assert pool.fatal is None
    assert access.explain_refusals([partition]) is None
    assert isinstance(partition.error, BotAccessError)
    assert partition.error.only_here
