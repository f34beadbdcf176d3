"""Who is in production: what the other services have of a loop follows it."""
