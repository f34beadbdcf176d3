"""The demo: a year of real flights through the whole loop, from raw CSV to automatic rollback."""
