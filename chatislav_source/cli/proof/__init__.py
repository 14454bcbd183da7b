"""The command `verify`, and its output."""
