"""What monitors found, and who has seen it."""
