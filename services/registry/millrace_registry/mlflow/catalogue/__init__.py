"""Registered models over HTTP: users' own, and beside them those of loops, which are read-only."""
