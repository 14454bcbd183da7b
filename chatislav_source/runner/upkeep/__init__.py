"""Jobs beside the syncs, which change what is loaded already."""
