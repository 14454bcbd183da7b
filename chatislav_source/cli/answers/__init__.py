"""Commands that answer questions from what is loaded."""
