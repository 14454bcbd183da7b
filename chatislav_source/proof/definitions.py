"""The metrics that can be counted in the tables, and the ways of counting that may explain them.

The API's documentation says neither which conversations nor which messages a day counts, so each
metric has several candidates. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Basis = Literal["created", "activity", "sent"]
"""The instant that puts a conversation, or for `sent` a message, into a day."""

BASIS_WORDS: dict[Basis, str] = {
    "created": "created day",
    "activity": "activity day",
    "sent": "day sent",
}
COUNTS = (
    "conversations",
    "takeovers",
    "comments",
    "resolved",
    "unresolved",
    "unclear",
    "summary_resolved",
    "summary_unresolved",
    "summary_unclear",
    "flagged",
    "not_asked",
    "messages",
    "user_messages",
    "assistant_messages",
)
"""What is counted in each bucket of the tables, in the order of the query's columns.

`not_asked` are conversations without a `guardrail_flagged`."""

OF_MESSAGES = ("messages", "user_messages", "assistant_messages")
"""Those that count messages; the others count conversations."""


@dataclass(frozen=True)
class Candidate:
    """One way of counting: the column `count` of `COUNTS`, by the day of `basis` in `zone`.

    `way` distinguishes candidates of one basis and zone: whose messages, which vocabulary.
    """

    basis: Basis
    zone: str
    count: str
    way: str = ""

    @property
    def words(self) -> str:
        """The definition in words, as in `activity day, Europe/Belgrade`."""
        return ", ".join(filter(None, [BASIS_WORDS[self.basis], self.zone, self.way]))

    def fits(self, leader: Candidate) -> bool:
        """Whether this is the leader's way of counting, as far as the leader has one."""
        is_same_day = self.basis == leader.basis
        if leader.way:
            return is_same_day and self.zone == leader.zone and self.way == leader.way
        return self.zone == leader.zone and (is_same_day or self.basis == "sent")


@dataclass(frozen=True)
class Metric:
    """A metric of the API that can be counted; `columns` of `analytics` are summed.

    `ways` are basis, column of `COUNTS` and words. `leader` is the metric whose definition also
    holds for this one, unless the days contradict; None if it stands alone.
    """

    name: str
    columns: tuple[str, ...]
    ways: tuple[tuple[Basis, str, str], ...]
    leader: str | None = None

    def candidates(self, zones: Iterable[str]) -> list[Candidate]:
        """Every way of counting in every zone."""
        return [
            Candidate(basis, zone, count, way) for basis, count, way in self.ways for zone in zones
        ]


def _by_day(count: str) -> tuple[tuple[Basis, str, str], ...]:
    return ("created", count, ""), ("activity", count, "")


def _by_vocabulary(count: str) -> tuple[tuple[Basis, str, str], ...]:
    days: tuple[Basis, ...] = ("created", "activity")
    own = [(day, count, "resolution_status") for day in days]
    summary = [(day, f"summary_{count}", "summary__resolution_status") for day in days]
    return (*own, *summary)


def _by_message(count: str) -> tuple[tuple[Basis, str, str], ...]:
    days: tuple[Basis, ...] = ("created", "activity")
    of_conversations = [(day, count, "all messages of its conversations") for day in days]
    return (*of_conversations, ("sent", count, "messages of that day"))


TOTAL = "conversations__total"
MESSAGES = "conversations__total_messages"
RESOLVED = "resolutions__resolved"
METRICS = (
    Metric(TOTAL, (TOTAL,), _by_day("conversations")),
    Metric(MESSAGES, (MESSAGES,), _by_message("messages"), TOTAL),
    *(
        Metric(f"conversations__{name}", (f"conversations__{name}",), _by_message(name), MESSAGES)
        for name in ("user_messages", "assistant_messages")
    ),
    *(
        Metric(f"conversations__{name}", (f"conversations__{name}",), _by_day(count), TOTAL)
        for name, count in (("human_takeovers", "takeovers"), ("feedback_comments", "comments"))
    ),
    Metric(
        RESOLVED,
        ("resolutions__confirmed", "resolutions__assumed"),
        _by_vocabulary("resolved"),
        TOTAL,
    ),
    *(
        Metric(f"resolutions__{name}", (f"resolutions__{name}",), _by_vocabulary(name), RESOLVED)
        for name in ("unresolved", "unclear")
    ),
)
"""The metrics that are compared; a leader stands before the metrics that follow it."""
