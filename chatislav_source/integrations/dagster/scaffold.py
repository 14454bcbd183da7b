"""What `dg scaffold defs` writes: the three lines that everyone decides."""

from typing import Any

import dagster as dg
from pydantic import BaseModel, Field


class ScaffoldParams(BaseModel):
    """The options of `dg scaffold defs`."""

    bot_ids: list[int] = Field(default=[123, 456], description="The bots to load.")
    destination: str = Field(default="postgres", description="The dlt destination.")
    schedule: str = Field(default="0 * * * *", description="Cron schedule in UTC.")


class ChatislavScaffolder(dg.Scaffolder[ScaffoldParams]):
    """Writes `defs.yaml` with bots, destination and schedule."""

    @classmethod
    def get_scaffold_params(cls) -> type[ScaffoldParams]:
        """The options that the command takes."""
        return ScaffoldParams

    def scaffold(self, request: dg.ScaffoldRequest[ScaffoldParams]) -> None:
        """Write the file."""
        params = request.params or ScaffoldParams()
        attributes: dict[str, Any] = params.model_dump()
        dg.scaffold_component(request, attributes)
