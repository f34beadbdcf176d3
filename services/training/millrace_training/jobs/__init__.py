"""Jobs: work that takes longer than a request, kept true in SQL."""
