"""What may be done with a value before it is written, and the profiles that choose it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

Action = Literal["keep", "scrub", "mask", "hash", "drop"]
"""In the order of strictness, the strictest last."""

ACTIONS: tuple[Action, ...] = get_args(Action)

PSEUDONYMOUS: Mapping[str, Action] = {
    "contact__phone_number": "hash",
    "contact__ip_address": "hash",
    "content": "scrub",
    "feedback_comment": "scrub",
    "summary": "scrub",
    "summary__sentiment": "scrub",
    "summary__resolution_status": "scrub",
    "user_form": "drop",
}
PROFILES: Mapping[str, Mapping[str, Action]] = {
    "keep": {},
    "pseudonymous": PSEUDONYMOUS,
    "minimal": {**PSEUDONYMOUS, "content": "drop", "feedback_comment": "drop", "summary": "drop"},
}
"""By profile, the action for each column; columns that are not named are kept."""


def strictest(actions: Iterable[Action]) -> Action:
    """The strictest of these actions; `keep` if there are none."""
    return max(actions, key=ACTIONS.index, default="keep")
