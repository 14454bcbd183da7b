"""How the command line opens a DuckDB file, which one process at a time may write."""
