"""Declared rows are scored by themselves; reading and scoring are jobs of training's."""
