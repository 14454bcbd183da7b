"""The two documented endpoints: checks requests and builds responses."""
