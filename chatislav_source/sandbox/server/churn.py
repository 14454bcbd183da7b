"""Random changes of the data between responses, as in a workspace in use."""

from __future__ import annotations

from random import Random

from chatislav_source.sandbox.settings import Settings
from chatislav_source.sandbox.world.world import World


class Churn:
    """Changes a bot with configured probabilities; the caller must hold the lock of the world."""

    def __init__(self, world: World, settings: Settings) -> None:
        self._world = world
        self._settings = settings
        self._seed: int | None = None
        self._random = Random()  # noqa: S311 - repeatable test data
        self._changes = 0

    def after_answer(self, bot_id: int) -> None:
        """Make each kind of change with its probability, up to `churn_limit` in total."""
        settings = self._settings
        if self._seed != settings.churn_seed:
            self._seed = settings.churn_seed
            self._random.seed(self._seed)
        for kind, probability in settings.churn.items():
            if settings.churn_limit is not None and self._changes >= settings.churn_limit:
                return
            if self._random.random() < probability:
                self._changes += self._world.mutate(kind, self._random, bot_id) is not None
