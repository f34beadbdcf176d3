"""Two revisions on the same rows."""
