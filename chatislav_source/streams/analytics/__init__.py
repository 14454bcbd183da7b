"""The stream of analytics: totals per day and channel."""
