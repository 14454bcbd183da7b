"""From JSON to Arrow: the schema of the tables, and the rows of a page."""
