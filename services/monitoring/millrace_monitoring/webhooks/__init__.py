"""Alarms on their way to people's own systems."""
