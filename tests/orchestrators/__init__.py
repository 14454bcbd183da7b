"""The pipelines as Airflow, Dagster and cron run them, against the sandbox."""
