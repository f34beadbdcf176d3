"""Predictions that people look at: the queue, what they say, and what their labels say of all rows."""
