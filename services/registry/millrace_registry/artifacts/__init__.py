"""Artifacts: bytes by digest."""
