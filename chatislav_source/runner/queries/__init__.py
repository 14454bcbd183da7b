"""Questions to the warehouse."""
