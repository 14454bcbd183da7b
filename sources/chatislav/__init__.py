"""Conversations, messages and daily analytics of Chatislav AI agents"""

from typing import Any

import dlt
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

import chatislav_source


@dlt.source(name="chatislav", max_table_nesting=0)
def chatislav(
    api_key: TSecretStrValue = dlt.secrets.value, bot_ids: list[int] | None = None, **arguments: Any
) -> list[DltResource]:
    """The source of the package, with the arguments that `dlt init` and `dlt pipeline` should know.

    Takes every argument of `chatislav_source.chatislav`. What is not given is read from
    `[sources.chatislav]`.
    """
    source = chatislav_source.chatislav(api_key=api_key, bot_ids=bot_ids, **arguments)
    return list(source.resources.values())
