"""One HTML file with charts of the models: aggregates only, and no network needed to read it."""
