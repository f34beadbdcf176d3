"""Labelled production rows, as data to learn from."""
