"""Revisions side by side in a span of event time: what a rollout is judged by."""
