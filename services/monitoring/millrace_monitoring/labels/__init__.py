"""What was true, told late."""
