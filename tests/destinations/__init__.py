"""The same loads, run against every warehouse that can be had on one machine."""
