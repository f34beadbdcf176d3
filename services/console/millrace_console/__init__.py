"""The console: pages over everything that the other services know; it owns no data."""
