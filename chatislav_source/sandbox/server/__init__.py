"""The HTTP server: documented endpoints, faults, and control from another process."""
