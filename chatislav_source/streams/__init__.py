"""What is read of a bot: conversations and analytics, as pure decisions without HTTP or dlt."""
