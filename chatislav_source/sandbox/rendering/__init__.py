"""Renders conversations as JSON in the configured form."""
