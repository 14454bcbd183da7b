"""Keeps the tables of versions up to date with the tables whose versions they have."""
