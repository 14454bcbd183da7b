"""Proof: compares the tables with the API's own totals, and finds out how the API counts."""
