"""The conversations that the sandbox serves: made up from a seed, and changed by tests."""
