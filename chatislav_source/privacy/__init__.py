"""Privacy: what is hashed, masked, scrubbed or dropped before a row is written."""
