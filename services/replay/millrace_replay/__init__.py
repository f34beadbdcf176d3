"""Replays a history through the platform: what a loop would have done, told over REST alone."""
