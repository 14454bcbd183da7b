"""Records that cannot be loaded: which rows of their table a load package changes."""
