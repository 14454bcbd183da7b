"""The sync: threads, load packages, de-duplication and state."""
