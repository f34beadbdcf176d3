"""Which runs may be started: a queue with equal shares for projects, and the room that there is."""
