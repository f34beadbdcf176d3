"""Millrace for users: client, command line, laptop platform, and the ModelLoop schema."""

__version__ = "0.1.0"
