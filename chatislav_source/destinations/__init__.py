"""The destinations: how dlt writes rows into each kind of warehouse."""
