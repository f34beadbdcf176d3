"""The process of one job: what it does from start to end, and how it is started, seen and stopped."""
