"""dlt's config in Airflow: what a variable holds, in the words of dlt's secrets.toml."""

from __future__ import annotations

import os
import tomllib

from airflow.sdk import Variable


def configure_dlt(secrets_variable: str) -> None:
    """Add the TOML in a variable to dlt's secrets.

    By default dlt requests some 800 variables from Airflow, one for each possible setting.
    """
    os.environ.setdefault("PROVIDERS__ENABLE_AIRFLOW_SECRETS", "false")
    import dlt  # takes half a second, and must come after the line above

    secrets = tomllib.loads(Variable.get(secrets_variable, default=""))
    for section, values in secrets.items():
        dlt.secrets[section] = values
