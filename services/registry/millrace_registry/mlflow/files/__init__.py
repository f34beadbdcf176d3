"""Files as clients call them; the store chooses every key."""
