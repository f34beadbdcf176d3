"""Aliases: pointers to model versions, moved by compare-and-set."""
