"""The connection of the API: its key and base URL as arguments of `sync`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException

from chatislav_source.integrations.airflow.provider import (
    CONNECTION_TYPE,
    DEFAULT_CONNECTION,
    SECONDARY_KEY,
)


class ChatislavHook(BaseHook):
    """A connection of the type Chatislav; a generic or HTTP one with a password is read too."""

    conn_name_attr = "chatislav_conn_id"
    default_conn_name = DEFAULT_CONNECTION
    conn_type = CONNECTION_TYPE
    hook_name = "Chatislav"

    def __init__(self, chatislav_conn_id: str = DEFAULT_CONNECTION) -> None:
        super().__init__()
        self.chatislav_conn_id = chatislav_conn_id

    def get_conn(self) -> dict[str, Any]:
        """The arguments that the connection holds; none if there is no connection.

        Whatever it does not hold comes from dlt's config.
        """
        try:
            connection = self.get_connection(self.chatislav_conn_id)
        except AirflowNotFoundException:
            return {}
        held = {
            "api_key": connection.password,
            "base_url": connection.host,
            SECONDARY_KEY: connection.extra_dejson.get(SECONDARY_KEY),
        }
        return {name: value for name, value in held.items() if value}
