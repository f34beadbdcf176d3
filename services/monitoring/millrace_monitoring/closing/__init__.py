"""A day of an endpoint is closed once, from its data alone."""
