"""ModelLoops as declared, and where they stand."""
