"""The errors of the package; each message says what happened, what it means and what to do.

ChatislavError
├── ConfigurationError        an argument, a key or a file is not usable; nothing was requested
├── AuthenticationError       no key is accepted; nothing more can be read
├── BotAccessError            the key is accepted, but not for this bot
├── RequestRejectedError      the API rejects this request (any other 4xx)
├── RetriesExhaustedError     every try of a request failed
│   └── ApiUnreachableError   the API has not responded to any request
├── UnexpectedResponseError   a response with an undocumented shape, which could lose rows
├── PipelineLockedError       another process uses the pipeline or the database
├── DiskFullError             a disk or a quota is full; nothing is lost
└── LoadFailedError           the destination rejected a load
"""

from __future__ import annotations

import errno
import re


class ChatislavError(Exception):
    """Base class of the errors of this package; `requests` were sent before it was raised."""

    requests: int = 0


class ConfigurationError(ChatislavError, ValueError):
    """An argument, a key or a file cannot be used; no request was sent."""


class AuthenticationError(ChatislavError):
    """The API refuses every configured key (401 or 403)."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(
            f"The API refused the key (HTTP {status}). The key is missing, invalid or revoked, or "
            "API Access is disabled for the workspace. Check both in Profile > External API, then "
            "set SOURCES__CHATISLAV__API_KEY or .dlt/secrets.toml and run again; "
            "what was loaded before is kept."
        )


class BotAccessError(ChatislavError):
    """The key is not accepted for this bot; with `only_here`, not for one endpoint of the bot."""

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
    "here (HTTP {}) while the API's other endpoint accepts it. The key or the workspace "
    "probably lacks the right. Ask the vendor, or leave the resource out."
)


class RequestRejectedError(ChatislavError):
    """The API responded with 4xx: the same request would be rejected again."""

    def __init__(self, path: str, label: str, status: int, excerpt: str) -> None:
        self.path = path
        self.status = status
        super().__init__(
            f"POST {path} for {label} was refused (HTTP {status}): {excerpt or 'no text'}. "
            "Check the bot id, the dates and base_url; if they are right, the API has changed."
        )


class RetriesExhaustedError(ChatislavError):
    """Every try of a request failed with a temporary error; `advice` may be empty."""

    def __init__(
        self,
        path: str,
        label: str,
        tries: int,
        reason: str,
        size_may_be_why: bool = False,
        advice: str = "",
    ) -> None:
        self.path = path
        self.label = label
        self.tries = tries
        self.reason = reason
        self.size_may_be_why = size_may_be_why
        steps = [self._what_happened(), advice, LATER]
        super().__init__(" ".join(filter(None, steps)))

    def _what_happened(self) -> str:
        times = f"{self.tries} time{'s' * (self.tries != 1)}"
        return f"POST {self.path} for {self.label} failed {times}, last: {self.reason}."


LATER = "Nothing is lost: run again later to continue from here."


class ApiUnreachableError(RetriesExhaustedError):
    """The API has not responded to any request of this run; the message names no request."""

    def _what_happened(self) -> str:
        return f"The API has not responded to any request: {self.reason}."


class WrongShapeError(Exception):
    """A body is JSON, but not in the documented shape; `problem` names the difference.

    The `parse` argument of `ChatislavClient.post` raises it. The client retries the request, and
    raises `UnexpectedResponseError` after the last try.
    """

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)


class UnexpectedResponseError(ChatislavError):
    """The API responded with 2xx, but not in the documented shape."""

    def __init__(self, path: str, label: str, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(
            f"POST {path} for {label}: {problem}. Stopped, because continuing could lose rows. "
            "Run again; if it repeats, the API has changed."
        )


class PipelineLockedError(ChatislavError):
    """Another process runs the same pipeline or has the database file open."""


FULL = re.compile("No space left on device|Disk quota exceeded|disk full", re.IGNORECASE)


class DiskFullError(ChatislavError):
    """A disk or a quota is full, of this machine or of the warehouse."""

    def __init__(self) -> None:
        super().__init__(
            "The disk is full. Free some space where the database, the folder of dlt's pipelines "
            "and temporary files are, and run again to continue; what was loaded is kept."
        )

    @staticmethod
    def is_cause(error: BaseException) -> bool:
        """Whether an error says that there is no space left."""
        number = error.errno if isinstance(error, OSError) else None
        return number in (errno.ENOSPC, errno.EDQUOT) or bool(FULL.search(str(error)))


class LoadFailedError(ChatislavError):
    """The destination rejected a load; has no text of the error, which may contain rows."""

    def __init__(self, step: str, kind: str) -> None:
        self.step = step
        self.kind = kind
        super().__init__(
            f"The {step} step failed ({kind}). Nothing is lost: the next run reads its rows "
            "again. Check the destination with `chatislav check`; --debug shows the traceback."
        )
