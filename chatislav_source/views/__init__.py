"""The ready models as views in the warehouse, without dbt."""
