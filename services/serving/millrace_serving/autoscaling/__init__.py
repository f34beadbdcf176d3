"""The adapter that tells the API server how many requests are in flight for a revision, for its autoscaler."""
