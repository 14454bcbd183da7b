"""The rows of conversations and messages that a load package writes, and the states with them."""
