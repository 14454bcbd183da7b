"""Conversations as JSON, in the form that the settings choose."""
