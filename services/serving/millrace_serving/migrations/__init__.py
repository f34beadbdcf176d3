"""Schema of serving's database."""
