"""Load Chatislav into your warehouse with Dagster, without a project of `dg`: copy this file."""

import dagster as dg

from chatislav_source.integrations.dagster import ChatislavComponent

# key and warehouse: SOURCES__CHATISLAV__API_KEY, DESTINATION__POSTGRES__CREDENTIALS, or .dlt/*.toml
chatislav = ChatislavComponent(bot_ids=[123, 456], destination="postgres", schedule="0 * * * *")
defs = dg.Definitions.merge(
    chatislav.build_defs(),
    dg.Definitions(executor=dg.in_process_executor),  # two short steps need no process each
)
