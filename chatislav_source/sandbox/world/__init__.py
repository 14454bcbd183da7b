"""The data that the sandbox serves: generated from a seed, and changed by tests."""
