"""What a loop would have done on history."""
