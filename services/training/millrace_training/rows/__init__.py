"""Rows: read it, type it, hold it to its contract, keep it as an immutable version or in quarantine."""
