"""One file a detector: a day and its own state in, a finding and the next state out."""
