"""What travels between services, users and clusters: every type once, with its bounds; pydantic and nothing else."""
