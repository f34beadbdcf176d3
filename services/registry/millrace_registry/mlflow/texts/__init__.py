"""Tags and parameters."""
