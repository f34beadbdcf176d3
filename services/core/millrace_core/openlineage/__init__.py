"""OpenLineage: what ran, what it read and what it wrote, told to a receiver that somebody named; off by default."""
