"""Batch predictions: a file's row groups are scored one by one, each a finished piece of work."""
