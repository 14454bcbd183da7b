"""The command `check`: is the key accepted, are bots readable, can the destination be written."""
