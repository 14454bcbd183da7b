"""Real servers and emulators of warehouses, started for the tests on loopback ports."""
