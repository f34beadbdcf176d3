"""Registered models of users, with their versions and aliases."""
