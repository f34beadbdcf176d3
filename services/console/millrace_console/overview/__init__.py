"""All loops of a project on one page."""
