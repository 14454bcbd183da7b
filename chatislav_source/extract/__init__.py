"""Fetching: worker threads that read partitions, and when a load package ends."""
