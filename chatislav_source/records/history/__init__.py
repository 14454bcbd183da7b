"""The tables of versions."""
