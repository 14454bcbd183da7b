"""The two documented endpoints: a request checked, the answer built."""
