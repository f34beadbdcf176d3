"""The page of reviews: predictions that wait for people."""
