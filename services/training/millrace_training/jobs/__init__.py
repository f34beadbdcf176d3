"""Jobs: work that takes longer than a request, run by child processes and kept true in SQL."""
