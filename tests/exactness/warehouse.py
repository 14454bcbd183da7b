"""A warehouse in memory, loaded from the model API by partitions and a change filter."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from chatislav_source.api.call import ApiResponse
from chatislav_source.config import SyncConfig
from chatislav_source.errors import ChatislavError, RetriesExhaustedError
from chatislav_source.extract.stream_queue import ExtractedPage
from chatislav_source.records.convert import record_batches, tolerant_page
from chatislav_source.runner.conversations.change_filter import ChangeFilter, changed_rows
from chatislav_source.runner.erasure.aged import start_of
from chatislav_source.runner.erasure.left_out import LeftOut
from chatislav_source.streams.conversations import state
from chatislav_source.streams.conversations.page import PATH, Page, PageRequest
from chatislav_source.streams.conversations.partition import ConversationsPartition
from chatislav_source.streams.conversations.plan import conversations_partition
from chatislav_source.streams.version_map import VersionMap
from tests.exactness.model import API, BOT_ID, ModelApi, config_at


class Warehouse:
    """Tables and state, committed together."""

    def __init__(
        self,
        api: ModelApi,
        start: date,
        lookback_days: int | None = None,
        with_flags: bool = False,
    ) -> None:
        self.api = api
        self.start = start
        self.lookback_days = lookback_days
        self.with_flags = with_flags
        self.stored: dict[str, Any] | None = None
        self.comments: dict[str, str] = {}
        self.messages: dict[str, list[int]] = {}
        self.versions: dict[str, str] = {}
        self.flags: dict[str, bool | None] = {}
        self.created: dict[str, date] = {}
        self.active: dict[str, datetime] = {}
        self.left_out = LeftOut(None)
        self.pages: list[ExtractedPage[PageRequest, Page]] = []
        self.problem: ChatislavError | None = None
        self.touched: set[str] = set()
        """Conversations that got a message in the sync under way, also in runs that were killed.

        They do not change again before it ends: nothing is promised of one that moves twice or
        vanishes, as then nothing in the API shows that it has moved.
        """

    def config(self) -> SyncConfig:
        """The config of a sync that starts now."""
        return config_at(self.api.now, self.start, self.lookback_days, self.with_flags)

    def begin(self) -> tuple[ConversationsPartition, ChangeFilter]:
        """The partition of a new run, from what is stored."""
        stored = json.loads(json.dumps(self.stored))
        _, problem = state.restored(stored, BOT_ID, API, self.api.now)
        assert problem is None
        partition = conversations_partition(stored, BOT_ID, self.config(), self.keeps)
        self.pages = []
        versions, today = VersionMap(self.versions.items()), self.api.now.date()
        return partition, ChangeFilter(versions, today, with_flags=self.with_flags)

    def keeps(self, known: dict[str, Any]) -> bool:
        """Whether no row of settled days was lost."""
        settled = known["settled"]
        before = date.fromisoformat(settled["before"]) if settled else self.start
        return settled is None or state.is_kept(settled, self.settled(before))

    def settled(self, before: date, kept_from: date | None = None) -> dict[str, Any]:
        """What the tables hold of the days before one; conversations that are not kept are not."""
        aged = self.aged(kept_from)
        count = sum(self.created[each] < before for each in self.created.keys() - aged)
        return {"before": str(before), "conversations": count, "messages": 0, "last_load": None}

    def aged(self, kept_from: date | None) -> set[str]:
        """The stored conversations that are not kept."""
        start = start_of(kept_from or date.min)
        return {each for each, active in self.active.items() if active < start}

    def commit(self, changes: ChangeFilter) -> None:
        """Load the rows of the pages so far, and the state after them."""
        if not self.pages:
            return
        read = [page for page in self.pages if page.item is not None]
        batches = record_batches([page.item.records for page in read if page.item is not None])
        changed = changed_rows({BOT_ID: changes}, read, batches, is_whole_run=False)
        rows = [self.left_out.kept(each) for each in changed]
        for page in rows:
            for row in page.conversations.to_pylist():
                self.comments[row["session_id"]] = row["feedback_comment"]
                self.versions[row["session_id"]] = row["_version"]
                self.flags[row["session_id"]] = row["guardrail_flagged"]
                self.created[row["session_id"]] = row["created_at"].date()
                self.active[row["session_id"]] = row["last_activity"]
        sent = [row for page in rows for row in page.messages.to_pylist()]
        for session_id in {row["session_id"] for row in sent}:
            self.messages[session_id] = [
                row["message_index"] for row in sent if row["session_id"] == session_id
            ]
        self.stored = changes.noted_in(self.pages[-1].checkpoint)
        if state.is_finished(self.stored):
            before = date.fromisoformat(self.stored["reread_from"])
            counted = self.settled(before, self.config().kept_from)
            self.stored = {**self.stored, "settled": counted}
        self.pages = []

    def differences(self) -> list[str]:
        """What is missing or stale; a removed conversation may stay."""
        lines = []
        for row in self.api.world.values():
            if self.comments.get(row.session_id) != f"version {row.version}":
                lines.append(f"{row} is {self.comments.get(row.session_id)}")
            if self.messages.get(row.session_id) != list(range(len(row.sent))):
                lines.append(f"{row} has messages {self.messages.get(row.session_id)}")
        return [*lines, *self.wrong_flags()]

    def wrong_flags(self) -> list[str]:
        """The stored rows whose flag is not that of the API; null if it was not asked."""
        stored = {name: flag for name, flag in self.flags.items() if name in self.api.world}
        return [
            f"{self.api.world[name]} is flagged {flag}"
            for name, flag in stored.items()
            if flag != (self.api.world[name].flagged if self.with_flags else None)
        ]


@dataclass
class Disturbance:
    """Changes, failures and a kill during a sync; `mutation`, `failure`: chances per step."""

    mutation: float = 0.0
    failure: float = 0.0
    killed_after: int | None = None
    quiet_days: int = 1  # the oldest conversation that may change without a new message


def run_sync(
    warehouse: Warehouse, random: Random, disturbance: Disturbance, in_flight: int = 3
) -> bool:
    """One run, step by step; returns whether it read everything."""
    api = warehouse.api
    partition, changes = warehouse.begin()
    package_pages = random.randint(1, 8)
    waiting: list[PageRequest] = []
    touched = warehouse.touched
    for step in range(20_000):
        if step == disturbance.killed_after:
            return False
        api.now += timedelta(seconds=1)
        if random.random() < disturbance.mutation:
            mutate(api, random, touched, disturbance.quiet_days, warehouse.with_flags)
        request = partition.next_request() if len(waiting) < in_flight else None
        if request is not None:
            waiting.append(request)
        if waiting and (request is None or random.random() < 0.5):
            taken = waiting.pop(random.randrange(len(waiting)))
            page = complete_request(partition, taken, api, random, disturbance.failure)
            warehouse.pages.append(page)
            if partition.done:
                final = replace(page, item=None, checkpoint=partition.state)
                warehouse.pages.append(final)
        elif request is None:
            assert partition.done or partition.error, "no request, but neither done nor failed"
            warehouse.commit(changes)
            warehouse.problem = partition.error
            if partition.done:
                warehouse.touched = set()
            return bool(partition.done)
        if len(warehouse.pages) >= package_pages:
            warehouse.commit(changes)
    raise AssertionError("the run does not end")


def complete_request(
    partition: ConversationsPartition,
    request: PageRequest,
    api: ModelApi,
    random: Random,
    failure: float,
) -> ExtractedPage[PageRequest, Page]:
    """The page of a request, after its partition took note of the outcome."""
    error: ChatislavError | None = None
    result: Page | None = None
    if random.random() < failure:
        error = RetriesExhaustedError(PATH, str(request), 4, "HTTP 500", random.random() < 0.5)
    else:
        try:
            parsed = tolerant_page(api.page(request), False, BOT_ID, partition.reader.zone)
            result = partition.reader.page(request, ApiResponse(parsed, 0, 1, api.now))
            return ExtractedPage(BOT_ID, request, result, partition.on_page(request, result))
        except ChatislavError as problem:
            error = problem
    return ExtractedPage(BOT_ID, request, None, partition.on_error(request, error))


KINDS = ("touch", "touch", "add", "change", "remove")


def mutate(
    api: ModelApi, random: Random, touched: set[str], quiet_days: int, with_flags: bool = False
) -> None:
    """One change of a kind that syncs guarantee to load; no conversation is touched twice."""
    kind = random.choice((*KINDS, "flag", "touch and flag") if with_flags else KINDS)
    recent = api.now.date() - timedelta(days=quiet_days)
    if kind == "add":
        api.add(api.now)
        return
    by_activity = api.date_filter == "activity"
    fit = [
        row
        for row in api.world.values()
        if api.date_of(row) >= recent or (kind.startswith("touch") and by_activity)
    ]
    fit = [row for row in fit if row.session_id not in touched]
    if not fit:
        return
    chosen = random.choice(fit)
    chosen.flagged |= kind.endswith("flag")
    if kind.startswith("touch"):
        touched.add(chosen.session_id)
        api.touch(chosen)
    elif kind == "flag":
        pass  # nothing else of it changes
    elif kind == "change":
        chosen.version += 1 if random.random() < 0.7 else -1
    else:
        api.remove(chosen)
