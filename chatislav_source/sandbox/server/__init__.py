"""The HTTP server: documented endpoints, faults, and control endpoints."""
