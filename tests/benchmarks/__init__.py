"""Benchmarks: whole processes side by side on one machine in one run; `make bench` runs them."""
