"""Decisions: an append-only, hash-chained log."""
