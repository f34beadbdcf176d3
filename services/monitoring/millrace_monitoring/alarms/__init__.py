"""What a monitor found that calls for action, opened and closed once."""
