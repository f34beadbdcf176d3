"""What an auditor asks: was anything rewritten, who was champion then, what made it, what happened to a request."""
