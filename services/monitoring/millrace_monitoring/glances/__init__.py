"""Many endpoints at a glance, and one endpoint's days in short."""
