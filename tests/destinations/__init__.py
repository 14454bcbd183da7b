"""The same loads, into every warehouse or emulator that runs on one machine."""
