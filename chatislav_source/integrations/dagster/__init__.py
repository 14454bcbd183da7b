"""The Dagster component: Chatislav's tables as assets, on a schedule, with a check.

`dg scaffold defs chatislav_source.integrations.dagster.ChatislavComponent chatislav` adds it to a
project. `ChatislavComponent(bot_ids=[101], destination="postgres").build_defs()` needs no `dg`.
"""

from __future__ import annotations

from chatislav_source.integrations import explained

try:
    from chatislav_source.integrations.dagster.component import ChatislavComponent
except ModuleNotFoundError as error:
    raise explained(error, "dagster") from None

__all__ = ["ChatislavComponent"]
