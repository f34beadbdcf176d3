"""Whether the champion has become worse."""
