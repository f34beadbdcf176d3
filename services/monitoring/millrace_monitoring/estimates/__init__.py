"""Performance before labels come: estimated for days that wait for theirs, and judged by those that settled."""
