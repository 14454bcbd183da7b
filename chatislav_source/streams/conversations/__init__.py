"""Conversations: windows of days, read page by page."""
