"""The Airflow DAG: `chatislav_dag(bot_ids=[101], destination="postgres")` is a whole DAG file.

Airflow is imported with the first use of `chatislav_dag`: Airflow itself reads the connection type
from this package (`provider`) while it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatislav_source.integrations import explained

if TYPE_CHECKING:
    from chatislav_source.integrations.airflow.dag import chatislav_dag

__all__ = ["chatislav_dag"]


def __getattr__(name: str) -> Any:
    """Import `chatislav_dag` when it is first used."""
    if name != "chatislav_dag":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from chatislav_source.integrations.airflow.dag import chatislav_dag
    except ModuleNotFoundError as error:
        raise explained(error, "airflow") from None
    return chatislav_dag
