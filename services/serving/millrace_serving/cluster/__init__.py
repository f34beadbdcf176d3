"""Serving on Kubernetes: what its objects look like, what its pods say, and the passes that keep both true."""
