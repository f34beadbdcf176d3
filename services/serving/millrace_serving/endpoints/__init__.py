"""Endpoints and their revisions."""
