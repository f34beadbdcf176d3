"""How far what comes in is from what was learned from."""
