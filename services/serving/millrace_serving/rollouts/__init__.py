"""Rollouts: from a loaded revision to the champion, or back."""
