"""Evaluation: candidate and champion on the same rows, by day, by slice, and as a page to read."""
