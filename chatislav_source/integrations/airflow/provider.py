"""The entry point `apache_airflow_provider`: a connection type with a form."""

from __future__ import annotations

from typing import Any

CONNECTION_TYPE = "chatislav"
DEFAULT_CONNECTION = "chatislav_default"
SECONDARY_KEY = "secondary_api_key"


def get_provider_info() -> dict[str, Any]:
    """The provider; imports nothing of Airflow, as it is called while Airflow starts."""
    return {
        "package-name": "chatislav-source",
        "name": "Chatislav",
        "description": "Loads Chatislav conversations, messages and analytics into a warehouse.",
        "connection-types": [
            {
                "connection-type": CONNECTION_TYPE,
                "hook-name": "Chatislav",
                "hook-class-name": "chatislav_source.integrations.airflow.hook.ChatislavHook",
                "conn-fields": {
                    SECONDARY_KEY: {
                        "label": "Secondary API key",
                        "schema": {"type": ["string", "null"], "format": "password"},
                        "description": "Used when the first is refused: keys can be rotated.",
                    }
                },
                "ui-field-behaviour": {
                    "hidden-fields": ["login", "port", "schema", "extra"],
                    "relabeling": {"password": "API key", "host": "Base URL"},
                    "placeholders": {
                        "password": "chsk_live_…",
                        "host": "https://chatislav.ai/api/v1",
                    },
                },
            }
        ],
    }
