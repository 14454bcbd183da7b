"""After a sync the tables equal the API's data, whatever failed or changed meanwhile."""
