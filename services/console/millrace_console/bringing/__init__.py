"""Files that a person brings, and what became of them."""
