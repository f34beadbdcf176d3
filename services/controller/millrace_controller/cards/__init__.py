"""Model cards over HTTP."""
