"""Endpoints and revisions as they are stored, and what they are called on the wire."""
