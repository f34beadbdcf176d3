"""When to retrain and when to go back: pure rules."""
