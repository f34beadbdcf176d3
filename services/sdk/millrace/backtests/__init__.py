"""Backtests side by side: documents that differ in some fields, and what came of each, for people to read."""
