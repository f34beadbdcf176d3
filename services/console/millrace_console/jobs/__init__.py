"""Jobs of runs: what they say while they work, as it happens, and what they printed."""
