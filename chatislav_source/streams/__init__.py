"""The two streams of a bot, conversations and analytics: plan, partition and state of each."""
