"""Graphs of versions, run on logged rows."""
