"""Responses that a test defines for the next requests."""

from __future__ import annotations

from collections import deque
from threading import Lock

from chatislav_source.sandbox.server.answer import Answer


class ScriptedAnswers:
    """A queue of responses, each sent once; thread-safe."""

    def __init__(self) -> None:
        self._answers: deque[Answer] = deque()
        self._lock = Lock()

    def extend(self, answers: tuple[Answer, ...]) -> None:
        """Append responses to the queue."""
        with self._lock:
            self._answers.extend(answers)

    def take(self, path: str) -> Answer | None:
        """Remove and return the first response for `path`; None if there is none."""
        with self._lock:
            for answer in self._answers:
                if answer.path in (None, path):
                    self._answers.remove(answer)
                    return answer
        return None
