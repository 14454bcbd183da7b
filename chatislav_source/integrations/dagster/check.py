"""The check that each final day holds what the API counts, by `verify`."""

import dagster as dg

from chatislav_source import verify
from chatislav_source.integrations.dagster.options import ChatislavOptions
from chatislav_source.integrations.pipelines import task_pipeline


def check_of(options: ChatislavOptions) -> dg.AssetChecksDefinition:
    """A check of the conversations, after each run of theirs; a difference is a warning."""

    @dg.asset_check(
        asset=options.key("conversations"),
        additional_deps=[options.key("analytics")],
        name="agrees_with_analytics",
        pool=options.pool,
        retry_policy=options.retry_policy,
    )
    def agrees_with_analytics() -> dg.AssetCheckResult:
        """Check that each final day holds what the API counts, in the way its totals prove."""
        name = f"{options.name}_verify"
        with task_pipeline(
            name, options.destination, options.dataset, options.pipelines_dir
        ) as pipeline:
            result = verify(pipeline)
        different = [
            f"{row.bot_id} {row.date} {row.channel} {row.metric}: {row.difference:+g}"
            for bot in result.bots
            for row in bot.differences
        ]
        return dg.AssetCheckResult(
            passed=not different,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={
                "yesterday": result.sentence,
                "days": sum(len(bot.days) for bot in result.bots),
                "different": different,
                "unproven": [
                    f"{bot.bot_id} {metric}" for bot in result.bots for metric in bot.unproven
                ],
            },
        )

    return agrees_with_analytics
