"""Logged models: what runs hand over as a model, before anybody registers it."""
