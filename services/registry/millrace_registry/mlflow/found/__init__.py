"""Searches over registered models and versions, of users and of loops at once."""
