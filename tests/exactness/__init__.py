"""After a sync the tables hold what the API holds, whatever happened on the way."""
