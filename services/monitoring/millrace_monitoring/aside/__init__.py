"""Decisions of which nobody could be told: set aside, shown, and read again; what follows is told all the same."""
