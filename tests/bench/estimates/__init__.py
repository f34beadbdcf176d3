"""Performance estimated without labels, beside NannyML on its own sets, which are read from its package."""
