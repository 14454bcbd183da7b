"""Metrics that cannot be counted in the tables: the bounds and identities that their values keep.

A value that breaks one is a warning, never a difference: the documentation promises none of them.
Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chatislav_source.proof.definitions import MESSAGES, TOTAL

Values = Mapping[str, float | None]
"""The numbers of a row of `analytics` by column."""

CONTACTS = (
    "conversations__unique_contacts",
    "conversations__new_users",
    "conversations__returning_users",
    "conversations__lead_collected_users",
)
CREDITS = "usage__total_credits"
CREDIT_PARTS = (
    "usage__main_llm",
    "usage__agent_router",
    "usage__agent_inner_loop",
    "usage__guardrails",
    "usage__conversation_summary",
    "usage__followup_questions",
    "usage__starter_questions",
    "usage__prompt_assistant",
    "usage__image_features",
    "usage__other",
)
CREDIT_TOLERANCE = 0.01 * len(CREDIT_PARTS)  # each part is rounded to hundredths
GUARDRAILS = "conversations__guardrail_interventions"
AVERAGE = "conversations__avg_messages_per_conversation"
AVERAGE_TOLERANCE = 0.05  # as if it were rounded to tenths
MEDIAN = "conversations__median_duration_seconds"
AT_MOST = "not counted; at most the conversations of the day"
QUOTIENT = "not counted; messages by conversations of the day"
NO_BOUND = "not counted"
SUM_OF_PARTS = "not counted; the sum of its parts"
AT_LEAST_FLAGGED = "not counted; at least the flagged conversations of the day"


def values(totals: Values) -> Iterator[tuple[str, float | None, str]]:
    """The metrics that cannot be counted: name, the API's value, and what bounds it."""
    for name in CONTACTS:
        yield name, totals.get(name), AT_MOST
    yield CREDITS, totals.get(CREDITS), SUM_OF_PARTS
    yield GUARDRAILS, totals.get(GUARDRAILS), AT_LEAST_FLAGGED
    yield AVERAGE, totals.get(AVERAGE), QUOTIENT
    yield MEDIAN, totals.get(MEDIAN), NO_BOUND


def broken(totals: Values, flagged: int | None = None, by_event: bool = True) -> list[str]:
    """What is wrong with the values of one row of `analytics`, in words.

    `flagged` are the day's conversations with guardrail events; None if that is not known.
    `by_event`: its messages may be others than those of its conversations.
    """
    problems = [] if flagged is None else _broken_by_flags(totals.get(GUARDRAILS), flagged)
    most = totals.get(TOTAL)
    for name in CONTACTS:
        value = totals.get(name)
        if value is not None and most is not None and value > most:
            problems.append(f"{name} is {value:g}, more than its {most:g} conversations")
    credit = totals.get(CREDITS)
    parts = [part for name in CREDIT_PARTS if (part := totals.get(name)) is not None]
    if credit is not None and len(parts) == len(CREDIT_PARTS):
        difference = abs(credit - sum(parts))
        if difference > CREDIT_TOLERANCE:
            problems.append(f"{CREDITS} is {credit:g}, but its parts are {sum(parts):g}")
    average, messages = totals.get(AVERAGE), totals.get(MESSAGES)
    if average is not None and messages is not None and most and not by_event:
        quotient = messages / most
        if abs(average - quotient) > AVERAGE_TOLERANCE:
            problems.append(f"{AVERAGE} is {average:g}, but its messages make {quotient:.2f}")
    return problems


def _broken_by_flags(interventions: float | None, flagged: int) -> list[str]:
    """Each flagged conversation has at least one intervention, and each of these flags one."""
    if interventions is None or (flagged <= interventions and bool(flagged) == bool(interventions)):
        return []
    shown = f"{flagged or 'no'} conversation{'s are' if flagged > 1 else ' is'}"
    return [f"{GUARDRAILS} is {interventions:g}, but {shown} flagged"]
