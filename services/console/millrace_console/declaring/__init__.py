"""A loop that is declared from a file in the browser: looked at, drafted, edited, applied."""
