"""Records: the schema of the tables, and the conversion of JSON to Arrow rows."""
