"""Load Chatislav into your warehouse with Airflow: copy this file to your dags.

The key is in the connection `chatislav_default`, the warehouse in the variable `dlt_secrets_toml`.
"""

from chatislav_source.integrations.airflow import chatislav_dag

chatislav_dag(bot_ids=[123, 456], destination="postgres")
