"""Searches: conditions and sort keys as SQL."""
