"""Performance before labels come: what a model's own answers, and rows like those it was judged on, let one expect."""
