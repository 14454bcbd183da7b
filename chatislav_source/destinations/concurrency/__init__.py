"""Several runs at once: a lock for each bot, and the rows that were stored twice nevertheless."""
