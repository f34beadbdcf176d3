"""Why the gateway refuses a request: which column, and how to mend it."""
