"""All loops of a project at a glance."""
