"""Warehouses: how rows are written to each of them by dlt."""
