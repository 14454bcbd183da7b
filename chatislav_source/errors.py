"""What can go wrong, as a tree; each error says what happened, what it means and what to do.

ChatislavError
├── ConfigurationError        an argument, a key or a file is not usable; nothing was requested
├── AuthenticationError       no key is accepted; nothing more can be read
├── BotAccessError            the key is good, but not for this bot
├── RequestRejectedError      the API does not take this request (any other 4xx)
├── RetriesExhaustedError     the API did not answer well within the budget of tries
├── UnexpectedResponseError   an answer that would lose rows if it were believed
├── PipelineLockedError       another run holds the pipeline or the database
└── LoadFailedError           the destination refused what was read
"""

from __future__ import annotations


class ChatislavError(Exception):
    """Base of every error this package raises on purpose."""


class ConfigurationError(ChatislavError, ValueError):
    """What was asked for cannot be done as it was asked; no request was sent."""


class AuthenticationError(ChatislavError):
    """The API refuses every key it was given (401 or 403)."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(
            f"The API refused the key (HTTP {status}). The key is missing, invalid or revoked, or "
            "API Access is disabled for the workspace. Check both in Profile > External API, then "
            "set SOURCES__CHATISLAV__API_KEY or .dlt/secrets.toml and run again; "
            "what was loaded before is kept."
        )


class BotAccessError(ChatislavError):
    """The key is accepted, but not for this bot; or, `only_here`, not for one endpoint of it."""

    def __init__(self, bot_id: int, status: int, only_here: bool = False) -> None:
        self.bot_id = bot_id
        self.status = status
        self.only_here = only_here
        super().__init__(f"Bot {bot_id} is refused " + (HERE if only_here else BOT).format(status))


BOT = (
    "(HTTP {}) while the key works for other bots. It probably belongs to another workspace. Check "
    "its id, or use a key of its workspace."
)
HERE = (
    "here (HTTP {}) while the API's other endpoint answers for it. The key or the workspace "
    "probably lacks the right. Ask the vendor, or leave the resource out."
)


class RequestRejectedError(ChatislavError):
    """The API answered 4xx: the same request would be refused again."""

    def __init__(self, path: str, label: str, status: int, excerpt: str) -> None:
        self.path = path
        self.status = status
        super().__init__(
            f"POST {path} for {label} was refused (HTTP {status}): {excerpt or 'no text'}. "
            "Check the bot id, the dates and base_url; if they are right, the API has changed."
        )


class RetriesExhaustedError(ChatislavError):
    """Every try of a request failed in a way that may pass."""

    def __init__(
        self, path: str, label: str, tries: int, reason: str, size_may_be_why: bool = False
    ) -> None:
        self.path = path
        self.tries = tries
        self.reason = reason
        self.size_may_be_why = size_may_be_why
        super().__init__(
            f"POST {path} for {label} failed {tries} time{'s' * (tries != 1)}, last: {reason}. "
            "Nothing is lost: run again later and it goes on from here."
        )


class WrongShapeError(Exception):
    """A body is JSON, but not in the documented shape; `problem` says what is wrong with it.

    A `parse` given to `ChatislavClient.post` raises it. The client tries the request again, and
    raises `UnexpectedResponseError` after the last try.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class UnexpectedResponseError(ChatislavError):
    """The API answered 2xx, but not in the documented shape."""

    def __init__(self, path: str, label: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(
            f"POST {path} for {label}: {problem}. Stopped, because going on would lose rows. "
            "Run again; if it repeats, the API has changed."
        )


class PipelineLockedError(ChatislavError):
    """Another process works on the same pipeline or holds the database file."""


class LoadFailedError(ChatislavError):
    """The destination refused a load; the step and the kind of error, as its text may hold rows."""

    def __init__(self, step: str, kind: str) -> None:
        self.step = step
        self.kind = kind
        super().__init__(
            f"The {step} step failed ({kind}). Nothing is lost: what it held is read again by the "
            "next run. Check the destination with `chatislav check`; --debug shows the traceback."
        )
