"""`make bench-decisions`: ways of deciding when to retrain, side by side on streams by pip and on known worlds."""
