"""The workspace of a job that runs elsewhere: its folder, over REST, guarded by the number of its attempt."""
