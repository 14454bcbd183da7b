"""The options of the Dagster component."""

from datetime import date

import dagster as dg
from pydantic import Field, PositiveFloat, PositiveInt, field_validator

NO_BOTS = "There is no bot to load. List the ids of your bots, as in bot_ids: [123, 456]."
DUPLICATES = "Each bot may be listed once, as it is a partition; listed twice: {bots}."


class ChatislavOptions(dg.Model):
    """The fields of `attributes` in the YAML; durations in the unit of their name."""

    bot_ids: list[PositiveInt] = Field(
        description="The bots to load. Each is a partition, and a run of its own."
    )
    destination: str = Field(
        description="The dlt destination, such as postgres; its credentials come from dlt's "
        "config. A DuckDB file allows one writer at a time."
    )
    schedule: str | None = Field(
        default="0 * * * *",
        description="Cron schedule in UTC: when to load what is new. None: no schedule.",
    )
    running: bool = Field(
        default=False,
        description="Whether the schedule runs at once. False: when it is started in the user "
        "interface.",
    )
    dataset: str = Field(default="chatislav", description="The schema that the tables are in.")
    name: str = Field(
        default="chatislav",
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="The beginning of every name: asset keys, group, job, schedule and pipelines. "
        "A second component in one project needs another.",
    )
    first_day: str = Field(
        default="2026-01-01",
        description="The first partition, as YYYY-MM-DD: how far back a backfill can go.",
    )
    max_days_per_run: PositiveInt = Field(
        default=31, description="A backfill makes one run for up to so many days of a bot."
    )
    retries: int = Field(default=4, ge=0, description="How often a run that failed is tried again.")
    first_retry_seconds: PositiveFloat = Field(
        default=60, description="The wait before the first retry. It doubles with each."
    )
    pool: str = Field(
        default="chatislav",
        description="The concurrency pool of the runs; limit it to one run in dagster.yaml.",
    )
    freshness_warn_hours: PositiveFloat = Field(
        default=3, description="Warn of a table that was not loaded for so long."
    )
    freshness_fail_hours: PositiveFloat = Field(
        default=24, description="A table that was not loaded for so long is not fresh."
    )
    verify: bool = Field(
        default=True,
        description="Check after each run that final days hold what the API counts. Needs a "
        "destination that `chatislav verify` can ask.",
    )
    max_concurrency: PositiveInt | None = Field(
        default=None,
        description="The most requests that a run has in flight at once. None: as in dlt's config.",
    )
    pipelines_dir: str | None = Field(
        default=None,
        description="The folder of the dlt pipelines. None: a temporary one for each run.",
    )

    @field_validator("bot_ids")
    @classmethod
    def _each_once(cls, bot_ids: list[int]) -> list[int]:
        if not bot_ids:
            raise ValueError(NO_BOTS)
        if twice := sorted({bot for bot in bot_ids if bot_ids.count(bot) > 1}):
            raise ValueError(DUPLICATES.format(bots=", ".join(map(str, twice))))
        return bot_ids

    @field_validator("first_day")
    @classmethod
    def _is_a_day(cls, first_day: str) -> str:
        return date.fromisoformat(first_day).isoformat()

    @property
    def partitions(self) -> dg.MultiPartitionsDefinition:
        """Bots by days, today included."""
        bots = dg.StaticPartitionsDefinition([str(bot) for bot in self.bot_ids])
        days = dg.DailyPartitionsDefinition(self.first_day, end_offset=1)
        return dg.MultiPartitionsDefinition({"bot": bots, "day": days})

    @property
    def retry_policy(self) -> dg.RetryPolicy:
        """Of the load and of the check: Dagster may launch the first runs of a new pool together.

        The second of them then finds that the first has locked the bots, or has the database open.
        """
        return dg.RetryPolicy(
            max_retries=self.retries,
            delay=self.first_retry_seconds,
            backoff=dg.Backoff.EXPONENTIAL,
            jitter=dg.Jitter.PLUS_MINUS,
        )

    def key(self, table: str) -> dg.AssetKey:
        """The asset of a table."""
        return dg.AssetKey([self.name, table])
