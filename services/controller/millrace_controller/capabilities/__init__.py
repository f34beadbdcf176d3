"""What this platform found around it, and what it makes of it."""
