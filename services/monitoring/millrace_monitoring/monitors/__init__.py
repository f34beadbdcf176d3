"""Which endpoint is watched, by what policy, since when."""
