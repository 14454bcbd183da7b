"""The SQL of `verify`, and how several queries become one."""
