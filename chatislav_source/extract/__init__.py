"""Fetching: the worker pool that reads partitions, and the limit of a load package."""
